package weir_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// module is the import path of the repository's root.
const module = "weir"

// A layer is a package, or all packages directly below one ("sources/*"), with
// its level: imports go only to a lower level. docs/architecture.md, section 2,
// draws the same list.
type layer struct {
	name   string
	level  int
	reason string // what an import that breaks the order would spoil
}

var layers = []layer{
	{"cmd/weir", 6, "it builds and connects everything, so nothing may depend on it"},
	{"monitor", 5, "it reads the worker when it is asked; nothing that works knows how it is measured"},
	{"doctor", 5, "it reads what all others wrote, and nobody waits for it"},
	{"catalogtest", 5, "it runs the real worker; the control plane gets it as a function, so that publishing can be tested without"},
	{"worker", 4, "it meets the control plane only in records that journal keeps, so that both can run in different processes"},
	{"controlplane", 4, "it meets the worker only in records that journal keeps, so that both can run in different processes"},
	{"controlplane/quarantine", 4, "it brings documents back by what is published and by what journal keeps, whether tasks run or not"},
	{"controlplane/documents", 4, "it reads what is stored for people, whether tasks run or not"},
	{"controlplane/erasure", 4, "it removes a key from what journal keeps, whether tasks run or not"},
	{"controlplane/api", 4, "what programs can ask, over functions of the control plane"},
	{"controlplane/ui", 4, "what it reads and does are functions that it is given, so that pages can be tested with others"},
	{"sources/*", 4, "a connector knows its parent package and its own system, so that it can be read and tested alone"},
	{"sinks/*", 4, "a connector knows its parent package and its own system, so that it can be read and tested alone"},
	{"collection", 3, "it makes a collection runnable for whoever runs it, and so knows neither journal nor tasks"},
	{"sources", 3, "all that a connector's author needs, and nothing of how tasks run"},
	{"sinks", 3, "all that a connector's author needs, and nothing of how tasks run"},
	{"derive", 3, "JavaScript over documents: without tasks or streams it can be tested by calling it"},
	{"tasklog", 3, "lines of JSON to and from a stream: whoever logs and whoever reads need nothing else of each other"},
	{"catalog/lint", 3, "a checked catalog in, warnings out: pure, so that it can be asked before anything runs"},
	{"derive/sqlite", 3, "SQL over documents: without tasks or streams it can be tested by calling it"},
	{"catalog", 2, "files in, specs and errors out: pure, so that catalogs are checked without a server"},
	{"schema", 1, "validation and reduction are functions of documents, used at every level above"},
	{"document", 0, "everything stands on it"},
	{"fault", 0, "what went wrong has a name wherever it is told"},
	{"journal", 0, "it carries bytes, headers, subjects and positions, and knows nothing of ours"},
	{"journal/server", 0, "a NATS server and its settings, for whoever starts one"},
	{"controlplane/listener", 0, "who may come in is decided without knowing what is behind it"},
	{"secrets", 0, "values in, texts without them out: whatever shows something can use it"},
	{"internal/objects", 1, "directories and buckets, for connectors that read and write files"},
	{"connector/program", 2, "it starts programs and carries their lines, and knows neither tasks nor what they are for"},
	{"internal/natsendpoint", 1, "how to reach a NATS server of anybody's, for the source and the sink"},
	{"connector", 0, "messages of the wire protocol, for programs that are not ours as well"},
}

// Imports within one level, against the general rule.
var sameLevel = map[string]map[string]string{
	"journal":               {"fault": "its errors have codes, wherever they surface"},
	"journal/server":        {"fault": "a port that is taken has a code, whoever starts a server"},
	"controlplane/listener": {"fault": "who is refused is told why by a code"},
	"sources":               {"collection": "bindings are resolved from collections' keys and projections"},
	"sinks":                 {"collection": "bindings are resolved from collections' keys and projections"},
	"tasklog":               {"collection": "tasks are named in subjects as collections are"},
	"derive/sqlite": {
		"derive": "errors and changes of state are those of modules",
		"sinks":  "parameters of lambdas are the fields of collections, which sinks describes",
	},
	"controlplane/erasure":    {"controlplane": "what is published has names, and tasks are started anew for their registers", "controlplane/quarantine": "quarantine is one of the places that hold a key"},
	"controlplane/quarantine": {"controlplane": "what is published says what is valid and who reads it"},
	"sinks/*":                 {"sinks/sqltable": "columns, DDL and statements that SQL sinks share"},
	"controlplane/api":        {"controlplane": "operations are the control plane's functions", "controlplane/quarantine": "and this one's", "controlplane/documents": "and this one's"},
	"controlplane/ui":         {"controlplane/api": "pages show what the API answers"},
}

// Whole trees outside the levels. They may import any layer, and no layer may
// import them but from tests.
var besides = map[string]string{
	"connector/program/programtest": "tests as connectors, for those of sources and sinks",
	"internal/golden":               "files that tests compare with, of any layer",
	"internal/weirtest":             "what tests share",
	"internal/browsertest":          "what tests of pages share",
	"internal/natstest":             "a NATS server of somebody else's",
	"internal/pgtest":               "a PostgreSQL server for tests and for bench",
	"bench":                         "a program that measures",
	"examples":                      "their tests run them through the real engine",
}

// Pairs that the levels would allow, or that deserve a reason of their own.
var forbidden = []struct{ from, to, reason string }{
	{"worker", "controlplane", "they meet in records kept by journal"},
	{"controlplane", "worker", "they meet in records kept by journal"},
	{"controlplane", "catalogtest", "cmd hands it over as a function value"},
	{"collection", "journal", "a collection is prepared before anything is written"},
	{"derive", "journal", "modules see documents, not streams"},
	{"catalog", "journal", "checking a catalog needs no server"},
	{"sources", "journal", "a source is told what is durable; it does not write itself"},
	{"sinks", "journal", "a sink keeps its checkpoint in its own endpoint, or the worker keeps it"},
}

// Only these may import a library, so that replacing it, or learning that it
// misbehaves, concerns one place.
var doors = []struct {
	library string
	only    []string
	reason  string
}{
	{"github.com/nats-io/nats.go", []string{"journal", "sources/nats", "sinks/nats", "internal/natsendpoint", "internal/natstest", "controlplane/api", "bench"},
		"journal is the only door to JetStream; the connectors and the API speak NATS to others; bench/limits.go takes the limits without Weir"},
	{"github.com/nats-io/nats-server/v2", []string{"journal/server", "internal/weirtest"}, "one place sets how our servers run"},
	{"github.com/dop251/goja", []string{"derive"}, "user code runs in one place"},
	{"github.com/evanw/esbuild", []string{"derive"}, "user code is bundled in one place"},
	{"github.com/cockroachdb/pebble/v2", []string{"derive"}, "registers that memory has no room for are a copy, and only who makes the copy may read it"},
	{"github.com/santhosh-tekuri/jsonschema/v5", []string{"schema"}, "schema decides what a keyword means"},
	{"github.com/prometheus/client_golang", []string{"monitor"}, "tasks count, and one place knows in whose format"},
	{"github.com/spf13/cobra", []string{"cmd/weir"}, "the command line is one of several clients"},
	{"go.yaml.in/yaml/v3", []string{"catalog", "cmd/weir"}, "YAML is a form of catalogs, and of nothing inside"},
	{"gocloud.dev", []string{"internal/objects"}, "one place knows how buckets are opened, and what their errors mean"},
	{"github.com/aws/aws-sdk-go-v2", []string{"internal/objects"}, "one place knows how buckets are opened, and what their errors mean"},
	{"github.com/klauspost/compress", []string{"internal/objects"}, "one place knows the compressions of files"},
	{"github.com/chromedp/chromedp", []string{"internal/browsertest"}, "tests see pages, not the protocol of a browser"},
	{"modernc.org/libc", []string{"derive/sqlite"}, "the C side of SQLite is spoken to in one place"},
	{"modernc.org/sqlite", []string{"sinks/sqlite", "derive/sqlite", "bench", "internal/weirtest", "cmd/weir"}, "endpoints belong to connectors"},
	{"github.com/jackc/pgx/v5", []string{"sinks/postgres", "bench", "internal/pgtest"}, "endpoints belong to connectors"},
}

// An edge is an import of one file.
type edge struct {
	file, from, to string // from: directory of the importing package; to: import path, without the module if it is ours
	ours           bool
	blank          bool
	test, command  bool
}

func TestImportsGoToLowerLevels(t *testing.T) {
	for _, e := range edges(t) {
		if !e.ours || e.test || e.from == e.to {
			continue
		}
		if isBeside(e.to) && !isBeside(e.from) {
			t.Errorf("%s imports %s, which only tests may (%s)", e.file, e.to, besides[topBeside(e.to)])
			continue
		}
		if isBeside(e.from) {
			continue
		}
		from, ok := layerOf(e.from)
		if !ok {
			t.Errorf("%s: package %s has no level: add it to the list here and to docs/architecture.md", e.file, e.from)
			continue
		}
		to, ok := layerOf(e.to)
		switch {
		case !ok:
			t.Errorf("%s: package %s has no level: add it to the list here and to docs/architecture.md", e.file, e.to)
		case to.level < from.level:
		case to.level == from.level && isSameLevelAllowed(from.name, e.to):
		default:
			t.Errorf("%s: %s (level %d) imports %s (level %d): %s", e.file, e.from, from.level, e.to, to.level, from.reason)
		}
	}
}

func TestForbiddenPairs(t *testing.T) {
	for _, e := range edges(t) {
		for _, f := range forbidden {
			if !e.test && e.ours && isBelow(e.from, f.from) && isBelow(e.to, f.to) {
				t.Errorf("%s: %s must not import %s: %s", e.file, e.from, e.to, f.reason)
			}
		}
	}
}

func TestLibrariesHaveOneDoor(t *testing.T) {
	for _, e := range edges(t) {
		for _, d := range doors {
			if e.ours || e.test || !isBelow(e.to, d.library) {
				continue
			}
			if !slices.Contains(d.only, e.from) {
				t.Errorf("%s imports %s, which only %s may: %s", e.file, e.to, strings.Join(d.only, ", "), d.reason)
			}
		}
	}
}

// bench may know both Weir and what it stands on, but the files with the limits may not.
func TestLimitsKnowNothingOfWeir(t *testing.T) {
	limits := map[string]string{"bench/limits.go": "github.com/nats-io/nats.go", "bench/postgres.go": "github.com/jackc/pgx/v5"}
	for _, e := range edges(t) {
		client, ok := limits[e.file]
		if !ok {
			continue
		}
		library := strings.Contains(e.to, ".") // the standard library's paths have no dot in them
		if e.ours || library && !isBelow(e.to, client) {
			t.Errorf("%s imports %s: limits stand on the system's client and the standard library alone", e.file, e.to)
		}
	}
}

func TestBlankImportsOnlyInCommands(t *testing.T) {
	for _, e := range edges(t) {
		if e.blank && !e.test && !e.command && e.to != "embed" {
			t.Errorf("%s imports %s for its side effects: name what is used, or let the command import it", e.file, e.to)
		}
	}
}

func TestEveryRuleHasAReason(t *testing.T) {
	for _, l := range layers {
		if l.reason == "" {
			t.Errorf("layer %s has no reason", l.name)
		}
	}
	for _, f := range forbidden {
		if f.reason == "" {
			t.Errorf("%s must not import %s: without a reason", f.from, f.to)
		}
	}
	for _, d := range doors {
		if d.reason == "" || len(d.only) == 0 {
			t.Errorf("library %s: nobody may import it, or without a reason", d.library)
		}
	}
}

// layerOf finds the row of a package: its own, or that of "<parent>/*".
func layerOf(pkg string) (layer, bool) {
	for _, name := range []string{pkg, path.Dir(pkg) + "/*"} {
		for _, l := range layers {
			if l.name == name {
				return l, true
			}
		}
	}
	return layer{}, false
}

func isSameLevelAllowed(from, to string) bool {
	_, ok := sameLevel[from][to]
	return ok
}

func isBeside(pkg string) bool { return topBeside(pkg) != "" }

func topBeside(pkg string) string {
	for name := range besides {
		if isBelow(pkg, name) {
			return name
		}
	}
	return ""
}

// isBelow says whether pkg is parent or within it.
func isBelow(pkg, parent string) bool { return pkg == parent || strings.HasPrefix(pkg, parent+"/") }

func edges(t *testing.T) []edge {
	t.Helper()
	var out []edge
	for _, s := range sources(t) {
		for _, spec := range s.ast.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				t.Fatalf("%s: import %s: %v", s.file, spec.Path.Value, err)
			}
			ours := isBelow(imported, module)
			out = append(out, edge{
				file: s.file, from: s.pkg, to: strings.TrimPrefix(imported, module+"/"), ours: ours,
				blank: spec.Name != nil && spec.Name.Name == "_", test: s.test, command: s.ast.Name.Name == "main",
			})
		}
	}
	return out
}

// A source is a Go file of the repository, parsed.
type source struct {
	file, pkg string // path of the file and its directory, with slashes, relative to the root
	test      bool
	ast       *ast.File
	lines     int
}

// sources are the repository's Go files, whatever their build constraints.
func sources(t *testing.T) []source {
	t.Helper()
	var out []source
	fset := token.NewFileSet()
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		base := d.Name()
		if d.IsDir() {
			if name != "." && (strings.HasPrefix(base, ".") || base == "testdata" || base == "node_modules") {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(base, ".go") {
			return nil
		}
		f, err := parser.ParseFile(fset, name, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		slashed := filepath.ToSlash(name)
		out = append(out, source{
			file: slashed, pkg: path.Dir(slashed), ast: f, lines: fset.File(f.FileStart).LineCount(),
			test: strings.HasSuffix(base, "_test.go"),
		})
		return nil
	})
	if err != nil {
		t.Fatalf("parse the repository: %v", err)
	}
	return out
}
