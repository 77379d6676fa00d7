-- The knowledge base, each entry with its whole record.
CREATE TABLE knowledge (id INTEGER PRIMARY KEY, state TEXT NOT NULL, record TEXT NOT NULL);
