package documents_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"weir/collection"
	"weir/controlplane"
	"weir/controlplane/documents"
	"weir/fault"
	"weir/internal/weirtest"
	"weir/journal"
)

const flowText = `
collections:
  acmeCo/orders:
    key: [/id, /line]
    schema:
      type: object
      required: [id, line, region]
      properties: {id: {type: [string, integer]}, line: {type: integer}, region: {type: string}}
    projections: {region: {location: /region, partition: true}}
  acmeCo/copies:
    key: [/id, /line]
    schema: {type: object, required: [id, line], properties: {id: {type: [string, integer]}, line: {type: integer}}}
    derive:
      using: {copy: {}}
      transforms:
        - {name: fromEU, source: {name: acmeCo/orders, partitions: {include: {region: [EU]}}}, shuffle: any}
        - {name: off, source: acmeCo/orders, shuffle: any, disable: true}
materializations:
  acmeCo/db: {endpoint: {sqlite: {path: out.db}}, bindings: [{source: acmeCo/copies, resource: {table: copies}}]}
`

func publish(t *testing.T) *journal.Conn {
	conn := weirtest.Connect(t, weirtest.Server(t))
	c := weirtest.Publish(t, conn, weirtest.Files(t, map[string]string{"flow.yaml": flowText}))
	for i, d := range []string{`"id":"7","line":1,"region":"EU"`, `"id":7,"line":1,"region":"EU"`, `"id":"7","line":2,"region":"US"`, `"id":"7","line":1,"region":"US"`} {
		weirtest.Ingest(t, conn, c.Collections["acmeCo/orders"], fmt.Sprintf(`{%s,"n":%d}`, d, i))
	}
	return conn
}

func orders(t *testing.T, conn *journal.Conn) *collection.Collection {
	t.Helper()
	records, err := controlplane.Records(t.Context(), conn)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range records {
		if r.Collection != nil && r.Collection.Name == "acmeCo/orders" {
			c, err := collection.New(r.Collection)
			if err != nil {
				t.Fatal(err)
			}
			return c
		}
	}
	t.Fatal("not published")
	return nil
}

// numbers gives the members n of what a query reads.
func numbers(t *testing.T, conn *journal.Conn, q *documents.Query) string {
	t.Helper()
	var out []string
	err := q.Read(t.Context(), conn, func(d documents.Document) error {
		_, n, _ := strings.Cut(string(d.Data), `"n":`)
		out = append(out, strings.TrimSuffix(n, "}"))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(out, " ")
}

func TestQueries(t *testing.T) {
	conn := publish(t)
	c := orders(t, conn)
	stored := weirtest.Documents(t, conn, c.Name)
	now := time.Now()
	for _, test := range []struct {
		key        []string
		partitions map[string][]string
		from, want string
	}{
		{nil, nil, "", "0 1 2 3"},
		{nil, nil, "first", "0 1 2 3"},
		{nil, nil, "last", "3"},
		{nil, nil, "new", ""},
		{nil, nil, fmt.Sprint(stored[2].Seq), "2 3"},
		{nil, nil, "1h", "0 1 2 3"},
		{nil, nil, "2d", "0 1 2 3"},
		{nil, nil, stored[1].Time.Format(time.RFC3339Nano), "1 2 3"},
		{nil, nil, now.Add(time.Hour).Format("2006-01-02T15:04:05"), ""},
		{[]string{`"7"`, "1"}, nil, "", "0 3"},
		{[]string{"7", "1"}, nil, "", "1"},
		{[]string{`"7"`, "1"}, nil, "last", "3"},
		{[]string{`"7"`, "1"}, map[string][]string{"region": {"EU"}}, "", "0"},
		{nil, map[string][]string{"region": {"US"}}, "", "2 3"},
		{nil, map[string][]string{"region": {"US", "EU"}}, "", "0 1 2 3"},
		{[]string{"none", "1"}, nil, "last", ""},
	} {
		q, err := documents.NewQuery(c, test.key, test.partitions)
		if err == nil {
			err = q.Begin(t.Context(), conn, test.from, now)
		}
		if err != nil {
			t.Fatalf("%v %v from %s: %v", test.key, test.partitions, test.from, err)
		}
		if got := numbers(t, conn, q); got != test.want {
			t.Errorf("%v %v from %s: %s, want %s", test.key, test.partitions, test.from, got, test.want)
		}
	}
	if _, err := documents.NewQuery(c, nil, map[string][]string{"state": {"x"}}); err == nil || !strings.Contains(err.Error(), "it has region") {
		t.Errorf("an unknown partition: %v", err)
	}
	q, _ := documents.NewQuery(c, nil, nil)
	for _, bad := range []string{"yesterday", "-5m", "2026-13-01"} {
		if err := q.Begin(t.Context(), conn, bad, now); !errors.Is(err, documents.ErrFrom) {
			t.Errorf("from %s: %v", bad, err)
		}
	}
}

func TestTap(t *testing.T) {
	conn := publish(t)
	weirtest.Run(t, weirtest.Options(t, conn, t.TempDir()))
	records, err := controlplane.Records(t.Context(), conn)
	if err != nil {
		t.Fatal(err)
	}
	pipes, err := documents.Pipes(records, "acmeCo/copies")
	if err != nil {
		t.Fatal(err)
	}
	if err := documents.BeginAll(t.Context(), conn, pipes, "first", time.Now()); err != nil {
		t.Fatal(err)
	}
	enough := errors.New("enough")
	var seen []string
	err = documents.Tap(weirtest.Context(t), conn, pipes, func() error { return nil }, func(e documents.Event) error {
		seen = append(seen, e.Direction+" "+e.Name+" "+e.Collection)
		if len(seen) == 4 {
			return enough
		}
		return nil
	})
	if !errors.Is(err, enough) {
		t.Fatal(err)
	}
	slices.Sort(seen)
	if got := strings.Join(seen, "; "); got != "in fromEU acmeCo/orders; in fromEU acmeCo/orders; out acmeCo/copies acmeCo/copies; out acmeCo/copies acmeCo/copies" {
		t.Errorf("seen: %s", got)
	}
	for task, want := range map[string]string{
		"acmeCo/orders": "weir read acmeCo/orders --follow", "acmeCo/none": "name one that is: acmeCo/copies, acmeCo/db",
	} {
		_, err := documents.Pipes(records, task)
		if _, fix, _ := fault.What(err); err == nil || !strings.Contains(fix, want) {
			t.Errorf("%s: %v, do: %s", task, err, fix)
		}
	}
	if pipes, err := documents.Pipes(records, "acmeCo/db"); err != nil || len(pipes) != 1 || pipes[0].Direction != documents.In {
		t.Errorf("acmeCo/db: %+v, %v", pipes, err)
	}
}
