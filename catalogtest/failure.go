package catalogtest

import (
	"encoding/json"
	"fmt"
	"strings"

	"weir/catalog"
)

// Failure is why a test failed.
type Failure struct {
	File        string       `json:"file"` // and Line: of the step, or of the test when it failed before its first step
	Line        int          `json:"line"`
	Step        int          `json:"step,omitempty"` // from 1; 0: no step is to blame
	Kind        string       `json:"kind,omitempty"` // ingest or verify
	Collection  string       `json:"collection,omitempty"`
	Description string       `json:"description,omitempty"` // of the step
	Message     string       `json:"message"`
	Hint        string       `json:"hint,omitempty"` // what to look at
	Differences []Difference `json:"differences,omitempty"`

	verify    *catalog.Verify
	rewritten []catalog.Rewritten
}

// Colors are what a terminal needs to show a text: empty strings elsewhere.
type Colors struct{ Expected, Actual, Faint, End string }

// Error is the text of the failure, without colors.
func (f *Failure) Error() string { return f.Text(Colors{}) }

// shown is how many differences a text has at most.
const shown = 40

// Text says where and why the test failed, over several lines: what was
// expected behind a minus, what is there behind a plus.
func (f *Failure) Text(c Colors) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s:%d:", f.File, f.Line)
	if f.Step > 0 {
		fmt.Fprintf(&b, " step %d, %s %s", f.Step, f.Kind, f.Collection)
	}
	if f.Description != "" {
		fmt.Fprintf(&b, ": %s", f.Description)
	}
	for line := range strings.Lines(f.Message) {
		b.WriteString("\n  " + strings.TrimRight(line, "\n"))
	}
	if f.Hint != "" {
		fmt.Fprintf(&b, "\n  %s", f.Hint)
	}
	document := ""
	for i, d := range f.Differences {
		if i == shown {
			fmt.Fprintf(&b, "\n  %s... and %d more differences%s", c.Faint, len(f.Differences)-i, c.End)
			break
		}
		if title := d.title(); title != document {
			document = title
			b.WriteString("\n  " + title)
		}
		d.write(&b, c)
	}
	return b.String()
}

// title names the document of a difference.
func (d *Difference) title() string {
	title := fmt.Sprintf("document %d", d.Document)
	if d.Key != nil {
		title += ", key " + string(d.Key)
	}
	switch {
	case d.Pointer != "":
	case d.Expected == nil:
		title += ": not expected"
	case d.Actual == nil:
		title = strings.Replace(title, "document", "expected document", 1) + ": missing"
	}
	return title
}

func (d *Difference) write(b *strings.Builder, c Colors) {
	from := 0 // where the values begin to differ
	if d.Expected != nil && d.Actual != nil {
		from = common(d.Expected, d.Actual)
	}
	line := func(sign, color string, value json.RawMessage, none string) {
		text := none
		if value != nil {
			text = brief(value, from)
		} else if none == "" {
			return
		}
		if d.Pointer != "" {
			text = d.Pointer + ": " + text
		}
		fmt.Fprintf(b, "\n    %s%s %s%s", color, sign, text, c.End)
	}
	none := ""
	if d.Pointer != "" {
		none = "(not there)"
	}
	line("-", c.Expected, d.Expected, "")
	line("+", c.Actual, d.Actual, none)
}
