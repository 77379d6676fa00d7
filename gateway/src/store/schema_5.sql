-- What models held for normal and hold no longer: facts for people, the newest of each device.
CREATE TABLE model_drift (id INTEGER PRIMARY KEY AUTOINCREMENT, site TEXT NOT NULL, device TEXT NOT NULL, record TEXT NOT NULL);
CREATE INDEX model_drift_device ON model_drift (site, device, id);
