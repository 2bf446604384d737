package weirtest

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

const page = "# A page\n\n" +
	"<!-- file: a/b.txt -->\n```js\nthree\n```\n" +
	"```sh\ncat a/b.txt\necho on 127.0.0.1:1234\n```\n\nand it says\n\n```text\nthree\non 127.0.0.1:4280\n```\n" +
	"<!-- fails: 3 -->\n```sh\nexit 3\n```\n" +
	"<!-- background -->\n```sh\nsleep 60\n```\n" +
	"<!-- not run -->\n```sh\nexit 1\n```\n" +
	"<!-- until -->\n```sh\necho x >> count\nwc -l < count\n```\n```text\n3\n```\n"

func TestRunPage(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "page.md")
	if err := os.WriteFile(name, []byte(page), 0o600); err != nil {
		t.Fatal(err)
	}
	RunPage(t, name, PageOptions{Dir: dir, Patience: time.Minute})
}

func TestPrinted(t *testing.T) {
	for _, test := range []struct {
		out, want string
		ok        bool
	}{
		{"a\nb\nc\n", "a\nc\n", true},
		{"a\nb\n", "b\na\n", false},
		{"a    b\n", "a b", true},
		{"took 3.1 s in all", "took ... s in ...", true},
		{"took 3.1 s in all", "took ... min", false},
		{"", "a", false},
		{"a", "", true},
	} {
		if got := printed(test.out, test.want); got != test.ok {
			t.Errorf("printed(%q, %q) = %t", test.out, test.want, got)
		}
	}
}
