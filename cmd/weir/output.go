package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"weir/catalog"
)

// The contract of all commands: results go to standard output and nothing else
// does; progress, questions, warnings and errors go to standard error. Results
// are for people, or the same value as JSON or YAML, by -o.

// Exit codes.
const (
	exitFailed      = 1 // the command ran and failed
	exitInvalid     = 2 // the catalog or the command line is wrong
	exitEnvironment = 3 // a server cannot be reached, a port is taken
	exitNo          = 4 // what was asked for is not so: a wait ran out, there are changes, a check found something
)

// Forms of results.
const (
	formTable = "table"
	formText  = "text"
	formJSON  = "json"
	formJSONL = "jsonl"
	formYAML  = "yaml"
)

// results is how a command gives its results: a member of its flags.
type results struct {
	form    string
	allowed []string
}

// flags adds -o to a command: table, json or yaml, unless other forms are named.
// The first one is the default, and what people read.
func (r *results) flags(cmd *cobra.Command, forms ...string) {
	if len(forms) == 0 {
		forms = []string{formTable, formJSON, formYAML}
	}
	r.allowed = forms
	cmd.Flags().StringVarP(&r.form, "output", "o", forms[0], alternatives(forms))
	// The flag was defined just now, and once.
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(forms, cobra.ShellCompDirectiveNoFileComp))
}

// check refuses forms that the command does not have. It is called before
// anything is connected to or made.
func (r *results) check() error { return oneOf("output", r.form, r.allowed...) }

// forPeople says whether the user asked for nothing that a program reads.
func (r *results) forPeople() bool { return r.form == r.allowed[0] }

// write prints the command's result: the value, or what people draws of it.
func (r *results) write(out io.Writer, value any, people func(*sheet)) error {
	switch r.form {
	case formJSON, formJSONL:
		return writeJSON(out, value, r.form == formJSON)
	case formYAML:
		return writeYAML(out, value)
	}
	s := newSheet(out)
	people(s)
	_, err := io.WriteString(out, s.b.String())
	return err
}

// item prints one of a stream of results as it comes: a line of JSON, a YAML
// document, or what people draws.
func (r *results) item(out io.Writer, value any, people func(*sheet)) error {
	switch r.form {
	case formJSON:
		return writeJSON(out, value, false)
	case formYAML:
		if _, err := io.WriteString(out, "---\n"); err != nil {
			return err
		}
	}
	return r.write(out, value, people)
}

func writeJSON(out io.Writer, value any, indented bool) error {
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	if indented {
		encoder.SetIndent("", "  ")
	}
	return encoder.Encode(value)
}

// writeYAML prints what writeJSON would, as YAML: members keep their names and
// their order, numbers their text.
func writeYAML(out io.Writer, value any) error {
	var text bytes.Buffer
	if err := writeJSON(&text, value, false); err != nil {
		return err
	}
	lines, err := catalog.YAML(text.Bytes())
	if err != nil {
		return err
	}
	_, err = out.Write(lines)
	return err
}

// noError is an answer that is no failure and yet not what was asked for.
type noError struct{ err error }

func (e *noError) Error() string { return e.err.Error() }
func (e *noError) Unwrap() error { return e.err }

// oneOf refuses a flag's value that is none of those allowed.
func oneOf(flag, value string, allowed ...string) error {
	if slices.Contains(allowed, value) {
		return nil
	}
	return wrongUsage("say "+alternatives(allowed), "--%s has no value %q", flag, value)
}

// alternatives spells a choice: a, b or c.
func alternatives(of []string) string {
	last := len(of) - 1
	if last == 0 {
		return of[0]
	}
	return strings.Join(of[:last], ", ") + " or " + of[last]
}

// colored says whether an output takes colours: a terminal, unless NO_COLOR
// is set or the terminal is a dumb one.
func colored(out io.Writer) bool {
	return isTerminal(out) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}

// note tells on standard error what a command does meanwhile.
func note(problems io.Writer, format string, args ...any) {
	fmt.Fprintf(problems, format+"\n", args...)
}
