package derive

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"maps"

	"weir/catalog"
	"weir/internal/golden"
)

const typesData = "testdata/types"

func loadTypes(t *testing.T) *catalog.Catalog {
	t.Helper()
	c, err := catalog.Load(typesData)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestDeclarations compares the types of a catalog with golden files. The test
// of type checks has TypeScript read them.
func TestDeclarations(t *testing.T) {
	files, err := Declarations(loadTypes(t))
	if err != nil {
		t.Fatal(err)
	}
	var written []string
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if !strings.HasPrefix(files[name], Generated) {
			t.Errorf("%s does not begin as generated files do", name)
		}
		short, ok := strings.CutPrefix(name, typesDir+"/")
		if !ok {
			continue // a fixed text
		}
		written = append(written, short)
		golden.Compare(t, filepath.Join(typesData, "golden", short), files[name])
	}
	if want := []string{"acmeCo/copies.d.ts", "acmeCo/numbered.d.ts", "acmeCo/orders.d.ts", "acmeCo/people/all.d.ts", "acmeCo/totals.d.ts"}; !slices.Equal(written, want) {
		t.Errorf("files are %v, not %v", written, want)
	}
	again, err := Declarations(loadTypes(t))
	if err != nil || !maps.Equal(files, again) {
		t.Errorf("a second time something else comes out, %v", err)
	}
}
