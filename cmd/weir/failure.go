package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"github.com/spf13/cobra"

	"weir/catalog"
	"weir/collection"
	"weir/controlplane/api"
	"weir/controlplane/listener"
	"weir/document"
	"weir/fault"
)

// report tells on standard error why a command failed: what happened with its
// code, and below it what to do; every fault of a catalog on a line of its own
// before that, as editors read them. Where -o asks for JSON or YAML it is an object.
func report(problems io.Writer, cmd *cobra.Command, err error) {
	e := explain(cmd, err)
	value := map[string]*api.Error{"error": e}
	form := ""
	if f := cmd.Flags().Lookup("output"); f != nil && f.Changed {
		form = f.Value.String()
	}
	switch form { // what the user asked for could not be written either
	case formJSON, formJSONL:
		_ = writeJSON(problems, value, false)
	case formYAML:
		_ = writeYAML(problems, value)
	default:
		reportText(problems, e)
	}
}

func reportText(problems io.Writer, e *api.Error) {
	for _, f := range e.Faults {
		fmt.Fprintln(problems, catalog.Error(f))
	}
	first, more, several := strings.Cut(e.Message, "\n")
	fmt.Fprintf(problems, "weir: %s [%s]\n", first, e.Code)
	if several {
		fmt.Fprintln(problems, more)
	}
	if e.Fix != "" {
		fmt.Fprintln(problems, "  do:", e.Fix)
	}
}

// explain gives the code of a command's error, and what to do about it.
func explain(cmd *cobra.Command, err error) *api.Error {
	e := api.Explain(err)
	var faults catalog.Errors
	if errors.As(err, &faults) {
		e.Message = strings.Replace(e.Message, faults.Error(), "the catalog has "+plural(len(faults), "fault", "faults"), 1)
		e.Fix = "correct what the lines above name; docs/reference/errors.md explains the codes"
	}
	if e.Code == fault.Failed {
		if code := ownCode(err); code != "" {
			if e.Fix == e.Code.Fix() {
				e.Fix = code.Fix()
			}
			e.Code = code
		}
		if (e.Code == fault.No || e.Code == fault.Failed) && e.Fix == e.Code.Fix() { // the message says all
			e.Fix = ""
		}
	}
	if e.Code == fault.Usage && e.Fix == fault.Usage.Fix() {
		e.Fix = helpOf(cmd)
	}
	return e
}

// ownCode gives the code of an error that says none, "" for none.
func ownCode(err error) fault.Code {
	var (
		usage   *usageError
		no      *noError
		invalid *collection.Invalid
		syntax  *document.SyntaxError
		path    *fs.PathError
	)
	switch {
	case errors.As(err, &usage):
		return fault.Usage
	case errors.As(err, &no):
		return fault.No
	case errors.As(err, &invalid), errors.As(err, &syntax):
		return fault.InvalidDocument
	case errors.Is(err, listener.ErrTaken):
		return fault.PortTaken
	case errors.Is(err, context.Canceled):
		return fault.Interrupted
	case errors.As(err, &path):
		return fault.File
	}
	return ""
}
