package weir_test

import (
	"bytes"
	"go/ast"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// maxLines is the longest that a Go file may get. Files below 400 are the aim;
// at twice that it surely holds more than one concept.
const maxLines = 800

// Each package says once what it is for. A comment that an empty line separates
// from its package clause is none: `go doc` does not show it.
func TestEveryPackageHasOneDoc(t *testing.T) {
	docs := make(map[string][]string)
	for _, s := range sources(t) {
		if s.test {
			continue
		}
		if _, seen := docs[s.pkg]; !seen {
			docs[s.pkg] = nil
		}
		if s.ast.Doc != nil && strings.TrimSpace(s.ast.Doc.Text()) != "" {
			docs[s.pkg] = append(docs[s.pkg], s.file)
		}
	}
	for pkg, files := range docs {
		switch {
		case len(files) == 0:
			t.Errorf("package %s has no doc: say above a package clause what it is for and what it guarantees", pkg)
		case len(files) > 1:
			t.Errorf("package %s has %d docs, in %s: keep one", pkg, len(files), strings.Join(files, ", "))
		}
	}
}

func TestPackageDocsBeginWithTheirName(t *testing.T) {
	for _, s := range sources(t) {
		if s.test || s.ast.Doc == nil {
			continue
		}
		want := "Package " + s.ast.Name.Name + " "
		if s.ast.Name.Name == "main" {
			want = "Command "
		}
		if !strings.HasPrefix(s.ast.Doc.Text(), want) {
			t.Errorf("%s: the package doc does not begin with %q", s.file, want)
		}
	}
}

func TestFilesStayReadable(t *testing.T) {
	for _, s := range sources(t) {
		if !s.test && s.lines > maxLines {
			t.Errorf("%s has %d lines, %d at most: split it by concept", s.file, s.lines, maxLines)
		}
	}
}

// What happens at start stands in main, where its order can be read.
func TestNoInitFunctions(t *testing.T) {
	for _, s := range sources(t) {
		for _, decl := range s.ast.Decls {
			if f, ok := decl.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == "init" {
				t.Errorf("%s has an init function: do it where it is needed, or in main", s.file)
			}
		}
	}
}

// machinePath matches absolute paths of a developer's machine. What a
// container image holds inside is no such path.
var machinePath = regexp.MustCompile(`(?:^|[\s"'=(:` + "`" + `])/(?:home|Users|work|tmp|root|mnt)/[A-Za-z0-9_.-]+`)

func TestTrackedFilesHoldNoMachinePaths(t *testing.T) {
	for _, name := range trackedFiles(t) {
		if strings.HasSuffix(name, "_test.go") || name == "go.sum" || name == "LICENSE" {
			continue
		}
		content, err := os.ReadFile(filepath.FromSlash(name))
		if os.IsNotExist(err) {
			continue // deleted, and not yet committed
		}
		if err != nil {
			t.Fatal(err)
		}
		for n, line := range bytes.Split(content, []byte("\n")) {
			if found := machinePath.Find(line); found != nil {
				t.Errorf("%s:%d: %s is a path of one machine", name, n+1, bytes.TrimSpace(found))
			}
		}
	}
}

// link matches the target of a Markdown link.
var link = regexp.MustCompile(`\]\(([^)\s]+)\)`)

func TestLinksInDocsLeadSomewhere(t *testing.T) {
	for _, name := range trackedFiles(t) {
		if !strings.HasSuffix(name, ".md") {
			continue
		}
		content, err := os.ReadFile(filepath.FromSlash(name))
		if os.IsNotExist(err) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range link.FindAllSubmatch(content, -1) {
			target, _, _ := strings.Cut(string(m[1]), "#")
			if target == "" || strings.Contains(target, "://") {
				continue
			}
			if _, err := os.Stat(filepath.Join(filepath.Dir(filepath.FromSlash(name)), filepath.FromSlash(target))); err != nil {
				t.Errorf("%s links to %s, which is not there", name, target)
			}
		}
	}
}

// trackedFiles are those that git knows, or, in a source archive without git,
// none: the rules above hold for what is committed.
func trackedFiles(t *testing.T) []string {
	t.Helper()
	if _, err := os.Stat(".git"); err != nil {
		t.Skip("no git repository here: nothing is tracked")
	}
	out, err := exec.Command("git", "ls-files", "-z").Output()
	if err != nil {
		t.Fatalf("git ls-files: %v", err)
	}
	return strings.FieldsFunc(string(out), func(r rune) bool { return r == 0 })
}
