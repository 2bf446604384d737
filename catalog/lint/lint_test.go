package lint

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"weir/catalog"
	"weir/internal/golden"
)

// TestRules has a catalog for each rule, with what it warns of and what looks
// like it and is fine: no other rule says anything of it.
func TestRules(t *testing.T) {
	for _, rule := range Rules() {
		t.Run(rule.Name, func(t *testing.T) {
			c, err := catalog.Load("testdata/" + rule.Name + ".yaml")
			if err != nil {
				t.Fatal(err)
			}
			var b strings.Builder
			for _, w := range Check(c, options()) {
				if w.Rule != rule.Name {
					t.Errorf("another rule: %s", w)
				}
				if w.Why != rule.Why || w.Do != rule.Do {
					t.Errorf("%s does not say why, or what to do", w)
				}
				fmt.Fprintln(&b, w)
			}
			if b.Len() == 0 {
				t.Error("nothing is found")
			}
			golden.Compare(t, "testdata/"+rule.Name+".golden", b.String())
		})
	}
}

// options know two connectors.
func options() Options {
	return Options{
		AtLeastOnce: func(m *catalog.Materialization) bool { return m.Endpoint.Kind == "webhook" },
		ConfigSchema: func(section, kind string) json.RawMessage {
			switch section + " " + kind {
			case "captures shop":
				return json.RawMessage(`{"properties": {"api": {"properties": {"key": {"secret": true}}}}}`)
			case "materializations db":
				return json.RawMessage(`{"properties": {"password": {"secret": true}, "url": {"secret": true}}}`)
			}
			return nil
		},
	}
}

// A schema that stands in no file, as what flow://write-schema is in a
// readSchema, is where its collection is.
func TestReadSide(t *testing.T) {
	c, err := catalog.Load("testdata/read/flow.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range Check(c, Options{}) {
		if w.File != "testdata/read/flow.yaml" || w.Line != 3 || w.Rule != "append-without-end" {
			t.Error(w)
		}
	}
	if len(Check(c, Options{})) != 1 {
		t.Errorf("%d warnings", len(Check(c, Options{})))
	}
}

// Every file of testdata belongs to a rule.
func TestEveryFileHasARule(t *testing.T) {
	files, err := filepath.Glob("testdata/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		rule := strings.TrimSuffix(filepath.Base(name), ".yaml")
		if !slices.ContainsFunc(Rules(), func(r Rule) bool { return r.Name == rule }) {
			t.Errorf("%s belongs to no rule", name)
		}
	}
}

// The catalogs that people begin with give no warnings.
func TestExamples(t *testing.T) {
	files, err := filepath.Glob("../../examples/*/flow.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d examples, %v", len(files), err)
	}
	for _, name := range files {
		if strings.Contains(filepath.ToSlash(name), "/from-flow/") {
			continue // they show what Flow allows, as Flow's users write it
		}
		c, err := catalog.Load(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range Check(c, Options{}) {
			t.Error(w)
		}
	}
}

const referenceHead = `# Rules of weir lint

` + "`weir lint CATALOG`" + ` warns of what is allowed in a catalog and yet unsafe or surprising. Nothing is published, no server is
needed. What is wrong for certain is no warning: every command that reads a catalog refuses it.

` + "```sh\ngo run ./cmd/weir lint examples/orders\n```" + `

Each warning has its file and line, the rule's name, what was found, why it matters, and what to do. ` + "`-o json`" + ` prints the same
for programs. The exit code is 0 with warnings too; with ` + "`--strict`" + ` it is 1. It is 2 when the catalog is wrong. ` + "`weir up -v` and `weir publish -v`" + `
print the warnings as well.

This page is made of the rules: change it by running ` + "`go test ./catalog/lint -update`" + `.
`

// TestReference compares the reference page with the rules.
func TestReference(t *testing.T) {
	var b strings.Builder
	b.WriteString(referenceHead)
	for _, r := range Rules() {
		fmt.Fprintf(&b, "\n## %s\n\nFinds %s.\n\n- Why: %s.\n- Do: %s.\n", r.Name, r.Finds, r.Why, r.Do)
	}
	golden.Compare(t, "../../docs/reference/lint.md", b.String())
}
