-- Episodes that are over, the newest of each failure mode of each profile, each with its whole record.
CREATE TABLE past_episode (alarm TEXT PRIMARY KEY, profile TEXT NOT NULL, failure_mode TEXT NOT NULL, closed_at INTEGER NOT NULL, record TEXT NOT NULL);
CREATE INDEX past_episode_newest ON past_episode (profile, failure_mode, closed_at, alarm);
