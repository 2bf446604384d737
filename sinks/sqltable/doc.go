// Package sqltable is what SQL sinks share: which column a field becomes, the
// statements that make and change tables and move rows, and the conversion of
// documents into column values. It is pure: it opens no connection, and what a
// database needs to differ in is a Dialect.
//
// A document becomes one row: a column for each component of the key, one for
// each selected field, one for the whole document. Values keep all that the
// column's type can hold; the document's column keeps all of it always.
//
//	flat type        from                            value
//	boolean          boolean                         boolean
//	integer          integer, 1.0, 1e2               64-bit integer; beyond that its exact digits
//	number           number                          nearest double; beyond the range an infinity
//	string           string                          text, byte for byte, U+0000 among it
//	string integer   string of format integer        as integer; text if it is no integer
//	string number    string of format number         as number; text if it is no number
//	binary           string of encoding base64       bytes; text if it is no base64
//	array, object    array, object                   JSON text
//	multiple         more than one of these          JSON text
//
// null and missing become NULL. A column is NOT NULL if its location must
// exist and cannot be null. Key columns are filled from the packed key, so that
// a key has one row whatever its numbers look like in the document.
package sqltable
