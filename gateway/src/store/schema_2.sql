-- A confirmed repair whose device has not forgotten the old machine yet: written with the ticket's closing, removed with the
-- journal record by which the device forgets.
CREATE TABLE repair (device INTEGER NOT NULL, failure_mode TEXT NOT NULL, at INTEGER NOT NULL, PRIMARY KEY (device, failure_mode)) WITHOUT ROWID;
