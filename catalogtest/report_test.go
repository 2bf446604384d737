package catalogtest

import (
	"strings"
	"testing"
	"time"

	"weir/catalog"
	"weir/internal/golden"
)

// reported is a report with a test of each outcome.
func reported() *Report {
	c := &catalog.Catalog{Collections: map[string]*catalog.Collection{
		"acmeCo/sums":   {Name: "acmeCo/sums", Derive: &catalog.Derivation{Transforms: []catalog.Transform{{Name: "fromIn"}, {Name: "fromLate"}, {Name: "off", Disable: true}}}},
		"acmeCo/counts": {Name: "acmeCo/counts", Derive: &catalog.Derivation{Disable: true, Transforms: []catalog.Transform{{Name: "fromSums"}}}},
	}}
	r := NewReport(c, "flow.yaml")
	sums := Transform{"acmeCo/sums", "fromIn"}
	for _, f := range []struct {
		name     string
		failures []*Failure
	}{
		{"acmeCo/tests/fails", []*Failure{{
			File: "flow.yaml", Line: 12, Step: 2, Kind: "verify", Collection: "acmeCo/sums", Description: "It adds <up> & \"on\".", Message: "1 difference",
			Differences: []Difference{{Document: 1, Key: []byte(`["a"]`), Pointer: "/n", Expected: []byte("2"), Actual: []byte("3")}},
		}}},
		{"acmeCo/tests/new", []*Failure{{
			File: "flow.yaml", Line: 20, Step: 1, Kind: "verify", Collection: "acmeCo/sums", Message: "0 documents expected, 1 found",
			Differences: []Difference{{Document: 1, Key: []byte(`["a"]`), Actual: []byte(`{"id":"a"}`)}},
		}}},
		{"passes", nil},
		{"stands", []*Failure{{File: "flow.yaml", Line: 30, Message: "publish: a stream\nis in the way \x1b]]>"}}},
	} {
		result := Result{
			Test: f.name, Spec: &catalog.Test{Description: "About " + f.name + ".", Origin: catalog.Origin{File: "flow.yaml", Line: 10}},
			Took: 12345 * time.Microsecond, Failures: f.failures, Ran: map[Transform]uint64{sums: 2, {"acmeCo/sums", "fromLate"}: 0},
		}
		if f.name != "stands" {
			result.Printed = []string{"acmeCo/sums fromIn: two\nlines", "acmeCo/sums warn: one"}
		}
		if f.failures != nil {
			result.Err = f.failures[0]
		}
		r.Add(c, result)
	}
	r.Update([]Update{{Test: "acmeCo/tests/new", Step: 1, File: "flow.yaml", Line: 21, Added: 1}, {Test: "acmeCo/tests/fails", Step: 2, File: "more.yaml", Line: 1, Refused: "it is shared"}})
	r.Took(1234567 * time.Microsecond)
	return r
}

// TestReportForms shows the three forms of a report, of the same outcomes.
func TestReportForms(t *testing.T) {
	r := reported()
	var text, plain, js, junit strings.Builder
	for i := range r.Tests {
		r.Tests[i].WriteText(&text, Colors{Expected: "<red>", Actual: "<green>", Faint: "<faint>", End: "</>"}, true)
		r.Tests[i].WriteText(&plain, Colors{}, false)
	}
	r.WriteSummary(&text, Colors{Expected: "<red>", Actual: "<green>", Faint: "<faint>", End: "</>"}, true)
	r.WriteSummary(&plain, Colors{}, false)
	if err := r.Write(&js); err != nil {
		t.Fatal(err)
	}
	if err := r.WriteJUnit(&junit); err != nil {
		t.Fatal(err)
	}
	golden.Compare(t, "testdata/report.txt", text.String()+"\n"+plain.String())
	golden.Compare(t, "testdata/report.json", js.String())
	golden.Compare(t, "testdata/report.xml", junit.String())
}
