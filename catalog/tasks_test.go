package catalog

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func load(t *testing.T, name string) *Catalog {
	t.Helper()
	c, err := Load(name)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestTasks(t *testing.T) {
	c := load(t, "testdata/full.good.yaml")
	var got []string
	for _, task := range c.Tasks() {
		got = append(got, fmt.Sprintf("%s %s %v", task.Kind, task.Name, task.Disable))
		if len(task.Hash) != 64 {
			t.Errorf("hash of %s is %q", task.Name, task.Hash)
		}
	}
	want := `derivation acmeCo/copied false
materialization acmeCo/database true
derivation acmeCo/flagged true
capture acmeCo/generator false
derivation acmeCo/inline false`
	if strings.Join(got, "\n") != want {
		t.Errorf("tasks are\n%s", strings.Join(got, "\n"))
	}
}

func TestReaders(t *testing.T) {
	c := load(t, "testdata/full.good.yaml")
	c.Materializations["acmeCo/database"].Disable = false
	c.Collections["acmeCo/flagged"].Derive.Disable = false
	got := fmt.Sprint(c.Readers("acmeCo/orders"))
	want := "[{materialization acmeCo/database  0} {derivation acmeCo/flagged fromOrders 0} {derivation acmeCo/inline fromOrders 0}]"
	if got != want {
		t.Errorf("readers are %s, want %s", got, want)
	}
	c.Materializations["acmeCo/database"].Disable = true
	c.Collections["acmeCo/flagged"].Derive.Disable = true
	if got := fmt.Sprint(c.Readers("acmeCo/orders")); got != "[{derivation acmeCo/inline fromOrders 0}]" {
		t.Errorf("readers that are not disabled are %s", got)
	}
}

func TestHash(t *testing.T) {
	first, second := load(t, "testdata/full.good.yaml"), load(t, "testdata/full.good.yaml")
	orders := second.Collections["acmeCo/orders"]
	orders.Origin.Line++
	if first.Collections["acmeCo/orders"].Hash() != orders.Hash() {
		t.Error("the hash depends on the line")
	}
	orders.Partitions *= 2
	if first.Collections["acmeCo/orders"].Hash() == orders.Hash() {
		t.Error("the hash does not depend on the partitions")
	}
	test := second.Tests["acmeCo/tests/long"]
	test.Steps[0].Origin.Line++
	if first.Tests["acmeCo/tests/long"].Hash() != test.Hash() {
		t.Error("the hash depends on the line of a step")
	}
	if test.Steps[0].Origin.Line == first.Tests["acmeCo/tests/long"].Steps[0].Origin.Line {
		t.Error("hashing a test changes its steps")
	}
}

func TestParseInterval(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"0s": 0, "30s": 30 * time.Second, "5m": 5 * time.Minute, "2h": 2 * time.Hour, "007d": 7 * 24 * time.Hour, "3650d": maxInterval,
	} {
		if got, err := ParseInterval(text); err != nil || got != want {
			t.Errorf("interval %s: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "5", "m", "5 m", "-5m", "+5m", "5M", "5ms", "1.5h", "3651d", "99999999999999999999s"} {
		if got, err := ParseInterval(text); err == nil {
			t.Errorf("interval %q is taken as %v", text, got)
		}
	}
}

func TestNearest(t *testing.T) {
	known := []string{"schema", "key", "projections", "partitions", "onInvalid", "derive"}
	for name, want := range map[string]string{
		"shcema": "schema", "Key": "key", "ke": "key", "partition": "partitions", "onINvalid": "onInvalid",
		"whatever": "", "x": "", "": "", "projektion": "projections", strings.Repeat("k", 300): "",
	} {
		if got := nearest(name, known); got != want {
			t.Errorf("nearest of %q is %q, want %q", name, got, want)
		}
	}
	for _, c := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"abc", "", 3}, {"abc", "acb", 1}, {"kitten", "sitting", 3}, {"größe", "grosse", 3}} {
		if got := distance(c.a, c.b); got != c.want {
			t.Errorf("distance of %s and %s is %d, want %d", c.a, c.b, got, c.want)
		}
	}
}

// TestHashOfSQL depends on the statements, not on where they were written.
func TestHashOfSQL(t *testing.T) {
	load := func(above, lambda string) *Collection {
		dir := t.TempDir()
		text := above + `collections:
  acmeCo/in: {key: [/id], schema: {type: object, required: [id], properties: {id: {type: string}}}}
  acmeCo/out:
    key: [/id]
    schema: {type: object, required: [id], properties: {id: {type: string}}}
    derive:
      using: {sqlite: {migrations: [create table t (id text)]}}
      transforms: [{name: all, source: acmeCo/in, shuffle: any, lambda: ` + lambda + `}]
`
		if err := os.WriteFile(filepath.Join(dir, "flow.yaml"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := Load(dir)
		if err != nil {
			t.Fatal(err)
		}
		return c.Collections["acmeCo/out"]
	}
	a := load("", "select $id")
	if b := load("# moved down\n\n", "select $id"); a.Hash() != b.Hash() || a.Derive.Transforms[0].Lambda.Line == b.Derive.Transforms[0].Lambda.Line {
		t.Error("the hash depends on the line, or there is none")
	}
	if b := load("", "select $id as id"); a.Hash() == b.Hash() {
		t.Error("the hash does not depend on the statement")
	}
	if a.Derive.Using.SQLite.Migrations[0].Line == 0 {
		t.Error("hashing removed a line")
	}
}
