package files

import (
	"bytes"
	"errors"
)

// span is a text within the bytes that a splitter was shown.
type span struct {
	begin, end int  // of the text
	next       int  // what follows it
	open       bool // only the end of the file ends it
}

// errMore is returned by a splitter that has to see more of the file.
var errMore = errors.New("more")

// splitter finds the texts of a file, one after the other. It is shown the
// bytes behind the last span that it gave, again with more behind them after
// errMore, and remembers how far it has looked. At the end of the file errMore
// means that nothing but blanks is left. A text that is blank is passed over
// by whoever asked.
type splitter interface {
	split(data []byte, eof bool) (span, error)
}

// lineSplitter gives lines.
type lineSplitter struct{ seen int }

func (s *lineSplitter) split(data []byte, eof bool) (span, error) {
	i := bytes.IndexByte(data[s.seen:], '\n')
	if i < 0 {
		s.seen = len(data)
		if !eof || len(bytes.TrimSpace(data)) == 0 {
			return span{}, errMore
		}
		s.seen = 0
		return trimmed(data, len(data), len(data), true), nil
	}
	end := s.seen + i
	s.seen = 0
	return trimmed(data, end, end+1, false), nil
}

// trimmed is the span of data[:end] without the blanks around it.
func trimmed(data []byte, end, next int, open bool) span {
	begin := 0
	for begin < end && isBlank(data[begin]) {
		begin++
	}
	for end > begin && isBlank(data[end-1]) {
		end--
	}
	return span{begin: begin, end: end, next: next, open: open}
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

// rowSplitter gives rows: lines whose quoted fields may hold ends of lines.
type rowSplitter struct {
	delimiter byte
	seen      int
	in        field
}

// field says where in a field a row splitter is.
type field uint8

const (
	atStart  field = iota
	unquoted       // quotes mean nothing in it
	quoted
	closing // behind a quote in a quoted field, which ends it or is doubled
)

func (s *rowSplitter) split(data []byte, eof bool) (span, error) {
	for ; s.seen < len(data); s.seen++ {
		c := data[s.seen]
		switch {
		case s.in == quoted:
			if c == '"' {
				s.in = closing
			}
		case c == '\n':
			return s.row(data, s.seen, s.seen+1, false), nil
		case c == s.delimiter:
			s.in = atStart
		case c == '"' && s.in != unquoted: // the first, or the second of a pair
			s.in = quoted
		default:
			s.in = unquoted
		}
	}
	if !eof || len(bytes.Trim(data, "\r\n")) == 0 {
		return span{}, errMore
	}
	return s.row(data, len(data), len(data), true), nil
}

func (s *rowSplitter) row(data []byte, end, next int, open bool) span {
	s.seen, s.in = 0, atStart
	if end > 0 && data[end-1] == '\r' {
		end--
	}
	return span{end: end, next: next, open: open}
}

// paragraphSplitter gives runs of lines that are not blank.
type paragraphSplitter struct {
	seen int // beginning of the line that is looked at
	text bool
}

func (s *paragraphSplitter) split(data []byte, eof bool) (span, error) {
	for {
		i := bytes.IndexByte(data[s.seen:], '\n')
		if i < 0 {
			break
		}
		line, next := data[s.seen:s.seen+i], s.seen+i+1
		blank := len(bytes.TrimSpace(line)) == 0
		if blank && s.text {
			return s.paragraph(data, s.seen, next, false), nil
		}
		s.text = s.text || !blank
		s.seen = next
	}
	if !eof || len(bytes.TrimSpace(data)) == 0 {
		return span{}, errMore
	}
	return s.paragraph(data, len(data), len(data), true), nil
}

func (s *paragraphSplitter) paragraph(data []byte, end, next int, open bool) span {
	s.seen, s.text = 0, false
	return trimmed(data, end, next, open)
}

// valueSplitter gives JSON values. The elements of an array that is not within
// another value are given one by one. It looks for where values end and at
// nothing else: whether a value is JSON, whoever parses it tells.
type valueSplitter struct {
	inArray bool
	comma   bool // an element was there: a comma or the array's end follows

	seen    int
	begun   bool // within a value
	begin   int
	depth   int
	text    bool // within a string
	escaped bool
}

// errNoValue is a file that cannot be divided into values.
var errNoValue = errors.New("no JSON value begins here")

func (s *valueSplitter) split(data []byte, eof bool) (span, error) {
	for s.seen < len(data) {
		if s.begun {
			if end, ok := s.within(data); ok {
				return s.value(end, false), nil
			}
			continue
		}
		if err := s.between(data[s.seen]); err != nil {
			return span{}, &splitError{s.seen, err}
		}
		if !s.begun {
			s.seen++
		}
	}
	switch {
	case !eof:
		return span{}, errMore
	case s.begun || s.inArray: // a number at the end of the file is whole
		if s.begun && !s.inArray && s.depth == 0 && !s.text {
			return s.value(len(data), false), nil
		}
		return span{}, &splitError{s.begin, errCutOff}
	}
	return span{}, errMore
}

// splitError is why a splitter cannot go on, and where in what it was shown.
type splitError struct {
	at  int
	err error
}

func (e *splitError) Error() string { return e.err.Error() }
func (e *splitError) Unwrap() error { return e.err }

// errCutOff is a file that ends within a value.
var errCutOff = errors.New("the file ends in the middle of a value")

// between looks at a byte outside of the values that are given.
func (s *valueSplitter) between(c byte) error {
	switch {
	case isBlank(c):
	case s.inArray && c == ']':
		s.inArray, s.comma = false, false
	case s.inArray && c == ',' && s.comma:
		s.comma = false
	case s.inArray && s.comma, c == ',', c == ']', c == '}', c == ':':
		return errNoValue
	case !s.inArray && c == '[':
		s.inArray = true
	default:
		s.begun, s.begin = true, s.seen
	}
	return nil
}

// within looks at a byte of a value, and says where the value ends if it does.
func (s *valueSplitter) within(data []byte) (end int, ok bool) {
	c := data[s.seen]
	at := s.seen
	switch {
	case s.escaped:
		s.escaped = false
	case s.text:
		s.text = c != '"'
		s.escaped = c == '\\'
		if !s.text && s.depth == 0 {
			return at + 1, true
		}
	case c == '"':
		if at > s.begin && s.depth == 0 { // another value, behind a number or word
			return at, true
		}
		s.text = true
	case c == '{' || c == '[':
		if at > s.begin && s.depth == 0 {
			return at, true
		}
		s.depth++
	case c == '}' || c == ']':
		if s.depth == 0 { // behind a number or word
			return at, true
		}
		if s.depth--; s.depth == 0 {
			return at + 1, true
		}
	case s.depth == 0 && (isBlank(c) || c == ','):
		return at, true
	}
	s.seen++
	return 0, false
}

func (s *valueSplitter) value(end int, open bool) span {
	v := span{begin: s.begin, end: end, next: end, open: open}
	s.begun, s.seen, s.begin, s.depth, s.text, s.comma = false, 0, 0, 0, false, s.inArray
	return v
}
