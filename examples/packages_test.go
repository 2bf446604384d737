package examples_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"weir/internal/pgtest"
	"weir/internal/weirtest"
	"weir/journal"
	"weir/sinks"
	"weir/sinks/postgres"
	"weir/sources"
	"weir/sources/files"
	"weir/worker"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// packagesFlow runs the example from a copy of dpkg's status into a database of
// its own.
type packagesFlow struct {
	t        *testing.T
	server   *pgtest.Server
	database string
	dir      string // of the file status
	conn     *journal.Conn
	worker   *worker.Worker
}

func startPackages(t *testing.T, status []byte) *packagesFlow {
	t.Helper()
	server := pgtest.Shared(t)
	f := &packagesFlow{t: t, server: server, database: server.Database(t), dir: t.TempDir()}
	if err := os.WriteFile(filepath.Join(f.dir, "status"), status, 0o644); err != nil {
		t.Fatal(err)
	}
	c := load(t, "packages")
	configure := func(value map[string]string) json.RawMessage {
		text, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	c.Captures["acmeCo/dpkg"].Endpoint.Config = configure(map[string]string{"url": f.dir, "interval": "10ms", "settle": "0s"})
	c.Materializations["acmeCo/postgres"].Endpoint.Config = configure(map[string]string{"url": server.URL(f.database)})
	f.conn = weirtest.Connect(t, weirtest.Server(t))
	weirtest.PublishBuilt(t, f.conn, "packages", c)
	o := weirtest.Options(t, f.conn, t.TempDir())
	o.Sources = sources.Registry{"files": files.New()}
	o.Sinks = sinks.Registry{"postgres": postgres.New()}
	f.worker, _ = weirtest.Run(t, o)
	return f
}

// captured waits until so many paragraphs have come, and are in all tables.
func (f *packagesFlow) captured(paragraphs int) {
	f.t.Helper()
	weirtest.Await(f.t, f.worker, worker.KindCapture, "acmeCo/dpkg", "the paragraphs", func(worker.Status) bool {
		return len(weirtest.Documents(f.t, f.conn, "acmeCo/packages")) >= paragraphs
	})
	for _, task := range []string{"acmeCo/sections", "acmeCo/dependents"} {
		weirtest.ReadThrough(f.t, f.worker, f.conn, worker.KindDerivation, task, "acmeCo/packages")
	}
	weirtest.ReadThrough(f.t, f.worker, f.conn, worker.KindMaterialization, "acmeCo/postgres", "acmeCo/packages", "acmeCo/sections", "acmeCo/dependents")
}

// has compares what queries give.
func (f *packagesFlow) has(want map[string][]string) {
	f.t.Helper()
	for query, want := range want {
		if got := f.server.Rows(f.t, f.database, query); !slices.Equal(got, want) {
			f.t.Errorf("%s: %q, want %q", query, got, want)
		}
	}
}

// The sample goes through the whole example into a real PostgreSQL, and again
// after dpkg would have written it anew.
func TestPackages(t *testing.T) {
	sample, err := os.ReadFile(filepath.Join("packages", "sample", "status"))
	if err != nil {
		t.Fatal(err)
	}
	f := startPackages(t, sample)
	tables := func(changed int, sections, dependents, packages []string) {
		t.Helper()
		f.captured(changed)
		f.has(map[string][]string{
			"select section, packages, kib from sections order by section":                                    sections,
			"select package, dependents from dependents order by package":                                     dependents,
			`select "Package", "Version", installed_size, "Section" from packages order by "Package" limit 1`: packages,
		})
	}
	tables(4, []string{"materials|1|12", "tools|2|4996"}, []string{"acme-iron|2", "libacme1|1"}, []string{"acme-anvil|2.1-3|4096|tools"})

	// The anvil is upgraded; dpkg replaces its file.
	lighter := []byte(string(sample[:len("Package: acme-anvil\n")]) + "Status: install ok installed\nSection: tools\nInstalled-Size: 4000\nArchitecture: amd64\nVersion: 2.2\nDepends: acme-iron\n\n")
	next := append(lighter, sample[len(sample)-len(after(t, sample)):]...)
	if err := os.WriteFile(filepath.Join(f.dir, "status-new"), next, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(f.dir, "status-new"), filepath.Join(f.dir, "status")); err != nil {
		t.Fatal(err)
	}
	tables(8, []string{"materials|1|12", "tools|2|4900"}, []string{"acme-iron|2", "libacme1|0"}, []string{"acme-anvil|2.2|4000|tools"})
}

// What dpkg says of the machine that the tests run on, where it has a dpkg, goes
// through as a whole: each package is a row, and what is installed is counted.
func TestPackagesOfThisMachine(t *testing.T) {
	status, err := os.ReadFile("/var/lib/dpkg/status")
	if err != nil || len(status) == 0 {
		return // not a Debian; the sample is tested everywhere
	}
	all, installed, kib := 0, 0, 0
	for paragraph := range strings.SplitSeq(strings.TrimSpace(string(status)), "\n\n") {
		size := 0
		for line := range strings.Lines(paragraph) {
			if text, ok := strings.CutPrefix(line, "Installed-Size: "); ok {
				if size, err = strconv.Atoi(strings.TrimSpace(text)); err != nil {
					t.Fatal(err)
				}
			}
		}
		if all++; strings.Contains(paragraph, "\nStatus: install ok installed\n") {
			installed, kib = installed+1, kib+size
		}
	}
	f := startPackages(t, status)
	f.captured(all)
	f.has(map[string][]string{
		"select count(*) from packages":                        {strconv.Itoa(all)},
		"select sum(packages), sum(kib) from sections":         {fmt.Sprintf("%d|%d", installed, kib)},
		"select count(*) from dependents where dependents < 0": {"0"},
	})
}

// after gives what follows the sample's first paragraph.
func after(t *testing.T, sample []byte) []byte {
	t.Helper()
	for i := range len(sample) - 1 {
		if sample[i] == '\n' && sample[i+1] == '\n' {
			return sample[i+2:]
		}
	}
	t.Fatal("the sample has one paragraph")
	return nil
}
