package catalogtest

import (
	"fmt"
	"io"
	"strings"
)

// WriteText writes the outcome of a test for people: a line, and below it why
// the test failed, what its modules printed, and what became of it. Of a test
// that passed there is more than the line only when verbose.
func (t *TestReport) WriteText(out io.Writer, c Colors, verbose bool) {
	took := fmt.Sprintf("(%d ms)", int(t.Seconds*1000+0.5))
	switch t.Outcome {
	case Passed:
		fmt.Fprintf(out, "ok    %s %s%s%s\n", t.Test, c.Faint, took, c.End)
		if !verbose {
			return
		}
	case Updated:
		fmt.Fprintf(out, "%sNEW   %s%s %s%s%s\n", c.Actual, t.Test, c.End, c.Faint, took, c.End)
	default:
		fmt.Fprintf(out, "%sFAIL  %s%s %s%s%s\n", c.Expected, t.Test, c.End, c.Faint, took, c.End)
	}
	if t.Description != "" {
		fmt.Fprintf(out, "      %s\n", t.Description)
	}
	for _, f := range t.Failures {
		fmt.Fprintf(out, "      %s\n", strings.ReplaceAll(f.Text(c), "\n", "\n      "))
	}
	for _, line := range t.Printed {
		fmt.Fprintf(out, "      %s| %s%s\n", c.Faint, strings.ReplaceAll(line, "\n", "\n      | "), c.End)
	}
	for _, u := range t.Updates {
		fmt.Fprintf(out, "      %s\n", u.String())
	}
}

// WriteSummary writes how many tests passed, and which transforms no test ran:
// unless only some of the tests were to run, and so it says nothing.
func (r *Report) WriteSummary(out io.Writer, c Colors, all bool) {
	text := fmt.Sprintf("%d passed, %d failed", r.Passed, r.Failed)
	if r.Updated > 0 {
		text += fmt.Sprintf(", %d updated", r.Updated)
	}
	color := c.Actual
	if r.Failed > 0 {
		color = c.Expected
	}
	fmt.Fprintf(out, "%s%s%s in %.1f s\n", color, text, c.End, r.Seconds)
	if !all || len(r.Coverage) == 0 {
		return
	}
	var idle []Coverage
	var documents uint64
	for _, t := range r.Coverage {
		documents += t.Documents
		if t.Documents == 0 {
			idle = append(idle, t)
		}
	}
	fmt.Fprintf(out, "%d of %s ran, on %s\n", len(r.Coverage)-len(idle), plural(len(r.Coverage), "transform"), plural(int(documents), "document"))
	for _, t := range idle {
		fmt.Fprintf(out, "      no test has a document for %s of %s\n", t.Name, t.Derivation)
	}
}
