package examples_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"weir/catalog"
	"weir/catalogtest"
	"weir/collection"
	"weir/controlplane"
	"weir/derive"
)

// Each example is run by its own tests, through the real engine.
func TestExamples(t *testing.T) {
	files, err := filepath.Glob("*/flow.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("found %d examples, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(filepath.Dir(file), func(t *testing.T) {
			c := load(t, file)
			if len(c.Tests) == 0 {
				t.Fatal("the example has no tests")
			}
			if _, err := derive.CheckTypes(t.Context(), c, filepath.Dir(file)); err != nil {
				t.Error(err)
			}
			err := catalogtest.Run(t.Context(), c, func(r catalogtest.Result) {
				if r.Err != nil {
					t.Errorf("%s: %v", r.Test, r.Err)
				}
			})
			if err != nil {
				t.Fatal(err)
			}
		})
	}
}

// The documents beside an example, for `weir ingest`, meet the schema of the
// collection that the tutorial sends them to.
func TestDocumentsBesideExamples(t *testing.T) {
	for _, c := range []struct{ dir, file, collection string }{
		{"orders", "orders.jsonl", "acmeCo/orders"},
		{"wordcount", "lines.jsonl", "acmeCo/lines"},
	} {
		t.Run(c.file, func(t *testing.T) {
			target, err := collection.New(load(t, c.dir).Collections[c.collection])
			if err != nil {
				t.Fatal(err)
			}
			documents, err := os.ReadFile(filepath.Join(c.dir, c.file))
			if err != nil {
				t.Fatal(err)
			}
			combiner := target.NewCombiner(collection.CombinerOptions{})
			defer combiner.Close()
			for line := range bytes.Lines(documents) {
				if err := combiner.Add(bytes.TrimSpace(line)); err != nil {
					t.Errorf("%s: %v", line, err)
				}
			}
		})
	}
}

func load(t *testing.T, path string) *catalog.Catalog {
	t.Helper()
	c, err := catalog.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := controlplane.Build(c); err != nil {
		t.Fatal(err)
	}
	return c
}
