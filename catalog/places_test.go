package catalog

import (
	"path/filepath"
	"strings"
	"testing"

	"weir/document"
)

// TestPlaces finds values in the files that a catalog was read from, and the
// lists of documents of its tests.
func TestPlaces(t *testing.T) {
	c, err := Load("testdata/full.good.yaml")
	if err != nil {
		t.Fatal(err)
	}
	files := strings.Join(c.Files(), "\n")
	for _, test := range c.Tests {
		if got := c.At(test.Origin.File, "/tests/"+document.Pointer{test.Name}.String()[1:]+"/steps"); got.Line < test.Origin.Line {
			t.Errorf("the steps of %s are at %v, it is at %v", test.Name, got, test.Origin)
		}
		for _, s := range test.Steps {
			var at Place
			if s.Ingest != nil {
				at = s.Ingest.At
			} else {
				at = s.Verify.At
			}
			if !filepath.IsAbs(at.Path) || !strings.Contains(files, at.Path) || !strings.HasPrefix(at.Shown, "testdata/") || at.Line < 1 {
				t.Errorf("documents of %s: %+v", test.Name, at)
			}
		}
	}
	for _, spec := range c.Collections {
		if shown := c.Shown(spec.Origin.File); !strings.HasPrefix(shown, "testdata/") {
			t.Errorf("%s is shown as %s", spec.Origin.File, shown)
		}
	}
	if got := c.Shown("nowhere.yaml"); got != "nowhere.yaml" {
		t.Errorf("a file that is not there is shown as %s", got)
	}
	if got := c.At("nowhere.yaml", "/x"); got != (Origin{File: "nowhere.yaml", Line: 1}) {
		t.Errorf("a file that is not there: %v", got)
	}
}
