CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID;

-- What was committed and is not yet everywhere it must go: one row a commit.
CREATE TABLE journal (position INTEGER PRIMARY KEY, committed_at INTEGER NOT NULL, messages INTEGER NOT NULL, entry BLOB NOT NULL);

-- The dictionaries behind the indices in journal and checkpoints.
CREATE TABLE device (idx INTEGER PRIMARY KEY, site TEXT NOT NULL, name TEXT NOT NULL, profile TEXT NOT NULL, first_seen INTEGER NOT NULL, UNIQUE (site, name));
CREATE TABLE metric (idx INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);

CREATE TABLE checkpoint (device INTEGER PRIMARY KEY, position INTEGER NOT NULL, state BLOB NOT NULL);

CREATE TABLE alarm (
    id TEXT PRIMARY KEY, site TEXT NOT NULL, device TEXT NOT NULL, failure_mode TEXT NOT NULL, episode INTEGER NOT NULL,
    is_open INTEGER NOT NULL, state TEXT NOT NULL, severity TEXT NOT NULL, risk TEXT NOT NULL,
    raised_at INTEGER NOT NULL, changed_at INTEGER NOT NULL, revision INTEGER NOT NULL, record TEXT NOT NULL,
    UNIQUE (site, device, failure_mode, episode));
CREATE INDEX alarm_open ON alarm (is_open, changed_at, id);
CREATE INDEX alarm_changed ON alarm (changed_at, id);
CREATE INDEX alarm_device ON alarm (site, device, raised_at);

-- (device, failure mode, episode) is the identity of a ticket: a second one cannot be written.
CREATE TABLE ticket (
    id INTEGER PRIMARY KEY, site TEXT NOT NULL, device TEXT NOT NULL, failure_mode TEXT NOT NULL, episode INTEGER NOT NULL,
    is_open INTEGER NOT NULL, state TEXT NOT NULL, kind TEXT NOT NULL, opened_at INTEGER NOT NULL, due_at INTEGER,
    changed_at INTEGER NOT NULL, revision INTEGER NOT NULL, record TEXT NOT NULL,
    UNIQUE (site, device, failure_mode, episode));
CREATE INDEX ticket_open ON ticket (is_open, changed_at, id);
CREATE INDEX ticket_device ON ticket (site, device, opened_at);

CREATE TABLE audit (id INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, actor TEXT NOT NULL, action TEXT NOT NULL, subject TEXT NOT NULL, detail TEXT NOT NULL);

-- Orders that must leave: the key is the same on every try, so a receiver can tell a repeat.
CREATE TABLE outbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT, target TEXT NOT NULL, key TEXT NOT NULL, kind TEXT NOT NULL, subject TEXT NOT NULL, payload TEXT NOT NULL,
    created_at INTEGER NOT NULL, attempts INTEGER NOT NULL DEFAULT 0, next_attempt_at INTEGER NOT NULL,
    state TEXT NOT NULL DEFAULT 'waiting', last_error TEXT NOT NULL DEFAULT '', UNIQUE (target, key));
CREATE INDEX outbox_due ON outbox (target, next_attempt_at, id) WHERE state = 'waiting';
CREATE INDEX outbox_dead ON outbox (id) WHERE state = 'dead';

CREATE TABLE retained (topic TEXT PRIMARY KEY, payload BLOB NOT NULL) WITHOUT ROWID;

CREATE TABLE quarantine (id INTEGER PRIMARY KEY AUTOINCREMENT, received_at INTEGER NOT NULL, topic TEXT NOT NULL, payload BLOB NOT NULL, is_cut INTEGER NOT NULL, reason TEXT NOT NULL, detail TEXT NOT NULL);
-- Small beside the payloads, so that counting reads no payload.
CREATE INDEX quarantine_reason ON quarantine (reason);

CREATE TABLE waveform (id INTEGER PRIMARY KEY, device INTEGER NOT NULL, sensor TEXT NOT NULL, measured_at INTEGER NOT NULL, payload BLOB NOT NULL, UNIQUE (device, sensor, measured_at));
