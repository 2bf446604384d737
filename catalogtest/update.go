package catalogtest

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"

	"weir/catalog"
	"weir/document"
)

// Update is what became of the expected documents of a step that failed.
type Update struct {
	Test    string `json:"test"`
	Step    int    `json:"step"`
	File    string `json:"file"` // that holds the documents
	Line    int    `json:"line"`
	Changed int    `json:"changed"`
	Added   int    `json:"added"`
	Removed int    `json:"removed"`
	Refused string `json:"refused,omitempty"` // why nothing was rewritten
}

func (u *Update) String() string {
	if u.Refused != "" {
		return fmt.Sprintf("%s:%d: not rewritten: %s", u.File, u.Line, u.Refused)
	}
	return fmt.Sprintf("%s:%d: rewritten: %d changed, %d added, %d removed", u.File, u.Line, u.Changed, u.Added, u.Removed)
}

// Rewrite makes the verify steps that failed expect what they found, in the
// files that their documents stand in. Of a document that is still there only
// the members that it named before are named again. A list that other steps
// use as well is left alone, unless all of them would have to expect the same.
func Rewrite(c *catalog.Catalog, results []Result) []Update {
	var out []Update
	failed := map[spot][]*Failure{}
	for _, r := range results {
		for _, f := range r.Failures {
			if f.verify != nil {
				at := spot{f.verify.At.Path, f.verify.At.Pointer}
				failed[at] = append(failed[at], f)
			}
		}
	}
	users := usersOf(c)
	written := map[spot]error{}
	for _, r := range results {
		for _, f := range r.Failures {
			if f.verify == nil {
				continue
			}
			at := spot{f.verify.At.Path, f.verify.At.Pointer}
			if _, done := written[at]; !done {
				written[at] = rewriteOne(f, failed[at], users[at])
			}
			out = append(out, f.update(r.Test, written[at]))
		}
	}
	return out
}

// spot is where a list of documents stands.
type spot struct{ path, pointer string }

// usersOf counts the steps that use each list.
func usersOf(c *catalog.Catalog) map[spot]int {
	users := map[spot]int{}
	for _, t := range c.Tests {
		for _, s := range t.Steps {
			at := catalog.Place{}
			switch {
			case s.Ingest != nil:
				at = s.Ingest.At
			case s.Verify != nil:
				at = s.Verify.At
			}
			users[spot{at.Path, at.Pointer}]++
		}
	}
	return users
}

// rewriteOne rewrites a list that steps failed on.
func rewriteOne(f *Failure, all []*Failure, users int) error {
	if users > len(all) {
		return errors.New("other steps use these documents too: give this step its own")
	}
	for _, other := range all {
		same := func(a, b catalog.Rewritten) bool { return sameDocument(a.Document, b.Document) }
		if !slices.EqualFunc(f.rewritten, other.rewritten, same) {
			return errors.New("several steps use these documents, and would have to expect different ones: give each its own")
		}
	}
	at := f.verify.At
	text, err := os.ReadFile(at.Path)
	if err != nil {
		return err
	}
	now, err := catalog.RewriteDocuments(at.Path, text, at.Pointer, f.verify.Documents, f.rewritten)
	if err != nil {
		return err
	}
	info, err := os.Stat(at.Path)
	if err != nil {
		return err
	}
	return os.WriteFile(at.Path, now, info.Mode().Perm())
}

// update says what became of a failure.
func (f *Failure) update(test string, err error) Update {
	at := f.verify.At
	u := Update{Test: test, Step: f.Step, File: at.Shown, Line: at.Line, Removed: len(f.verify.Documents)}
	if err != nil {
		u.Removed, u.Refused = 0, err.Error()
		return u
	}
	for _, d := range f.rewritten {
		if d.Was < 0 {
			u.Added++
			continue
		}
		u.Removed--
		if !sameDocument(d.Document, f.verify.Documents[d.Was]) {
			u.Changed++
		}
	}
	return u
}

func sameDocument(a, b json.RawMessage) bool {
	var x, y document.Doc
	return x.Parse(a) == nil && y.Parse(b) == nil && document.Equal(&x, 0, &y, 0)
}
