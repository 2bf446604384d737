package catalogtest

import (
	"cmp"
	"encoding/json"
	"io"
	"slices"
	"time"

	"weir/catalog"
)

// Outcomes of a test.
const (
	Passed  = "passed"
	Failed  = "failed"
	Updated = "updated" // it failed, and what it expects was rewritten
)

// Report is what a run of tests came to: the value that text, JSON and JUnit
// XML are written from.
type Report struct {
	Catalog  string       `json:"catalog"` // as the user named it
	Tests    []TestReport `json:"tests"`
	Passed   int          `json:"passed"`
	Failed   int          `json:"failed"`
	Updated  int          `json:"updated"`
	Seconds  float64      `json:"seconds"`
	Coverage []Coverage   `json:"coverage"` // of each transform that is not disabled
}

// TestReport is the outcome of one test.
type TestReport struct {
	Test        string     `json:"test"`
	Description string     `json:"description,omitempty"`
	File        string     `json:"file"`
	Line        int        `json:"line"`
	Outcome     string     `json:"outcome"`
	Seconds     float64    `json:"seconds"`
	Failures    []*Failure `json:"failures,omitempty"`
	Updates     []Update   `json:"updates,omitempty"`
	Printed     []string   `json:"printed,omitempty"` // by modules, through console
}

// Coverage is how much of the tests went through one transform.
type Coverage struct {
	Transform
	Tests     int    `json:"tests"`     // that had a document for it
	Documents uint64 `json:"documents"` // that it processed in all of them
}

// NewReport begins the report of a run.
func NewReport(c *catalog.Catalog, path string) *Report {
	r := &Report{Catalog: path, Tests: []TestReport{}, Coverage: []Coverage{}}
	for _, d := range c.Collections {
		if d.Derive == nil || d.Derive.Disable {
			continue
		}
		for _, t := range d.Derive.Transforms {
			if !t.Disable {
				r.Coverage = append(r.Coverage, Coverage{Transform: Transform{d.Name, t.Name}})
			}
		}
	}
	slices.SortFunc(r.Coverage, func(a, b Coverage) int {
		return cmp.Or(cmp.Compare(a.Derivation, b.Derivation), cmp.Compare(a.Name, b.Name))
	})
	return r
}

// Add takes the result of a test, and gives what the report says of it.
func (r *Report) Add(c *catalog.Catalog, result Result) *TestReport {
	at := result.Spec.Origin
	t := TestReport{
		Test: result.Test, Description: result.Spec.Description, File: c.Shown(at.File), Line: at.Line,
		Outcome: Passed, Seconds: seconds(result.Took), Failures: result.Failures, Printed: result.Printed,
	}
	if result.Err != nil {
		t.Outcome = Failed
		r.Failed++
	} else {
		r.Passed++
	}
	for i := range r.Coverage {
		if n := result.Ran[r.Coverage[i].Transform]; n > 0 {
			r.Coverage[i].Tests++
			r.Coverage[i].Documents += n
		}
	}
	r.Tests = append(r.Tests, t)
	return &r.Tests[len(r.Tests)-1]
}

// Update takes what became of the expected documents of tests that failed. A
// test all of whose failures were mended counts as updated.
func (r *Report) Update(all []Update) {
	for i := range r.Tests {
		t := &r.Tests[i]
		mended := 0
		for _, u := range all {
			if u.Test != t.Test {
				continue
			}
			t.Updates = append(t.Updates, u)
			if u.Refused == "" {
				mended++
			}
		}
		if t.Outcome == Failed && mended == len(t.Failures) {
			t.Outcome = Updated
			r.Failed--
			r.Updated++
		}
	}
}

// Took says how long the run was.
func (r *Report) Took(d time.Duration) { r.Seconds = seconds(d) }

// Again takes the result of an updated test that was run once more: one that
// fails again has results that change by themselves.
func (r *Report) Again(result Result) {
	for i := range r.Tests {
		t := &r.Tests[i]
		if t.Test != result.Test || result.Err == nil {
			continue
		}
		for _, f := range result.Failures {
			f.Hint = "it was rewritten and fails again: the results of this test change from run to run"
		}
		t.Outcome, t.Failures = Failed, append(t.Failures, result.Failures...)
		r.Updated--
		r.Failed++
	}
}

// Write writes the report as indented JSON.
func (r *Report) Write(out io.Writer) error {
	enc := json.NewEncoder(out)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(r)
}

// seconds are rounded to what anybody can make use of.
func seconds(d time.Duration) float64 { return d.Round(100 * time.Microsecond).Seconds() }
