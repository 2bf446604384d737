package schema

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v5"

	"weir/document"
)

// ownSuite holds our own cases.
var ownSuite = filepath.Join("testdata", "suite")

// suiteDir is a checkout of the JSON Schema Test Suite, or a directory laid out as one.
var suiteDir = flag.String("schema.suite", ownSuite, "directory with tests/<draft>/*.json and remotes/, as the official suite has them")

// suiteRemotes is where the suite's cases say that its remote schemas are.
const suiteRemotes = "http://localhost:1234/"

// suiteGroup is a schema of the suite with its cases.
type suiteGroup struct {
	Description string          `json:"description"`
	Schema      json.RawMessage `json:"schema"`
	Tests       []struct {
		Description string          `json:"description"`
		Data        json.RawMessage `json:"data"`
		Valid       bool            `json:"valid"`
	} `json:"tests"`
}

// suiteCount is what became of a draft's cases.
type suiteCount struct {
	cases, expected, uncompiled, fallbacks int
}

// TestSuite gives every case the verdict that v5 gives it. By itself it runs our own cases; with -schema.suite those
// of the official suite, and -v prints how many there were.
func TestSuite(t *testing.T) {
	for _, draft := range []struct{ dir, url string }{
		{"draft4", drafts["4"]}, {"draft6", drafts["6"]}, {"draft7", drafts["7"]},
		{"draft2019-09", drafts["2019"]}, {"draft2020-12", drafts["2020"]},
	} {
		t.Run(draft.dir, func(t *testing.T) {
			remotes := suiteFiles(t, filepath.Join(*suiteDir, "remotes"))
			for name, text := range remotes {
				remotes[name] = declareDraft(t, text, draft.url)
			}
			files := suiteFiles(t, filepath.Join(*suiteDir, "tests", draft.dir))
			if len(files) == 0 {
				t.Fatalf("%s holds no cases of %s", *suiteDir, draft.dir)
			}
			count := suiteCount{}
			for name, text := range files {
				var groups []suiteGroup
				if err := json.Unmarshal(text, &groups); err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				for _, g := range groups {
					g.Description = name + ": " + g.Description
					g.Schema = declareDraft(t, g.Schema, draft.url)
					g.run(t, remotes, &count)
				}
			}
			t.Logf("%d cases, all with v5's verdict, which is the suite's for %d; %d of schemas that v5 does not compile, %d of schemas with fallbacks", count.cases, count.expected, count.uncompiled, count.fallbacks)
		})
	}
}

// run compares the verdicts on one schema's cases.
func (g suiteGroup) run(t *testing.T, remotes map[string]json.RawMessage, count *suiteCount) {
	t.Helper()
	const name = "suite.json"
	src := Source{URL: name, Resources: map[string]json.RawMessage{name: g.Schema}}
	for file, text := range remotes {
		src.Resources[suiteRemotes+file] = text
	}
	s, err := Compile(src)
	if err != nil {
		count.cases += len(g.Tests)
		count.uncompiled += len(g.Tests)
		if plain := plainCompile(src); plain == nil {
			t.Errorf("%s: %v, but v5 compiles it", g.Description, err)
		}
		return
	}
	for _, c := range g.Tests {
		var d document.Doc
		if err := d.Parse(c.Data); err != nil {
			t.Errorf("%s: %s: %v", g.Description, c.Description, err)
			continue
		}
		want := judge(s.oracle, decode(&d, 0)) == nil
		count.cases++
		if want == c.Valid {
			count.expected++
		}
		if want != c.Valid && *suiteDir == ownSuite {
			t.Errorf("%s: %s: %s is valid by v5: %v", g.Description, c.Description, c.Data, want)
		}
		if len(s.Fallbacks()) > 0 {
			count.fallbacks++
		}
		if got := s.Validator().Valid(&d, 0); got != want {
			t.Errorf("%s: %s: %s is valid: %v, by v5 %v, by the suite %v", g.Description, c.Description, c.Data, got, want, c.Valid)
		}
	}
}

// plainCompile compiles as v5 does when nobody stands before it.
func plainCompile(src Source) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%v", r)
		}
	}()
	c := jsonschema.NewCompiler()
	c.LoadURL = func(u string) (io.ReadCloser, error) { return nil, &missing{u} }
	for name, text := range src.Resources {
		at, err := absolute(name)
		if err != nil {
			return err
		}
		if err := c.AddResource(at, bytes.NewReader(text)); err != nil {
			return err
		}
	}
	at, err := absolute(src.URL)
	if err != nil {
		return err
	}
	_, err = c.Compile(at)
	return err
}

// suiteFiles reads the JSON files below a directory, by their paths in it; none when there is no such directory.
func suiteFiles(t *testing.T, dir string) map[string]json.RawMessage {
	t.Helper()
	out := map[string]json.RawMessage{}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Ext(path) != ".json" {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, path)
		out[(&url.URL{Path: filepath.ToSlash(name)}).String()] = text
		return err
	})
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return out
}

// declareDraft names the draft in a schema that names none.
func declareDraft(t *testing.T, text json.RawMessage, draft string) json.RawMessage {
	t.Helper()
	body := bytes.TrimSpace(text)
	if len(body) == 0 || body[0] != '{' {
		return text
	}
	var head struct {
		Schema *string `json:"$schema"`
	}
	if err := json.Unmarshal(body, &head); err != nil {
		t.Fatal(err)
	}
	if head.Schema != nil {
		return text
	}
	rest := strings.TrimSpace(string(body[1:]))
	if rest != "}" {
		rest = "," + rest
	}
	return json.RawMessage(`{"$schema":"` + draft + `"` + rest)
}
