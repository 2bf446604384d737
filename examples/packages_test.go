package examples_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"weir/internal/pgtest"
	"weir/internal/weirtest"
	"weir/sinks"
	"weir/sinks/postgres"
	"weir/sources"
	"weir/sources/files"
	"weir/worker"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// The sample goes through the whole example into a real PostgreSQL, and again
// after dpkg would have written it anew.
func TestPackages(t *testing.T) {
	server := pgtest.Shared(t)
	database := server.Database(t)
	sample, err := os.ReadFile(filepath.Join("packages", "sample", "status"))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	status := filepath.Join(dir, "status")
	if err := os.WriteFile(status, sample, 0o644); err != nil {
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
	c.Captures["acmeCo/dpkg"].Endpoint.Config = configure(map[string]string{"url": dir, "interval": "10ms", "settle": "0s"})
	c.Materializations["acmeCo/postgres"].Endpoint.Config = configure(map[string]string{"url": server.URL(database)})
	conn := weirtest.Connect(t, weirtest.Server(t))
	weirtest.PublishBuilt(t, conn, "packages", c)
	o := weirtest.Options(t, conn, t.TempDir())
	o.Sources = sources.Registry{"files": files.New()}
	o.Sinks = sinks.Registry{"postgres": postgres.New()}
	w, _ := weirtest.Run(t, o)

	tables := func(changed int, sections, dependents, packages []string) {
		t.Helper()
		weirtest.Await(t, w, worker.KindCapture, "acmeCo/dpkg", "the paragraphs", func(worker.Status) bool { return len(weirtest.Documents(t, conn, "acmeCo/packages")) >= changed })
		for _, task := range []string{"acmeCo/sections", "acmeCo/dependents"} {
			weirtest.ReadThrough(t, w, conn, worker.KindDerivation, task, "acmeCo/packages")
		}
		weirtest.ReadThrough(t, w, conn, worker.KindMaterialization, "acmeCo/postgres", "acmeCo/packages", "acmeCo/sections", "acmeCo/dependents")
		for query, want := range map[string][]string{
			"select section, packages, kib from sections order by section":                                    sections,
			"select package, dependents from dependents order by package":                                     dependents,
			`select "Package", "Version", installed_size, "Section" from packages order by "Package" limit 1`: packages,
		} {
			if got := server.Rows(t, database, query); !slices.Equal(got, want) {
				t.Errorf("%s: %q, want %q", query, got, want)
			}
		}
	}
	tables(4, []string{"materials|1|12", "tools|2|4996"}, []string{"acme-iron|2", "libacme1|1"}, []string{"acme-anvil|2.1-3|4096|tools"})

	// The anvil is upgraded; dpkg replaces its file.
	lighter := []byte(string(sample[:len("Package: acme-anvil\n")]) + "Status: install ok installed\nSection: tools\nInstalled-Size: 4000\nArchitecture: amd64\nVersion: 2.2\nDepends: acme-iron\n\n")
	next := append(lighter, sample[len(sample)-len(after(t, sample)):]...)
	if err := os.WriteFile(filepath.Join(dir, "status-new"), next, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(dir, "status-new"), status); err != nil {
		t.Fatal(err)
	}
	tables(8, []string{"materials|1|12", "tools|2|4900"}, []string{"acme-iron|2", "libacme1|0"}, []string{"acme-anvil|2.2|4000|tools"})
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
