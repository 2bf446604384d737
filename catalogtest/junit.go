package catalogtest

import (
	"encoding/xml"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// The elements of JUnit's XML, as the common readers of it take them.
type (
	junitSuites struct {
		XMLName  xml.Name     `xml:"testsuites"`
		Name     string       `xml:"name,attr"`
		Tests    int          `xml:"tests,attr"`
		Failures int          `xml:"failures,attr"`
		Errors   int          `xml:"errors,attr"`
		Time     string       `xml:"time,attr"`
		Suites   []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Errors   int         `xml:"errors,attr"`
		Skipped  int         `xml:"skipped,attr"`
		Time     string      `xml:"time,attr"`
		Cases    []junitCase `xml:"testcase"`
	}
	junitCase struct {
		Class   string        `xml:"classname,attr"`
		Name    string        `xml:"name,attr"`
		File    string        `xml:"file,attr"`
		Line    int           `xml:"line,attr"`
		Time    string        `xml:"time,attr"`
		Failure *junitFailure `xml:"failure"`
		Out     *junitOut     `xml:"system-out"`
	}
	junitOut struct {
		Text string `xml:",cdata"`
	}
	junitFailure struct {
		Message string `xml:"message,attr"`
		Type    string `xml:"type,attr"`
		Text    string `xml:",cdata"`
	}
)

// WriteJUnit writes the report as JUnit XML, which is what systems that run
// tests of changes read: one suite, one case a test, classes by the names'
// prefixes.
func (r *Report) WriteJUnit(out io.Writer) error {
	all := junitTime(r.Seconds)
	suite := junitSuite{Name: r.Catalog, Tests: len(r.Tests), Failures: r.Failed, Time: all}
	for i := range r.Tests {
		suite.Cases = append(suite.Cases, r.Tests[i].junit())
	}
	suites := junitSuites{Name: "weir test", Tests: suite.Tests, Failures: suite.Failures, Time: all, Suites: []junitSuite{suite}}
	text, err := xml.MarshalIndent(suites, "", "  ")
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "%s%s\n", xml.Header, text)
	return err
}

func (t *TestReport) junit() junitCase {
	class, name := "", t.Test
	if i := strings.LastIndexByte(t.Test, '/'); i >= 0 {
		class, name = strings.ReplaceAll(t.Test[:i], "/", "."), t.Test[i+1:]
	}
	c := junitCase{Class: class, Name: name, File: t.File, Line: t.Line, Time: junitTime(t.Seconds)}
	if len(t.Printed) > 0 {
		c.Out = &junitOut{strings.Map(xmlRune, "\n"+strings.Join(t.Printed, "\n")+"\n")}
	}
	if t.Outcome != Failed || len(t.Failures) == 0 {
		return c
	}
	var text strings.Builder
	for _, f := range t.Failures {
		text.WriteString(f.Text(Colors{}) + "\n")
	}
	first := t.Failures[0]
	c.Failure = &junitFailure{Message: first.title(), Type: first.Kind, Text: strings.Map(xmlRune, "\n"+text.String())}
	if first.Kind == "" {
		c.Failure.Type = "test"
	}
	return c
}

// xmlRune replaces what XML has no way to write.
func xmlRune(r rune) rune {
	if r < ' ' && r != '\n' && r != '\t' || r == 0xfffe || r == 0xffff {
		return '\ufffd'
	}
	return r
}

// title is a failure in one line.
func (f *Failure) title() string {
	line, _, _ := strings.Cut(f.Message, "\n")
	if f.Step == 0 {
		return line
	}
	return fmt.Sprintf("step %d, %s %s: %s", f.Step, f.Kind, f.Collection, line)
}

func junitTime(seconds float64) string { return strconv.FormatFloat(seconds, 'f', 3, 64) }
