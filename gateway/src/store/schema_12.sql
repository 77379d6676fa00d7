-- Spare parts: how many of each are where, once it was booked.
CREATE TABLE stock_level (part TEXT NOT NULL, location TEXT NOT NULL, on_hand INTEGER NOT NULL, reserved INTEGER NOT NULL, PRIMARY KEY (part, location),
    CHECK (on_hand >= 0 AND reserved >= 0 AND reserved <= on_hand)) WITHOUT ROWID;
-- What is kept back for a ticket and what it has used, each with its whole record.
CREATE TABLE ticket_parts (ticket INTEGER PRIMARY KEY, record TEXT NOT NULL);
-- What ran low when it was looked at last.
CREATE TABLE stock_watch (id INTEGER PRIMARY KEY CHECK (id = 1), record TEXT NOT NULL);
