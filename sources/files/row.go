package files

import (
	"bytes"
	"errors"
	"fmt"
)

// rows turns rows into documents.
type rows struct {
	delimiter byte
	columns   []column
	scratch   []byte // a field without its quotes
}

// column is a column of a table, or a field of a paragraph.
type column struct {
	name string // as JSON text, with the colon behind it
	kind kind
}

func newRows(delimiter byte, names []string, kinds func(name string) kind) *rows {
	r := &rows{delimiter: delimiter, columns: make([]column, len(names))}
	for i, name := range names {
		r.columns[i] = column{name: memberName(name), kind: kinds(name)}
	}
	return r
}

// append appends the document of a row; the error says why there is none.
func (r *rows) append(dst, row []byte) ([]byte, error) {
	if err := checkText(row); err != nil {
		return dst, err
	}
	start := len(dst)
	dst = append(dst, '{')
	n := 0
	err := eachField(row, r.delimiter, &r.scratch, func(text []byte) error {
		if n < len(r.columns) {
			dst = appendMember(dst, &r.columns[n], text)
		}
		n++
		return nil
	})
	if err == nil && n != len(r.columns) {
		err = fmt.Errorf("the row has %d fields, but there are %d columns", n, len(r.columns))
	}
	if err != nil {
		return dst[:start], err
	}
	return append(dst, '}'), nil
}

var (
	errBareQuote = errors.New(`a quote stands in a field that does not begin with one: put the field in quotes and double the quotes in it`)
	errOpenQuote = errors.New(`a field's quote is not closed`)
	errAfter     = errors.New(`text follows a field's closing quote: double the quotes in a field`)
)

// eachField calls fn for each field of a row. A field's bytes are good until
// fn returns.
func eachField(row []byte, delimiter byte, scratch *[]byte, fn func(text []byte) error) error {
	for {
		var text, rest []byte
		if len(row) > 0 && row[0] == '"' {
			var err error
			if text, rest, err = quotedField(row[1:], scratch); err != nil {
				return err
			}
			if len(rest) > 0 && rest[0] != delimiter {
				return errAfter
			}
		} else {
			end := bytes.IndexByte(row, delimiter)
			if end < 0 {
				end = len(row)
			}
			if text, rest = row[:end], row[end:]; bytes.IndexByte(text, '"') >= 0 {
				return errBareQuote
			}
		}
		if err := fn(text); err != nil {
			return err
		}
		if len(rest) == 0 {
			return nil
		}
		row = rest[1:] // behind the delimiter
	}
}

// quotedField reads a field behind its first quote.
func quotedField(row []byte, scratch *[]byte) (text, rest []byte, err error) {
	*scratch = (*scratch)[:0]
	for {
		end := bytes.IndexByte(row, '"')
		switch {
		case end < 0:
			return nil, nil, errOpenQuote
		case end+1 < len(row) && row[end+1] == '"':
			*scratch = append(*scratch, row[:end+1]...)
			row = row[end+2:]
		case len(*scratch) == 0:
			return row[:end], row[end+1:], nil
		default:
			*scratch = append(*scratch, row[:end]...)
			return *scratch, row[end+1:], nil
		}
	}
}

// header reads the names of columns from a file's first row.
func header(row []byte, delimiter byte) (names []string, err error) {
	var scratch []byte
	err = eachField(row, delimiter, &scratch, func(text []byte) error {
		names = append(names, string(bytes.TrimSpace(text)))
		return nil
	})
	if err == nil {
		err = checkText(row)
	}
	if err == nil {
		err = checkColumns(names, "the header")
	}
	return names, err
}
