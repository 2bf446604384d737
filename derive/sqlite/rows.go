package sqlite

import (
	"encoding/base64"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	lib "modernc.org/sqlite/lib"

	"weir/document"
)

// column is a column of a statement's rows.
type column struct {
	name   string // of the property
	quoted []byte // the name as JSON, with the colon behind it
}

// shape says what the rows of a statement are.
type shape struct {
	columns []column
	whole   bool // the one column is the document
}

// newShape names the properties. A column that is a bare parameter has the
// name of its field; a single column whose name begins with json is the
// document itself.
func newShape(columns []string, fieldOf func(parameter string) (string, bool)) (shape, error) {
	var s shape
	seen := map[string]bool{}
	for _, name := range columns {
		if field, ok := fieldOf(name); ok {
			name = field
		}
		if seen[name] {
			return s, fmt.Errorf("two columns are called %s: give one another name, as in: select ... as %s", name, name+"2")
		}
		seen[name] = true
		s.columns = append(s.columns, column{name: name, quoted: append(document.AppendQuoted(nil, name), ':')})
	}
	s.whole = len(columns) == 1 && len(columns[0]) >= 4 && strings.EqualFold(columns[0][:4], "json")
	return s, nil
}

// appendRow appends the current row as a document.
func (db *DB) appendRow(dst []byte, s *lambdaStatement) ([]byte, error) {
	if s.shape.whole {
		text := s.text(0)
		if err := db.scratch.Parse(text); err != nil || db.scratch.Nodes[0].Kind != document.Object {
			return dst, fmt.Errorf("the column %s is the document, but its value is no JSON object: %s", s.shape.columns[0].name, shorten(text))
		}
		return append(dst, text...), nil
	}
	dst = append(dst, '{')
	for i := range s.shape.columns {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, s.shape.columns[i].quoted...)
		dst = db.appendColumn(dst, s, i)
	}
	return append(dst, '}'), nil
}

func (db *DB) appendColumn(dst []byte, s *lambdaStatement, i int) []byte {
	tls, at := s.c.tls, int32(i)
	switch lib.Xsqlite3_column_type(tls, s.handle, at) {
	case lib.SQLITE_INTEGER:
		return strconv.AppendInt(dst, lib.Xsqlite3_column_int64(tls, s.handle, at), 10)
	case lib.SQLITE_FLOAT:
		return appendReal(dst, lib.Xsqlite3_column_double(tls, s.handle, at))
	case lib.SQLITE_TEXT:
		return db.appendText(dst, s.text(i))
	case lib.SQLITE_BLOB:
		p := lib.Xsqlite3_column_blob(tls, s.handle, at)
		blob := view(p, int(lib.Xsqlite3_column_bytes(tls, s.handle, at)))
		return append(base64.StdEncoding.AppendEncode(append(dst, '"'), blob), '"')
	}
	return append(dst, "null"...)
}

// appendReal appends a number as JavaScript would write it; what JSON has no
// number for is a string.
func appendReal(dst []byte, f float64) []byte {
	switch abs := math.Abs(f); {
	case math.IsInf(f, 1):
		return append(dst, `"Infinity"`...)
	case math.IsInf(f, -1):
		return append(dst, `"-Infinity"`...)
	case abs != 0 && (abs < 1e-6 || abs >= 1e21):
		return strconv.AppendFloat(dst, f, 'e', -1, 64)
	}
	return strconv.AppendFloat(dst, f, 'f', -1, 64)
}

// appendText appends a text: as the JSON object or array that it holds, or as
// a string.
func (db *DB) appendText(dst, text []byte) []byte {
	if n := len(text); n >= 2 && (text[0] == '{' && text[n-1] == '}' || text[0] == '[' && text[n-1] == ']') {
		if db.scratch.Parse(text) == nil {
			return append(dst, text...)
		}
	}
	if !utf8.Valid(text) {
		return document.AppendQuoted(dst, strings.ToValidUTF8(string(text), "\uFFFD"))
	}
	return document.AppendQuoted(dst, peek(text))
}

// shorten cuts a value for a message.
func shorten(text []byte) string {
	const most = 80
	if len(text) <= most {
		return string(text)
	}
	return strings.ToValidUTF8(string(text[:most]), "") + "..."
}
