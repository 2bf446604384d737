-- $sensor and $celsius are fields of the reading; the row that comes out is the document.
INSERT INTO newest (sensor, celsius, change) VALUES ($sensor, $celsius, 0)
ON CONFLICT (sensor) DO UPDATE SET change = excluded.celsius - newest.celsius, celsius = excluded.celsius
RETURNING sensor, celsius, change;
