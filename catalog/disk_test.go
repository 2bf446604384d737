package catalog

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// texts gives the files below a directory by their paths from there.
func texts(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := fs.WalkDir(os.DirFS(dir), ".", func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		text, err := os.ReadFile(filepath.Join(dir, path))
		files[path] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// A catalog is the same whether its files are on disk or were sent.
func TestLoadFiles(t *testing.T) {
	roots, err := filepath.Glob("../examples/*/flow.yaml")
	if err != nil || len(roots) == 0 {
		t.Fatal(roots, err)
	}
	for _, root := range roots {
		if filepath.Base(filepath.Dir(root)) == "connectors" {
			continue // its programs stand beside it
		}
		var specs [2]string
		for i, load := range []func() (*Catalog, error){
			func() (*Catalog, error) { return Load(filepath.Dir(root)) },
			func() (*Catalog, error) { return LoadFiles("", texts(t, filepath.Dir(root))) },
		} {
			c, err := load()
			if err != nil {
				t.Fatalf("%s: %v", root, err)
			}
			text, err := json.Marshal(c)
			if err != nil {
				t.Fatal(err)
			}
			specs[i] = string(text)
		}
		if specs[0] != specs[1] {
			t.Errorf("%s on disk:\n%s\nsent:\n%s", root, specs[0], specs[1])
		}
	}
}

// What was not sent is not read, wherever a name leads.
func TestLoadFilesOnly(t *testing.T) {
	dir := t.TempDir()
	outside := filepath.Join(dir, "outside.yaml")
	if err := os.WriteFile(outside, []byte("type: object\nproperties: { id: { type: string } }\nrequired: [id]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	up := strings.Repeat("../", 20) + strings.TrimPrefix(filepath.ToSlash(outside), "/")
	collection := func(schema string) string {
		return "collections: { a/b: { key: [/id], schema: " + schema + " } }\n"
	}
	const not = "it is not among the files that were sent"
	for _, c := range []struct {
		root, want string
		files      map[string]string
	}{
		{"", "flow.yaml:1:1: there is neither flow.yaml nor flow.json among the files", nil},
		{"", "flow.yaml:1:1: there are both flow.yaml and flow.json among the files", map[string]string{"flow.yaml": "{}", "flow.json": "{}"}},
		{"shop.yaml", "shop.yaml:1:1: " + not + " (did you mean shops.yaml?)", map[string]string{"shops.yaml": "{}"}},
		{up, not, map[string]string{"flow.yaml": "{}"}},
		{"", "../flow.yaml:1:1: this is no path below the catalog's directory", map[string]string{"../flow.yaml": "{}", "flow.yaml": "{}"}},
		{"", "/etc/flow.yaml:1:1: this is no path below", map[string]string{"/etc/flow.yaml": "{}", "flow.yaml": "{}"}},
		{"", `a\b.yaml:1:1: this is no path below`, map[string]string{`a\b.yaml`: "{}", "flow.yaml": "{}"}},
		{"", `"":1:1: this is no path below`, map[string]string{"": "{}", "flow.yaml": "{}"}},
		{"", "flow.yaml:1:10: /import/0: " + up + ": " + not, map[string]string{"flow.yaml": "import: [" + up + "]\n"}},
		{"", "flow.yaml:1:43: /collections/a~1b/schema: " + up + ": " + not, map[string]string{"flow.yaml": collection(up)}},
		{"", "it is not among the files that were sent", map[string]string{"flow.yaml": collection("{ $ref: " + up + " }")}},
		{"", "schema.yml: " + not + " (did you mean schema.yaml?)", map[string]string{"flow.yaml": collection("schema.yml"), "schema.yaml": "{}"}},
		{"", "is an absolute path", map[string]string{"flow.yaml": collection(outside)}},
		{"", "flow.yaml:1:39: /captures/a~1c/endpoint/local: files that were sent have no directory", map[string]string{"flow.yaml": "captures: { a/c: { endpoint: { local: { command: [sh] } }, bindings: [] } }\n"}},
		{"", "more than the 16777216 that are allowed", map[string]string{"flow.yaml": strings.Repeat("#", maxFileSize+1)}},
	} {
		if _, err := LoadFiles(c.root, c.files); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s of %d files: %v, want %s", c.root, len(c.files), err, c.want)
		}
	}
	files := map[string]string{"a/flow.yaml": "import: [../b/more.yaml]\n", "b/more.yaml": collection("{ $ref: ../schema.yaml }"), "schema.yaml": "{ type: object, required: [id], properties: { id: { type: string } } }"}
	if c, err := LoadFiles("a/flow.yaml", files); err != nil || c.Collections["a/b"] == nil {
		t.Errorf("a root below: %v", err)
	}
}
