package catalog

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"weir/internal/golden"
)

// catalogs returns the catalogs of testdata of a kind: good or bad.
func catalogs(t *testing.T, kind string) []string {
	t.Helper()
	var names []string
	for _, ext := range []string{"yaml", "json"} {
		found, err := filepath.Glob("testdata/*." + kind + "." + ext)
		if err != nil || len(found) == 0 {
			t.Fatalf("no %s catalogs: %v", kind, err)
		}
		names = append(names, found...)
	}
	return names
}

func TestLoadGood(t *testing.T) {
	for _, name := range catalogs(t, "good") {
		t.Run(filepath.Base(name), func(t *testing.T) {
			c, err := Load(name)
			if err != nil {
				t.Fatal(err)
			}
			var text bytes.Buffer
			enc := json.NewEncoder(&text)
			enc.SetIndent("", "  ")
			enc.SetEscapeHTML(false)
			if err := enc.Encode(c); err != nil {
				t.Fatal(err)
			}
			golden.Compare(t, name+".golden", text.String())
			if wd, _ := os.Getwd(); bytes.Contains(text.Bytes(), []byte(wd)) {
				t.Errorf("the catalog names %s, a path of this machine", wd)
			}
		})
	}
}

func TestLoadBad(t *testing.T) {
	for _, name := range catalogs(t, "bad") {
		t.Run(filepath.Base(name), func(t *testing.T) {
			c, err := Load(name)
			var errs Errors
			if c != nil || !errors.As(err, &errs) || len(errs) == 0 {
				t.Fatalf("got catalog %v, error %v", c, err)
			}
			golden.Compare(t, name+".golden", err.Error()+"\n")
		})
	}
}

// TestRoundTrip shows that a spec's JSON holds all of the spec but Module.Path.
func TestRoundTrip(t *testing.T) {
	for _, name := range catalogs(t, "good") {
		first, err := Load(name)
		if err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal(first)
		if err != nil {
			t.Fatal(err)
		}
		var second Catalog
		if err := json.Unmarshal(text, &second); err != nil {
			t.Fatal(err)
		}
		again, err := json.Marshal(&second)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(text, again) {
			t.Errorf("%s: the JSON of the catalog changes when it is read and written again\n%s\n%s", name, text, again)
		}
		for n, c := range first.Collections {
			if c.Hash() != second.Collections[n].Hash() {
				t.Errorf("%s: hash of %s changes in a round trip", name, n)
			}
		}
	}
}

// TestLoadTwice shows that the order of Go's maps does not reach the result.
func TestLoadTwice(t *testing.T) {
	for _, name := range append(catalogs(t, "good"), catalogs(t, "bad")...) {
		var texts []string
		for range 3 {
			c, err := Load(name)
			text, _ := json.Marshal(c)
			if err != nil {
				text = []byte(err.Error())
			}
			texts = append(texts, string(text))
		}
		if texts[0] != texts[1] || texts[1] != texts[2] {
			t.Errorf("%s: loads of one file differ", name)
		}
	}
}

func TestLoadPaths(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		t.Helper()
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return name
	}
	schema := `schema: { type: object, required: [id], properties: { id: { $ref: "../types.yaml#/$defs/id" } } }`
	write("types.yaml", `$defs: { id: { type: string } }`)
	write("yaml/flow.yaml", "collections: { a/yaml: { key: [/id], "+schema+" } }")
	write("json/flow.json", `{"collections": {"a/json": {"key": ["/id"], "schema": {"type": "object", "required": ["id"], "properties": {"id": {"type": "string"}}}}}}`)
	write("both/flow.yaml", "{}")
	write("both/flow.json", "{}")
	write("none/other.yaml", "{}")
	big := write("big/flow.yaml", "")
	if err := os.Truncate(big, maxFileSize+1); err != nil {
		t.Fatal(err)
	}

	c, err := Load(filepath.Join(dir, "yaml"), filepath.Join(dir, "json", "flow.json"), filepath.Join(dir, "json"))
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(Names(c.Collections), " "); got != "a/json a/yaml" {
		t.Errorf("loaded %s", got)
	}
	// The file above the root moves the bundle's own root up, and no other's.
	if got := c.Collections["a/yaml"].Schema.URL; got != "yaml/flow.yaml?ptr=/collections/a~1yaml/schema" {
		t.Errorf("URL of the schema is %s", got)
	}
	if got := c.Collections["a/json"].Schema.URL; got != "flow.json?ptr=/collections/a~1json/schema" {
		t.Errorf("URL of the schema is %s", got)
	}

	for path, want := range map[string]string{
		"both":       "the directory holds both flow.yaml and flow.json",
		"none":       "the directory holds neither flow.yaml nor flow.json",
		"gone":       "there is no such file",
		"big":        "more than the 16777216 that are allowed",
		"\x00":       "invalid",
		"types.yaml": "unknown field $defs",
	} {
		if _, err := Load(filepath.Join(dir, path)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("load %q: got %v, want %s", path, err, want)
		}
	}
	if _, err := Load(); err == nil {
		t.Error("load of nothing gives no error")
	}
}

func TestExamples(t *testing.T) {
	roots, err := filepath.Glob("../examples/*/flow.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, root := range roots {
		if _, err := Load(filepath.Dir(root)); err != nil {
			t.Error(err)
		}
	}
}

func TestTooManyErrors(t *testing.T) {
	name := filepath.Join(t.TempDir(), "flow.yaml")
	if err := os.WriteFile(name, []byte("import: ["+strings.Repeat("1, ", 5*maxErrors)+"]\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	_, err := Load(name)
	var errs Errors
	if !errors.As(err, &errs) || len(errs) != maxErrors+1 {
		t.Fatalf("%d errors, want %d and one that says there are more", len(errs), maxErrors)
	}
	if !strings.Contains(err.Error(), "there are more errors than these 1000") {
		t.Error("no error says that there are more")
	}
}

// FuzzLoad loads arbitrary files: whatever they hold, every error has a place and
// every catalog survives its JSON.
func FuzzLoad(f *testing.F) {
	for _, kind := range []string{"good", "bad"} {
		for _, ext := range []string{"yaml", "json"} {
			names, _ := filepath.Glob("testdata/*." + kind + "." + ext)
			for _, name := range names {
				text, err := os.ReadFile(name)
				if err != nil {
					f.Fatal(err)
				}
				f.Add(text, ext == "json")
			}
		}
	}
	f.Fuzz(func(t *testing.T, text []byte, isJSON bool) {
		name := "flow.yaml"
		if isJSON {
			name = "flow.json"
		}
		c, err := LoadFiles(name, map[string]string{name: string(text)})
		var faults Errors
		errors.As(err, &faults)
		for _, e := range faults {
			if e.File == "" || e.Line < 1 || e.Column < 1 || e.Message == "" {
				t.Fatalf("an error without a place: %#v", e)
			}
		}
		if err != nil {
			return
		}
		if _, err := json.Marshal(c); err != nil {
			t.Fatal(err)
		}
		c.Tasks()
	})
}

func BenchmarkLoad(b *testing.B) {
	for b.Loop() {
		if _, err := Load("testdata/full.good.yaml"); err != nil {
			b.Fatal(err)
		}
	}
}

// TestLocal: a program's configuration has the directory of the file where it
// stands, and the configuration's own file is read.
func TestLocal(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"flow.yaml":       "import: [sub/more.yaml]\n",
		"sub/more.yaml":   "collections: {acmeCo/in: {schema: {type: object, properties: {id: {type: string}}, required: [id]}, key: [/id]}}\ncaptures: {acmeCo/from: {endpoint: {local: {command: [./connector, -v], config: config.yaml, env: {A: b}}}, bindings: [{resource: {}, target: acmeCo/in}]}}\n",
		"sub/config.yaml": "rate: 7\n",
	} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	c, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"command":["./connector","-v"],"config":{"rate":7},"env":{"A":"b"},"dir":"` + filepath.Join(dir, "sub") + `"}`
	if got := c.Captures["acmeCo/from"].Endpoint; got.Kind != LocalEndpoint || string(got.Config) != want {
		t.Errorf("%s %s, want %s", got.Kind, got.Config, want)
	}
}
