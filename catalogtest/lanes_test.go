package catalogtest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"weir/catalog"
	"weir/controlplane"
	"weir/internal/weirtest"
)

func built(t *testing.T, text string) *catalog.Catalog {
	t.Helper()
	c, err := catalog.Load(weirtest.Files(t, map[string]string{"flow.yaml": text}))
	if err == nil {
		err = controlplane.Build(c)
	}
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// A hundred small tests use the same keys of the same collections, many of
// them on one server after the other: a document or a register left behind by
// one would fail the next. They are reported in order, whoever ends first.
func TestHundred(t *testing.T) {
	var text strings.Builder
	text.WriteString(flow)
	for i := range 100 {
		fmt.Fprintf(&text, `  acmeCo/t%02d:
    - ingest: {collection: acmeCo/in, documents: [{id: a, n: %d}, {id: b, n: 1}]}
    - ingest: {collection: acmeCo/in, documents: [{id: a, n: 1}]}
    - verify: {collection: acmeCo/sums, documents: [{id: a, n: %d}, {id: b, n: 1}]}
    - verify: {collection: acmeCo/counts, documents: [{id: a, nth: 2}, {id: b, nth: 1}]}
`, i, i, i+1)
	}
	c := built(t, text.String())
	began, n := time.Now(), 0
	err := Run(t.Context(), c, func(r Result) {
		if want := fmt.Sprintf("acmeCo/t%02d", n); r.Test != want || r.Err != nil {
			t.Errorf("%s instead of %s: %v", r.Test, want, r.Err)
		}
		n++
	})
	if err != nil || n != 100 {
		t.Fatalf("%d tests, %v", n, err)
	}
	t.Logf("100 tests in %s", time.Since(began).Round(time.Millisecond))
}

// Whoever stops the run gets no results of tests that were cut off.
func TestStopped(t *testing.T) {
	c := built(t, flow+`
  acmeCo/one: [{verify: {collection: acmeCo/in, documents: []}}]
  acmeCo/two: [{verify: {collection: acmeCo/in, documents: []}}]
`)
	ctx, stop := context.WithCancel(t.Context())
	stop()
	err := Run(ctx, c, func(r Result) { t.Errorf("%s: %v", r.Test, r.Err) })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("it ended with %v", err)
	}
}

func TestNoTests(t *testing.T) {
	if err := Run(t.Context(), &catalog.Catalog{}, func(r Result) { t.Error(r.Test) }); err != nil {
		t.Error(err)
	}
}

// A derivation that is disabled derives nothing and holds nothing up, nor do
// those that read from it.
func TestDisabled(t *testing.T) {
	off := strings.Replace(flow, "    derive:\n", "    derive:\n      shards: {disable: true}\n", 1)
	n := 0
	err := Run(t.Context(), built(t, off+`
  acmeCo/off:
    - ingest: {collection: acmeCo/in, documents: [{id: a, n: 1}]}
    - verify: {collection: acmeCo/in, documents: [{id: a, n: 1}]}
    - verify: {collection: acmeCo/sums, documents: []}
    - ingest: {collection: acmeCo/sums, documents: [{id: a, n: 1}]}
    - verify: {collection: acmeCo/counts, documents: [{id: a, nth: 1}]}
`), func(r Result) {
		n++
		if r.Err != nil {
			t.Error(r.Err)
		}
	})
	if err != nil || n != 1 {
		t.Errorf("%d tests, %v", n, err)
	}
}
