package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"weir/internal/weirtest"
)

// codeBlock matches a code block of a page: its language, the rest of the line, its text.
var codeBlock = regexp.MustCompile("(?ms)^```([a-z]+) ?([^\n]*)\n(.*?)^```$")

// TestDerivationsPages runs every code block of the pages on derivations:
// files make catalogs, whose tests must pass, and commands run beside them.
func TestDerivationsPages(t *testing.T) {
	for _, name := range []string{"derivations", "sqlite-derivations"} {
		t.Run(name, func(t *testing.T) { runPage(t, "../../docs/"+name+".md") })
	}
}

func runPage(t *testing.T, name string) {
	page, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	files, commands := map[string]string{}, []string(nil)
	for _, m := range codeBlock.FindAllStringSubmatch(string(page), -1) {
		switch language, name := m[1], m[2]; {
		case language == "sh":
			commands = append(commands, strings.Split(strings.TrimSpace(m[3]), "\n")...)
		case name == "":
			t.Errorf("a block of %s names no file, so nothing runs it:\n%s", language, m[3])
		default:
			files[name] = m[3]
		}
	}
	dir := weirtest.Files(t, files)
	catalogs, err := filepath.Glob(filepath.Join(dir, "*", "flow.yaml"))
	if err != nil || len(catalogs) == 0 {
		t.Fatal(err, "no catalogs")
	}
	t.Chdir(dir)
	for _, file := range catalogs {
		name := filepath.Base(filepath.Dir(file))
		t.Run(name, func(t *testing.T) { pageCommand(t, "weir test "+name) })
	}
	for _, line := range commands {
		t.Run(line, func(t *testing.T) { pageCommand(t, line) })
	}
}

// pageCommand runs a command line of a page.
func pageCommand(t *testing.T, line string) {
	t.Helper()
	args := strings.Fields(line)
	if args[0] != "weir" {
		t.Fatalf("%s is no command of weir", line)
	}
	if o := weir(t, "", args[1:]...); o.code != 0 {
		t.Errorf("ends with code %d:\n%s%s", o.code, o.out, o.problems)
	}
}
