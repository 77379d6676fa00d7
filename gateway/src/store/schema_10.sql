-- On-call overrides that people make: who takes the call of a rotation for a time. `until` is when it is over, or will be.
CREATE TABLE on_call_override (id INTEGER PRIMARY KEY, is_open INTEGER NOT NULL, until INTEGER NOT NULL, record TEXT NOT NULL);
CREATE INDEX on_call_override_until ON on_call_override (until);
-- Tickets with a bad rating that somebody has to see to are few among many.
CREATE INDEX ticket_follow_up ON ticket (id) WHERE json_extract(record, '$.follow_ups[#-1].state.is') = 'open';
-- Drills that were held, and whom their notices would have told.
CREATE TABLE drill (id INTEGER PRIMARY KEY, at INTEGER NOT NULL, kind TEXT NOT NULL, scenario TEXT NOT NULL, is_good INTEGER NOT NULL,
    by TEXT NOT NULL, conclusion TEXT NOT NULL);
CREATE TABLE rehearsed_notice (id INTEGER PRIMARY KEY, at INTEGER NOT NULL, site TEXT NOT NULL, subject TEXT NOT NULL, receivers TEXT NOT NULL);
CREATE INDEX rehearsed_notice_site ON rehearsed_notice (site, id);
