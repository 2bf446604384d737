package catalogtest

import (
	"path/filepath"
	"testing"

	"weir/catalog"
	"weir/controlplane"
)

// TestReductions runs catalogs whose tests state what each strategy does, over transactions of their own.
func TestReductions(t *testing.T) {
	c, err := catalog.Load(filepath.Join("testdata", "reductions"))
	if err == nil {
		err = controlplane.Build(c)
	}
	if err != nil {
		t.Fatal(err)
	}
	ran := 0
	err = Run(t.Context(), c, func(r Result) {
		ran++
		if r.Err != nil {
			t.Errorf("%s: %v", r.Test, r.Err)
		}
	})
	if err != nil || ran != 12 {
		t.Errorf("%d tests, %v", ran, err)
	}
}
