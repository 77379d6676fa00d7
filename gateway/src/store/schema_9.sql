-- Reviews of past months, whole: what was told then does not change with what is counted later.
CREATE TABLE report (month TEXT PRIMARY KEY, made_at INTEGER NOT NULL, html TEXT NOT NULL, csv TEXT NOT NULL) WITHOUT ROWID;
