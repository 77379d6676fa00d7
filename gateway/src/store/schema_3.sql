-- Maintenance windows, each with its whole record.
CREATE TABLE maintenance_window (id INTEGER PRIMARY KEY, is_open INTEGER NOT NULL, record TEXT NOT NULL);
CREATE INDEX maintenance_window_open ON maintenance_window (is_open, id);
