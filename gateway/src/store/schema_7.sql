-- Incidents: many alarms of one cause, each with its whole record.
CREATE TABLE incident (id INTEGER PRIMARY KEY, site TEXT NOT NULL, is_open INTEGER NOT NULL, opened_at INTEGER NOT NULL, record TEXT NOT NULL);
CREATE INDEX incident_open ON incident (is_open, id);

-- What the people of each site were told, and its floods.
CREATE TABLE site_notices (site TEXT PRIMARY KEY, record TEXT NOT NULL) WITHOUT ROWID;

-- The latest incident that an alarm was a member of; it stays when the alarm leaves, so that the list of members is complete.
ALTER TABLE alarm ADD COLUMN incident INTEGER;
CREATE INDEX alarm_incident ON alarm (incident, changed_at, id) WHERE incident IS NOT NULL;
