-- The newest reading of each sensor, and the one before.
CREATE TABLE newest (
  sensor TEXT PRIMARY KEY,
  celsius REAL NOT NULL,
  change REAL NOT NULL
);
