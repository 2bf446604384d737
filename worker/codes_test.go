package worker_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"weir/worker"
)

var update = flag.Bool("update", false, "rewrite the reference page")

const errorsHead = `# Codes of errors

A task that does not run says why: ` + "`weir status`" + ` shows the message, the place and what to do, ` + "`weir logs`" + ` and ` + "`/metrics`" + ` (` + "`weir_task_errors_total`" + `) name
the code. A task that is ` + "`retrying`" + ` goes on by itself as soon as it can; one that ` + "`failed`" + ` stands until somebody changes something.

This page is made of the code: change it by running ` + "`go test ./worker -run Codes -update`" + `.
`

// The page of codes is made of the table.
func TestCodesPage(t *testing.T) {
	var b strings.Builder
	b.WriteString(errorsHead)
	var names []string
	for _, c := range worker.Codes() {
		fmt.Fprintf(&b, "\n## %s\n\n%s\n\n- Do: %s.\n", c.Name, c.Means, c.Fix)
		names = append(names, c.Name)
	}
	if !slices.IsSorted(names) || len(slices.Compact(slices.Clone(names))) != len(names) {
		t.Errorf("codes are not sorted, or not unique: %v", names)
	}
	page := filepath.FromSlash("../docs/reference/errors.md")
	if *update {
		if err := os.WriteFile(page, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if want, err := os.ReadFile(page); err != nil || string(want) != b.String() {
		t.Errorf("%s is not what the table says: run the test with -update and read the diff (%v)", page, err)
	}
}

// No code stands anywhere but in the table: one that is made up in passing would
// have no fix and no place on the page.
func TestCodesComeFromTheTable(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	literal := regexp.MustCompile(`(?:Why\{Code: |\.Code(?:, [^=]*)? = )"`)
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for n, line := range strings.Split(string(text), "\n") {
			if !strings.HasSuffix(name, "_test.go") && literal.MatchString(line) {
				t.Errorf("%s:%d: a code is written out: %s", name, n+1, strings.TrimSpace(line))
			}
		}
	}
}
