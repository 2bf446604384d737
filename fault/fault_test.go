package fault_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"weir/fault"
)

func TestEntriesAreSortedAndWhole(t *testing.T) {
	var codes []fault.Code
	for _, e := range fault.Entries() {
		codes = append(codes, e.Code)
		if e.Means == "" || e.Do == "" || len(e.Where) == 0 || e.Code.Fix() != e.Do || strings.HasSuffix(e.Do, ".") {
			t.Errorf("%s: %+v", e.Code, e)
		}
	}
	if !slices.IsSorted(codes) || len(slices.Compact(slices.Clone(codes))) != len(codes) {
		t.Errorf("codes are not sorted, or not unique: %v", codes)
	}
	if fix := fault.Code("nothing").Fix(); fix != "" {
		t.Errorf("an unknown code has the fix %q", fix)
	}
}

func TestWhat(t *testing.T) {
	cause := errors.New("cause")
	for _, test := range []struct {
		err  error
		code fault.Code
		fix  string
		ok   bool
	}{
		{cause, "", "", false},
		{fault.New(fault.Usage, "say so", "what"), fault.Usage, "say so", true},
		{fmt.Errorf("step: %w", fault.Wrap(cause, fault.Disk, "")), fault.Disk, fault.Disk.Fix(), true},
	} {
		if code, fix, ok := fault.What(test.err); code != test.code || fix != test.fix || ok != test.ok {
			t.Errorf("%v: %s %q %v", test.err, code, fix, ok)
		}
	}
	if err := fault.Wrap(cause, fault.Disk, ""); !errors.Is(err, cause) || err.Error() != "cause" {
		t.Errorf("%v does not hold its cause, or not its message", err)
	}
}

// No code stands anywhere but in the table, where it has a meaning and a fix,
// and none stands there that nothing uses.
func TestCodesComeFromTheTable(t *testing.T) {
	table, err := os.ReadFile("codes.go")
	if err != nil {
		t.Fatal(err)
	}
	unused := map[string]string{}
	for _, m := range regexp.MustCompile(`(?m)^\t(\w+) +Code = "(.*)"$`).FindAllStringSubmatch(string(table), -1) {
		unused[m[1]] = m[2]
		if fault.Code(m[2]).Fix() == "" {
			t.Errorf("%s has no entry in the table", m[1])
		}
	}
	if len(unused) != len(fault.Entries()) {
		t.Errorf("%d constants, %d entries", len(unused), len(fault.Entries()))
	}
	literal := regexp.MustCompile(`\bCode(: |(, [^=]*)? = )"|fault\.Code\("`)
	use := regexp.MustCompile(`\bfault\.(\w+)`)
	err = filepath.WalkDir("..", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (name == filepath.Join("..", "fault") || len(d.Name()) > 2 && d.Name()[0] == '.' || d.Name() == "sources") { // sources answer their own clients
			return filepath.SkipDir
		}
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		for n, line := range strings.Split(string(text), "\n") {
			if literal.MatchString(line) {
				t.Errorf("%s:%d: a code is written out: %s", name, n+1, strings.TrimSpace(line))
			}
		}
		for _, m := range use.FindAllStringSubmatch(string(text), -1) {
			delete(unused, m[1])
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, code := range unused {
		t.Errorf("nothing uses %s (%s)", name, code)
	}
}
