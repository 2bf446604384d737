// Package golden compares what a test made with a file that is kept: testdata,
// or a page of the reference.
package golden

import (
	"flag"
	"os"
	"testing"
)

var update = flag.Bool("update", false, "write golden files and pages of the reference anew")

// Compare fails the test where the file does not hold what it got. With -update
// it writes the file instead: the difference is to be read before it is kept.
func Compare(t testing.TB, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v: run the test with -update", err)
	}
	if got != string(want) {
		t.Errorf("%s differs: run the test with -update and read the difference\n--- got\n%s\n--- want\n%s", file, got, want)
	}
}
