package fault_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"weir/fault"
)

var update = flag.Bool("update", false, "rewrite the reference page")

const head = `# Codes of errors

Every error that Weir shows has a code that stays the same, so that programs can compare it, and this page can explain it:

- **Tasks**: a task that does not run says why: ` + "`weir status`" + ` shows the message, the place and what to do, ` + "`weir logs`" + ` and ` + "`/metrics`" + ` (` + "`weir_task_errors_total`" + `) name
  the code. A task that is ` + "`retrying`" + ` goes on by itself as soon as it can; one that ` + "`failed`" + ` stands until somebody changes something.
- **Catalogs**: each fault is a line ` + "`file:line:column: /place/in/the/file: message (what would be right) [code]`" + `.
- **Commands**: a command that fails prints ` + "`weir: message [code]`" + ` to standard error and below it what to do. With ` + "`-o json`" + ` or ` + "`-o yaml`" + ` it is an object
  ` + "`{\"error\": {\"code\", \"message\", \"fix\", \"faults\"}}`" + `; faults are objects too.
- **The API**: answers of failed requests are such objects as well ([reference](api.md)).

This page is made of the code: change it by running ` + "`go test ./fault -update`" + `.
`

// The page of codes is made of the table.
func TestPage(t *testing.T) {
	var b strings.Builder
	b.WriteString(head)
	for _, where := range []string{fault.Tasks, fault.Catalogs, fault.Commands, fault.API} {
		var links []string
		for _, e := range fault.Entries() {
			if slices.Contains(e.Where, where) {
				links = append(links, fmt.Sprintf("[%s](#%s)", e.Code, e.Code))
			}
		}
		fmt.Fprintf(&b, "\nCodes of %s: %s.\n", where, strings.Join(links, ", "))
	}
	for _, e := range fault.Entries() {
		fmt.Fprintf(&b, "\n## %s\n\n%s\n\n- Do: %s.\n- Of: %s.\n", e.Code, e.Means, e.Do, strings.Join(e.Where, ", "))
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
