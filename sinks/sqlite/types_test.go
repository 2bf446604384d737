package sqlite

import (
	"encoding/json"
	"fmt"
	"math"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"weir/catalog"
	"weir/document"
	"weir/schema"
	"weir/sinks"
)

// TestTypes stores one property of one document, for each of many types and
// values, and reads column and storage class back.
func TestTypes(t *testing.T) {
	deep := strings.Repeat(`{"a":`, 200) + `1` + strings.Repeat(`}`, 200)
	for i, c := range []struct {
		schema, value string
		class         string
		want          any
	}{
		{`{"type":"integer"}`, `7`, "integer", int64(7)},
		{`{"type":"integer"}`, `1e2`, "integer", int64(100)},
		{`{"type":"integer"}`, `9223372036854775807`, "integer", int64(math.MaxInt64)},
		{`{"type":"integer"}`, `-9223372036854775808`, "integer", int64(math.MinInt64)},
		{`{"type":"integer"}`, `9223372036854775808`, "blob", []byte("9223372036854775808")},
		{`{"type":"integer"}`, `9223372036854775809`, "blob", []byte("9223372036854775809")},
		{`{"type":["integer","null"]}`, `null`, "null", nil},
		{`{"type":"number"}`, `0.1`, "real", 0.1},
		{`{"type":"number"}`, `7`, "real", 7.0},
		{`{"type":"number"}`, `1e400`, "real", math.Inf(1)},
		{`{"type":"number"}`, `-1e400`, "real", math.Inf(-1)},
		{`{"type":"boolean"}`, `true`, "integer", int64(1)},
		{`{"type":"boolean"}`, `false`, "integer", int64(0)},
		{`{"type":"string"}`, `""`, "text", ""},
		{`{"type":"string"}`, `"a\u0000b"`, "text", "a\x00b"},
		{`{"type":"string"}`, `"\u0000"`, "text", "\x00"},
		{`{"type":"string"}`, `"007"`, "text", "007"},
		{`{"type":"string"}`, `"1e5"`, "text", "1e5"},
		{`{"type":"string"}`, `"\ud83d\ude00 Straße ключ 日本"`, "text", "😀 Straße ключ 日本"},
		{`{"type":"string"}`, `"10000-01-01T00:00:00Z"`, "text", "10000-01-01T00:00:00Z"},
		{`{"type":"string","contentEncoding":"base64"}`, `"AP8="`, "blob", []byte{0, 255}},
		{`{"type":"array"}`, `[1, [], {"a": null}]`, "text", `[1,[],{"a":null}]`},
		{`{"type":"object"}`, deep, "text", deep},
		{`{"type":["string","integer"]}`, `"7"`, "text", `"7"`},
		{`{"type":["string","integer"]}`, `7`, "text", `7`},
		{`true`, `{"x":1}`, "text", `{"x":1}`},
	} {
		t.Run(fmt.Sprintf("%d %s", i, c.schema), func(t *testing.T) {
			dir := t.TempDir()
			text := fmt.Sprintf(`{"type":"object","required":["id"],"properties":{"id":{"type":"string"},"v":%s}}`, c.schema)
			session := openDocs(t, dir, text, fmt.Sprintf(`{"id":"x","v":%s}`, c.value))
			if err := session.Commit(t.Context(), []byte("one")); err != nil {
				t.Fatal(err)
			}
			row := query(t, filepath.Join(dir, "weir.db"), `SELECT typeof(v), v, flow_published_at FROM t`)[0]
			if row[0] != c.class || fmt.Sprint(row[1]) != fmt.Sprint(c.want) {
				t.Errorf("%s becomes %s %v, want %s %v", c.value, row[0], row[1], c.class, c.want)
			}
			if row[2] != "2023-11-14T22:13:20.000000001Z" {
				t.Errorf("published at %v", row[2])
			}
		})
	}
}

// openDocs opens a session of table t, keyed by /id, and stores documents.
func openDocs(t *testing.T, dir, schemaText string, docs ...string) sinks.Session {
	t.Helper()
	compiled, err := schema.Compile(schema.Source{URL: "s.json", Resources: map[string]json.RawMessage{"s.json": json.RawMessage(schemaText)}})
	if err != nil {
		t.Fatal(err)
	}
	session := openIn(t, dir, bind(t, "t", compiled.Shape(), &catalog.Collection{Name: "acmeCo/t", Key: []string{"/id"}}, nil, false))
	if err := session.Store(t.Context(), 0, docRows(t, docs...)); err != nil {
		t.Fatal(err)
	}
	return session
}

func docRows(t *testing.T, docs ...string) []sinks.Row {
	t.Helper()
	key, err := document.NewKey([]string{"/id"})
	if err != nil {
		t.Fatal(err)
	}
	rows := make([]sinks.Row, len(docs))
	for i, d := range docs {
		rows[i] = sinks.Row{Raw: []byte(d), Doc: new(document.Doc), Published: time.Unix(1700000000, 1)}
		if err := rows[i].Doc.Parse(rows[i].Raw); err != nil {
			t.Fatal(err)
		}
		if rows[i].Key, err = key.AppendPacked(nil, rows[i].Doc, 0); err != nil {
			t.Fatal(err)
		}
	}
	return rows
}

// TestNullKeys: a key whose component may be null has one row too.
func TestNullKeys(t *testing.T) {
	dir := t.TempDir()
	const text = `{"type":"object","properties":{"id":{"type":["string","null"]},"v":{"type":"integer"}}}`
	session := openDocs(t, dir, text, `{"id":null,"v":1}`, `{"id":"a","v":1}`)
	if err := session.Commit(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	rows := docRows(t, `{"v":2}`, `{"id":"a","v":2}`)
	var loaded []string
	err := session.Load(t.Context(), 0, [][]byte{rows[0].Key, rows[1].Key}, func(i int, doc []byte) error {
		loaded = append(loaded, string(doc))
		return nil
	})
	if err != nil || len(loaded) != 2 {
		t.Fatal(loaded, err)
	}
	if err := session.Store(t.Context(), 0, rows); err != nil {
		t.Fatal(err)
	}
	if err := session.Commit(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(query(t, filepath.Join(dir, "weir.db"), "SELECT id, v FROM t ORDER BY id")); got != "[[<nil> 2] [a 2]]" {
		t.Errorf("table holds %s", got)
	}
}
