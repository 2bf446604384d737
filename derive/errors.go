package derive

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// ModuleError says what is wrong with a module before any document reaches it. File is relative to the module's
// directory; Line and Column count from 1 and are 0 when no place is to blame.
type ModuleError struct {
	File         string
	Line, Column int
	Message      string
}

// Error gives file:line:column: message.
func (e *ModuleError) Error() string { return place(e.File, e.Line, e.Column) + ": " + e.Message }

// CallError says why a call of a module's function failed. The place is in the author's source and the stack
// holds no paths of this machine.
type CallError struct {
	File         string // relative to the module's directory
	Line, Column int    // from 1; 0 when no place is to blame
	Function     string // the exported function that was called
	Message      string
	Stack        string // innermost frame first, one a line
	Document     []byte // the document's beginning, at most 1 KiB
}

// Error gives file:line:column: function: message (document ...) in one line.
func (e *CallError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s: %s", place(e.File, e.Line, e.Column), e.Function, oneLine(e.Message))
	if len(e.Document) > 0 {
		fmt.Fprintf(&b, " (document %s)", oneLine(excerpt(string(e.Document), maxErrorDocument)))
	}
	return b.String()
}

const (
	maxMessage       = 2 << 10 // bytes of an exception's text that are kept
	maxExcerpt       = 1 << 10 // bytes of the document in a CallError
	maxErrorDocument = 256     // bytes of the document in a CallError's one line
	maxStackFrames   = 8
)

func place(file string, line, column int) string {
	if line <= 0 {
		return file
	}
	return file + ":" + strconv.Itoa(line) + ":" + strconv.Itoa(column)
}

// excerpt cuts s to at most max bytes, between two characters.
func excerpt(s string, max int) string {
	if len(s) <= max {
		return s
	}
	const more = "..."
	cut := max - len(more)
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + more
}

func oneLine(s string) string {
	if !strings.ContainsAny(s, "\r\n") {
		return s
	}
	return strings.Join(strings.Fields(s), " ")
}
