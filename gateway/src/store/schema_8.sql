-- Users and their tokens, each with its whole record. Neither a password nor a token stands here, only what tells that one is right.
CREATE TABLE account (name TEXT PRIMARY KEY, record TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE access_token (id INTEGER PRIMARY KEY, account TEXT NOT NULL, record TEXT NOT NULL);
-- The link for the first administrator, while there is one.
CREATE TABLE set_up_link (id INTEGER PRIMARY KEY CHECK (id = 1), hash TEXT NOT NULL, expires_at INTEGER NOT NULL);

-- SHA-256 over the hash of the line before and this line: the audit trail is a chain.
ALTER TABLE audit ADD COLUMN hash BLOB;
-- Where the chain begins: number and hash of the last line that was removed to make room.
CREATE TABLE audit_checkpoint (id INTEGER PRIMARY KEY CHECK (id = 1), line INTEGER NOT NULL, hash BLOB NOT NULL);

-- Who let a model run in shadow the last time.
ALTER TABLE model ADD COLUMN shadow_by TEXT NOT NULL DEFAULT '';
