-- Model versions that were added beside the profile files: what they are, and who let them judge.
CREATE TABLE model (
    version TEXT PRIMARY KEY, profile TEXT NOT NULL, state TEXT NOT NULL, toml TEXT NOT NULL, learned BLOB,
    added_at INTEGER NOT NULL, added_by TEXT NOT NULL, shadow_since INTEGER, compared INTEGER NOT NULL DEFAULT 0,
    promoted_at INTEGER, promoted_by TEXT, approved_by TEXT, replaces TEXT, ended_at INTEGER);
-- One judges and one runs beside it: a second one cannot be written.
CREATE UNIQUE INDEX model_in_force ON model (profile) WHERE state = 'in_force';
CREATE UNIQUE INDEX model_shadow ON model (profile) WHERE state = 'shadow';

-- What the live model and the one in shadow said while both ran: conditions after their delays, of which nobody was told.
CREATE TABLE shadow_alarm (
    id INTEGER PRIMARY KEY AUTOINCREMENT, version TEXT NOT NULL, side TEXT NOT NULL, site TEXT NOT NULL, device TEXT NOT NULL,
    failure_mode TEXT NOT NULL, raised_at INTEGER NOT NULL, cleared_at INTEGER, severity TEXT NOT NULL,
    would_open_ticket INTEGER NOT NULL, reason TEXT NOT NULL);
CREATE INDEX shadow_alarm_standing ON shadow_alarm (version, side, site, device, failure_mode) WHERE cleared_at IS NULL;
CREATE INDEX shadow_alarm_version ON shadow_alarm (version, id);
