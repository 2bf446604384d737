package catalog

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"weir/document"
	"weir/internal/golden"
)

// TestRewriteDocuments shows files before and after, one change a case:
// testdata/rewrite/<case>.yaml or .json holds the list under the pointer
// /documents or at its root, .docs the new documents with the index of the old
// one before each (- for none), .golden the file as it is then, or why not.
func TestRewriteDocuments(t *testing.T) {
	cases, err := filepath.Glob("testdata/rewrite/*.docs")
	if err != nil || len(cases) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, name := range cases {
		base := strings.TrimSuffix(name, ".docs")
		t.Run(filepath.Base(base), func(t *testing.T) {
			text, err := os.ReadFile(base + ".yaml")
			file := base + ".yaml"
			if err != nil {
				file = base + ".json"
				if text, err = os.ReadFile(file); err != nil {
					t.Fatal(err)
				}
			}
			lines, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			pointer := "/documents"
			if bytes.HasPrefix(bytes.TrimSpace(text), []byte("[")) || bytes.HasPrefix(text, []byte("-")) {
				pointer = ""
			}
			out, err := RewriteDocuments(filepath.Base(file), text, pointer, listed(t, file, pointer), rewritten(t, string(lines)))
			if err != nil {
				out = []byte("error: " + err.Error() + "\n")
			}
			golden.Compare(t, base+".golden", string(out))
		})
	}
}

// listed are the documents that a file holds.
func listed(t *testing.T, name, pointer string) []json.RawMessage {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	parse := parseYAML
	if strings.HasSuffix(name, ".json") {
		parse = parseJSON
	}
	root, err := parse(text)
	if err != nil {
		t.Fatal(err)
	}
	if pointer != "" {
		m, _ := root.member("documents")
		root = m.value
	}
	var out []json.RawMessage
	for _, item := range root.items {
		out = append(out, item.json())
	}
	return out
}

// rewritten reads lines of an index and a document.
func rewritten(t *testing.T, text string) []Rewritten {
	t.Helper()
	var docs []Rewritten
	for line := range strings.Lines(text) {
		was, doc, ok := strings.Cut(strings.TrimSpace(line), " ")
		if !ok {
			t.Fatalf("no index and document: %s", line)
		}
		d := Rewritten{Document: json.RawMessage(doc), Was: -1}
		if was != "-" {
			if _, err := fmt.Sscan(was, &d.Was); err != nil {
				t.Fatal(err)
			}
		}
		docs = append(docs, d)
	}
	return docs
}

// FuzzRewriteDocuments holds, for any file and any documents, that a rewritten
// file holds exactly the new documents, and else what it held before.
func FuzzRewriteDocuments(f *testing.F) {
	seeds, err := filepath.Glob("testdata/rewrite/*.yaml")
	if err != nil {
		f.Fatal(err)
	}
	more, err := filepath.Glob("testdata/rewrite/*.json")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range append(seeds, more...) {
		text, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text), strings.HasSuffix(name, ".json"), uint64(0b1011), `{"id":"x y","n":[1,{"a":null}]}`)
	}
	f.Fuzz(func(t *testing.T, text string, isJSON bool, mask uint64, added string) {
		name := "f.yaml"
		if isJSON {
			name = "f.json"
		}
		before, err := readSpans(name, []byte(text))
		if err != nil {
			return
		}
		extra, err := parseJSON([]byte(added))
		if err != nil {
			return
		}
		for _, pointer := range []document.Pointer{nil, {"documents"}} {
			list := before.root.find(pointer)
			if list == nil || list.node.kind != kindArray || list.node.size > 1<<20 {
				continue
			}
			docs, wanted := chosen(list.node, mask, extra)
			var old []json.RawMessage
			for _, item := range list.node.items {
				old = append(old, item.json())
			}
			out, err := RewriteDocuments(name, []byte(text), pointer.String(), old, docs)
			if err != nil {
				continue
			}
			after, err := readSpans(name, out)
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			if !sameBut(before.root.node, after.root.node, pointer, wanted) {
				t.Fatalf("want %s in\n%s", wanted.json(), out)
			}
		}
	})
}

// chosen keeps some of a list's items and puts another between them.
func chosen(list *node, mask uint64, extra *node) ([]Rewritten, *node) {
	var docs []Rewritten
	wanted := &node{kind: kindArray}
	for i, item := range list.items {
		if mask>>(i%64)&1 == 0 {
			docs = append(docs, Rewritten{Document: extra.json(), Was: -1})
			wanted.items = append(wanted.items, extra)
			continue
		}
		docs = append(docs, Rewritten{Document: item.json(), Was: i})
		wanted.items = append(wanted.items, item)
	}
	return docs, wanted
}

// TestQuotedStrings holds that strings keep their value, however they are
// written.
func TestQuotedStrings(t *testing.T) {
	texts := []string{"", " ", "a", "a b", "a  b", "null", "Yes", "1", "1e3", "1_000", "12:30", "0x1f", "-", "- a", "a: b", "a:b", "a:", "#x", "a #b",
		"2026-03-02T09:00:00Z", "2026-03-02", "ord-1", "cust@acme.example", "é", "日本", "\u2028", "\ufeff", "it's", `"q"`, "a\nb", "\t", "{", "[a]", "*a", "&a", "!t", "%x", "@x", "`x", "a, b", "=", "<<", "~", "..."}
	for _, quote := range []byte{0, '"', '\''} {
		for _, text := range texts {
			r := rewrite{spanFile: &spanFile{}}
			n, err := parseYAML([]byte("[" + r.quoted(text, quote) + "]"))
			if err != nil || n.items[0].kind != kindString || n.items[0].text != text {
				t.Errorf("%q is written %s and read %v", text, r.quoted(text, quote), err)
			}
		}
	}
}
