package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"golang.org/x/term"
)

// sheet is a text for people: tables and labelled texts that keep to the width
// of their terminal.
type sheet struct {
	b      strings.Builder
	width  int // of the terminal in columns; 0: it is none, nothing is cut
	colors bool
}

func newSheet(out io.Writer) *sheet {
	return &sheet{width: terminalWidth(out), colors: colored(out)}
}

// color is the meaning of a coloured text.
type color string

const (
	good  color = "\x1b[32m"
	bad   color = "\x1b[31m"
	warns color = "\x1b[33m"
	faint color = "\x1b[2m"
	bold  color = "\x1b[1m"
)

// paint colours a text, where there are colours.
func (s *sheet) paint(c color, text string) string {
	if !s.colors || c == "" || text == "" {
		return text
	}
	return string(c) + text + "\x1b[0m"
}

// line adds a line.
func (s *sheet) line(format string, args ...any) { fmt.Fprintf(&s.b, format+"\n", args...) }

// column is one of a table.
type column struct {
	title   string
	right   bool // numbers
	elastic bool // it is cut where the table is wider than the terminal
}

// cell is a text in a table that has a colour.
type cell struct {
	text  string
	color color
}

// table is a list of rows under titles.
type table struct {
	columns []column
	rows    []row
}

type row struct {
	cells []cell
	below string // lines that follow the row, as they stand
}

// newTable makes a table of its columns' titles. A title that begins with >
// has its numbers to the right; one that begins with ~ is cut where there is
// no room for all of it.
func newTable(titles ...string) *table {
	t := &table{}
	for _, title := range titles {
		name := strings.TrimLeft(title, ">~")
		t.columns = append(t.columns, column{title: name, right: strings.HasPrefix(title, ">"), elastic: strings.HasPrefix(title, "~")})
	}
	return t
}

// add adds a row of texts, cells, or whatever can be printed, one a column.
func (t *table) add(values ...any) {
	r := row{cells: make([]cell, len(values))}
	for i, v := range values {
		if c, ok := v.(cell); ok {
			r.cells[i] = c
		} else {
			r.cells[i] = cell{text: fmt.Sprint(v)}
		}
	}
	t.rows = append(t.rows, r)
}

// below adds lines under the last row.
func (t *table) below(lines string) { t.rows[len(t.rows)-1].below += lines }

// gap is what stands between two columns.
const gap = "  "

// table draws a table: aligned, without borders, a column that is empty in
// every row left out.
func (s *sheet) table(t *table) {
	widths := t.widths(s.width)
	head := row{}
	for _, c := range t.columns {
		head.cells = append(head.cells, cell{text: c.title, color: faint})
	}
	for _, r := range append([]row{head}, t.rows...) {
		s.row(t, r, widths)
		s.b.WriteString(r.below)
	}
}

func (s *sheet) row(t *table, r row, widths []int) {
	line, pad := "", ""
	for i, c := range r.cells {
		if widths[i] == 0 {
			continue
		}
		text := shorten(c.text, widths[i])
		fill := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(text))
		if t.columns[i].right {
			line += pad + fill + s.paint(c.color, text)
			pad = gap
		} else { // no blanks at the end of a line
			line += pad + s.paint(c.color, text)
			pad = fill + gap
		}
	}
	s.b.WriteString(strings.TrimRight(line, " ") + "\n")
}

// narrowest is the width below which no column is cut.
const narrowest = 12

// widths gives the columns' widths, 0 for an empty one. What is over the limit
// is taken from the elastic columns, the widest first.
func (t *table) widths(limit int) []int {
	widths := make([]int, len(t.columns))
	total := 0
	for i, c := range t.columns {
		for _, r := range t.rows {
			widths[i] = max(widths[i], utf8.RuneCountInString(r.cells[i].text))
		}
		if widths[i] > 0 || len(t.rows) == 0 {
			widths[i] = max(widths[i], utf8.RuneCountInString(c.title))
			total += widths[i] + len(gap)
		}
	}
	for over := total - len(gap) - limit; limit > 0 && over > 0; over-- {
		widest := -1
		for i, c := range t.columns {
			if c.elastic && widths[i] > narrowest && (widest < 0 || widths[i] > widths[widest]) {
				widest = i
			}
		}
		if widest < 0 {
			break
		}
		widths[widest]--
	}
	return widths
}

// shorten cuts a text to a width, and shows that it did.
func shorten(text string, width int) string {
	if utf8.RuneCountInString(text) <= width {
		return text
	}
	return string([]rune(text)[:width-1]) + "…"
}

// maxLines bounds what one label of a block may fill.
const maxLines = 4

// plainWidth is the width of blocks where there is no terminal.
const plainWidth = 1000

// blockWidth is the width of labelled texts.
func (s *sheet) blockWidth() int {
	if s.width == 0 {
		return plainWidth
	}
	return s.width
}

// block writes a labelled text, broken between words into lines of the width;
// only a word that is longer than a line is broken itself.
func block(b *strings.Builder, label, text string, width int) {
	const indent = 14
	room := width - indent - 1
	var line []rune
	lines := 0
	end := func() {
		if len(line) > 0 && lines < maxLines {
			fmt.Fprintf(b, "%*s %s\n", indent-1, label, string(line))
			label = ""
			lines++
		}
		line = line[:0]
	}
	for _, word := range strings.Fields(text) {
		runes := []rune(word)
		if len(line) > 0 && len(line)+1+len(runes) > room {
			end()
		}
		if len(line) > 0 {
			line = append(line, ' ')
		}
		for len(line)+len(runes) > room {
			n := room - len(line)
			line, runes = append(line, runes[:n]...), runes[n:]
			end()
		}
		line = append(line, runes...)
	}
	end()
}

// terminalWidth is the width of a terminal in columns; 0 for what is none.
func terminalWidth(out io.Writer) int {
	if !isTerminal(out) {
		return 0
	}
	width, _ := terminalSize(out)
	return width
}

// terminalSize is the size of a terminal, or what one has at least.
func terminalSize(out io.Writer) (width, height int) {
	if f, ok := out.(*os.File); ok {
		if w, h, err := term.GetSize(int(f.Fd())); err == nil && w > 40 && h > 10 {
			return w, h
		}
	}
	return 80, 24
}

func isTerminal(out io.Writer) bool {
	f, ok := out.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// wrapped adds a text behind an indentation, broken between words, with the
// lines that follow indented as far.
func (s *sheet) wrapped(indent, text string) {
	width := s.blockWidth() - len(indent)
	line := indent
	used := 0
	for _, word := range strings.Fields(text) {
		n := utf8.RuneCountInString(word)
		if used > 0 && used+1+n > width {
			s.line("%s", line)
			line, used = strings.Repeat(" ", len(indent)), 0
		}
		if used > 0 {
			line += " "
			used++
		}
		line += word
		used += n
	}
	s.line("%s", line)
}
