package catalogtest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"weir/internal/weirtest"
)

// TestRewriteShared: a list that several steps use is rewritten once when they
// agree on it, and left alone when they do not, or when somebody else changed
// it since it was read.
func TestRewriteShared(t *testing.T) {
	const list = "- {id: a, n: 1} # one\n"
	dir := weirtest.Files(t, map[string]string{
		"flow.yaml": flow + `
  acmeCo/agree-1: [{ingest: {collection: acmeCo/in, documents: [{id: a, n: 2}]}}, {verify: {collection: acmeCo/in, documents: agree.yaml}}]
  acmeCo/agree-2: [{ingest: {collection: acmeCo/in, documents: [{id: a, n: 2}]}}, {verify: {collection: acmeCo/in, documents: agree.yaml}}]
  acmeCo/differ-1: [{ingest: {collection: acmeCo/in, documents: [{id: a, n: 3}]}}, {verify: {collection: acmeCo/in, documents: differ.yaml}}]
  acmeCo/differ-2: [{ingest: {collection: acmeCo/in, documents: [{id: a, n: 4}]}}, {verify: {collection: acmeCo/in, documents: differ.yaml}}]
  acmeCo/edited: [{ingest: {collection: acmeCo/in, documents: [{id: a, n: 5}]}}, {verify: {collection: acmeCo/in, documents: edited.yaml}}]
  acmeCo/gone: [{ingest: {collection: acmeCo/in, documents: [{id: a, n: 6}]}}, {verify: {collection: acmeCo/in, documents: gone.yaml}}]
`,
		"agree.yaml": list, "differ.yaml": list, "edited.yaml": list, "gone.yaml": list,
	})
	c := weirtest.Load(t, dir)
	var failed []Result
	if err := Run(t.Context(), c, func(r Result) { failed = append(failed, r) }); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "edited.yaml"), []byte("- {id: z}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, "gone.yaml")); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, u := range Rewrite(c, failed) {
		got = append(got, fmt.Sprintf("%s: %s", u.Test, strings.ReplaceAll(u.String(), dir, "")))
	}
	want := []string{
		"acmeCo/agree-1: /agree.yaml:1: rewritten: 1 changed, 0 added, 0 removed",
		"acmeCo/agree-2: /agree.yaml:1: rewritten: 1 changed, 0 added, 0 removed",
		"acmeCo/differ-1: /differ.yaml:1: not rewritten: several steps use these documents, and would have to expect different ones: give each its own",
		"acmeCo/differ-2: /differ.yaml:1: not rewritten: several steps use these documents, and would have to expect different ones: give each its own",
		"acmeCo/edited: /edited.yaml:1: not rewritten: the documents have changed since they were read: run the test again",
		"acmeCo/gone: /gone.yaml:1: not rewritten: open /gone.yaml: no such file or directory",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	for name, want := range map[string]string{"agree.yaml": "- {id: a, n: 2} # one\n", "differ.yaml": list, "edited.yaml": "- {id: z}\n"} {
		if text, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(text) != want {
			t.Errorf("%s: %q, %v", name, text, err)
		}
	}
}

// TestManyDocuments: more documents than are aligned are compared by position.
func TestManyDocuments(t *testing.T) {
	want, got := make([]held, maxAligned+1), make([]held, maxAligned+2)
	for i := range got {
		text := fmt.Sprintf(`{"id":%d}`, i)
		if i < len(want) {
			if err := want[i].doc.Parse([]byte(text)); err != nil {
				t.Fatal(err)
			}
		}
		if err := got[i].doc.Parse([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	pairs := align(want, got)
	if d := differences(want, got, pairs); len(d) != 1 || d[0].Document != len(got) || d[0].Expected != nil {
		t.Errorf("differences: %+v", d)
	}
	if d := differences(got, want, align(got, want)); len(d) != 1 || d[0].Document != len(got) || d[0].Actual != nil {
		t.Errorf("the other way round: %+v", d)
	}
}
