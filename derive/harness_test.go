package derive

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"weir/catalog"
	"weir/document"
	"weir/schema"
)

// TestMain runs the package's tests in a time zone that nobody lives in, so that no result depends on the machine's.
func TestMain(m *testing.M) {
	time.Local = time.FixedZone("odd", 7*3600+13*60)
	os.Exit(m.Run())
}

var testMeta = Meta{
	Collection: "acmeCo/transfers",
	Transform:  "f",
	Seq:        42,
	Time:       time.Date(2026, 3, 4, 5, 6, 7, 89e6, time.UTC),
}

// derivation is a catalog's derivation of an inline JavaScript module with one transform f, shuffled by /k.
func derivation(code string) *catalog.Derivation {
	return &catalog.Derivation{
		Using:      catalog.Using{JavaScript: &catalog.Module{Inline: code}},
		Transforms: []catalog.Transform{{Name: "f", Source: catalog.Source{Name: "acmeCo/transfers"}, Shuffle: catalog.Shuffle{Key: []string{"/k"}}}},
	}
}

func withRegister(d *catalog.Derivation, schemaText, initial string) *catalog.Derivation {
	const url = "test://register"
	d.Register = &catalog.Register{Schema: schema.Source{URL: url, Resources: map[string]json.RawMessage{url: json.RawMessage(schemaText)}}}
	if initial != "" {
		d.Register.Initial = json.RawMessage(initial)
	}
	return d
}

func compile(t testing.TB, d *catalog.Derivation) (*Program, error) {
	t.Helper()
	for m, typescript := range map[*catalog.Module]bool{d.Using.JavaScript: false, d.Using.TypeScript: true} {
		if m == nil {
			continue
		}
		code, err := Bundle(m, typescript)
		if err != nil {
			return nil, err
		}
		m.Bundle = code
	}
	return Compile(d, "acmeCo/derived")
}

func newVM(t testing.TB, d *catalog.Derivation, o VMOptions) *VM {
	t.Helper()
	p, err := compile(t, d)
	if err != nil {
		t.Fatal(err)
	}
	vm, err := p.NewVM(o)
	if err == nil {
		err = vm.Open(nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	return vm
}

// apply calls the first transform and gives its outputs, one string each.
func apply(vm *VM, doc string) ([]string, error) { return applyTo(vm, 0, doc, testMeta) }

func applyTo(vm *VM, transform int, doc string, meta Meta) ([]string, error) {
	var d document.Doc
	if err := d.Parse([]byte(doc)); err != nil {
		return nil, err
	}
	var out []string
	err := vm.Apply(transform, &d, meta, func(raw []byte) error {
		out = append(out, string(raw))
		return nil
	})
	return out, err
}

func mustApply(t testing.TB, vm *VM, doc string) []string {
	t.Helper()
	out, err := apply(vm, doc)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func callError(t testing.TB, err error) *CallError {
	t.Helper()
	var e *CallError
	if !errors.As(err, &e) {
		t.Fatalf("got %v, want a CallError", err)
	}
	return e
}

// writeFiles puts a module's files into a directory and gives the path of the first.
func writeFiles(t testing.TB, files ...string) string {
	t.Helper()
	dir := t.TempDir()
	for i := 0; i < len(files); i += 2 {
		path := filepath.Join(dir, files[i])
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(files[i+1]), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, files[0])
}
