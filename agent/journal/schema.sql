-- The one file of a charging location. Page size 1024, WAL, synchronous=FULL; STRICT so that a flipped type is noticed.
-- Every row ends in a value that proves it: event rows in a hash chain over all columns, others in check_value.
-- Each index costs a page or two of every commit that touches its table; owed_message counts the lanes as well.
-- The count and the sum of check values per table are in state.totals, so that a missing row is noticed, too.
CREATE TABLE event (
  seq INTEGER PRIMARY KEY, boot INTEGER NOT NULL, elapsed_ms INTEGER NOT NULL, utc_ms INTEGER, kind TEXT NOT NULL,
  version INTEGER NOT NULL, body BLOB NOT NULL, prev BLOB NOT NULL, hash BLOB NOT NULL) STRICT;
CREATE TABLE state (
  id INTEGER PRIMARY KEY CHECK (id = 1), head INTEGER NOT NULL, head_hash BLOB NOT NULL, floor INTEGER NOT NULL,
  floor_hash BLOB NOT NULL, boot INTEGER NOT NULL, elapsed_ms INTEGER NOT NULL, clean INTEGER NOT NULL,
  next_id INTEGER NOT NULL, dead_dropped INTEGER NOT NULL, totals TEXT NOT NULL, check_value BLOB NOT NULL) STRICT;
CREATE TABLE gap (
  first INTEGER PRIMARY KEY, last INTEGER NOT NULL, hash BLOB NOT NULL, check_value BLOB NOT NULL) STRICT;
CREATE TABLE receipt (
  id INTEGER PRIMARY KEY, source TEXT NOT NULL, request_id TEXT NOT NULL, digest BLOB NOT NULL, answer BLOB NOT NULL,
  elapsed_ms INTEGER NOT NULL, check_value BLOB NOT NULL) STRICT;
CREATE UNIQUE INDEX receipt_request ON receipt (source, request_id);
CREATE TABLE subject (
  ref TEXT PRIMARY KEY, kind TEXT NOT NULL, value TEXT NOT NULL, lookup BLOB NOT NULL, details BLOB NOT NULL,
  check_value BLOB NOT NULL) STRICT, WITHOUT ROWID;
CREATE INDEX subject_lookup ON subject (kind, lookup);
CREATE TABLE owed (
  id INTEGER PRIMARY KEY, lane TEXT NOT NULL, message_id TEXT NOT NULL, kind TEXT NOT NULL, fact BLOB NOT NULL,
  grouping TEXT, frame BLOB, attempts INTEGER NOT NULL, check_value BLOB NOT NULL) STRICT;
CREATE UNIQUE INDEX owed_message ON owed (message_id, lane);
CREATE TABLE dead_letter (
  id INTEGER PRIMARY KEY, lane TEXT NOT NULL, message_id TEXT NOT NULL, kind TEXT NOT NULL, fact BLOB NOT NULL,
  grouping TEXT, frame BLOB, attempts INTEGER NOT NULL, reason TEXT NOT NULL, elapsed_ms INTEGER NOT NULL,
  check_value BLOB NOT NULL) STRICT;
CREATE TABLE record (
  store TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL, check_value BLOB NOT NULL,
  PRIMARY KEY (store, key)) STRICT, WITHOUT ROWID;
