package schema

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"weir/document"
)

// TestExamplesOfThePage runs the examples of docs/reductions.md: each block of YAML is a schema, and each row of the
// table behind it holds documents, what they combine to, and what they reduce to fully.
func TestExamplesOfThePage(t *testing.T) {
	page, err := os.ReadFile("../docs/reductions.md")
	if err != nil {
		t.Fatal(err)
	}
	code := regexp.MustCompile("`([^`]*)`")
	shown := map[string]bool{}
	rows := 0
	for _, part := range strings.Split(string(page), "```yaml\n")[1:] {
		text, rest, _ := strings.Cut(part, "```\n")
		s := compile(t, asJSON(t, text))
		for _, found := range regexp.MustCompile(`strategy: (\w+)`).FindAllStringSubmatch(text, -1) {
			shown[found[1]] = true
		}
		for line := range strings.Lines(rest) {
			if strings.HasPrefix(line, "#") || strings.HasPrefix(line, "| option ") {
				break
			}
			cells := strings.Split(line, "|")
			if len(cells) != 5 || !strings.Contains(cells[1], "`") {
				continue
			}
			rows++
			var docs []*document.Doc
			for _, found := range code.FindAllStringSubmatch(cells[1], -1) {
				docs = append(docs, parse(t, asJSON(t, found[1])))
			}
			if strings.TrimSpace(cells[3]) == "the same" {
				cells[3] = cells[2]
			}
			for full, want := range map[bool]string{false: cells[2], true: cells[3]} {
				if got := reduceExample(s, docs, full); !sameExample(t, got, strings.Trim(strings.TrimSpace(want), "`")) {
					t.Errorf("%sfull %t: %s", line, full, got)
				}
			}
		}
	}
	if rows < 20 {
		t.Errorf("the page has %d examples", rows)
	}
	for name := range methodOptions {
		if !shown[name] {
			t.Errorf("the page shows no example of %s", name)
		}
	}
}

func reduceExample(s *Schema, docs []*document.Doc, full bool) string {
	r := s.Reducer()
	out, err := r.Reduce(nil, docs, full)
	switch {
	case apart(err):
		return "kept apart"
	case err != nil:
		return err.Error()
	case r.Deleted():
		return "deleted"
	}
	return string(out)
}

func sameExample(t *testing.T, got, want string) bool {
	if !strings.HasPrefix(got, "{") || !strings.HasPrefix(want, "{") {
		return got == want
	}
	return document.Equal(parse(t, got), 0, parse(t, asJSON(t, want)), 0)
}

// asJSON turns YAML whose numbers JSON can hold into JSON.
func asJSON(t *testing.T, text string) string {
	t.Helper()
	var v any
	if err := yaml.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	out, err := json.Marshal(v)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return string(out)
}
