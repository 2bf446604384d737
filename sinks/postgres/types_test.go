package postgres

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"weir/catalog"
	"weir/document"
	"weir/internal/pgtest"
	"weir/schema"
	"weir/sinks"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// typeCases are properties of one document, for each of many types and values:
// the type of the column, and its value as the server writes it, or a part of
// the refusal.
var typeCases = []struct{ schema, value, column, want, refusal string }{
	{schema: `{"type":"integer"}`, value: `7`, column: "bigint", want: "7"},
	{schema: `{"type":"integer"}`, value: `1e2`, column: "bigint", want: "100"},
	{schema: `{"type":"integer"}`, value: `-9223372036854775808`, column: "bigint", want: "-9223372036854775808"},
	{schema: `{"type":"integer"}`, value: `9223372036854775807`, column: "bigint", want: "9223372036854775807"},
	{schema: `{"type":"integer"}`, value: `9223372036854775808`, column: "numeric", want: "9223372036854775808"},
	{schema: `{"type":"integer"}`, value: `1e400`, column: "numeric", want: "1" + strings.Repeat("0", 400)},
	{schema: `{"type":"integer"}`, value: `1e200000`, refusal: `/v: endpoint: document ["x"]: column "v" of table "public"."refused6": "1e200000" is no`},
	{schema: `{"type":"integer","maximum":18446744073709551615}`, value: `18446744073709551615`, column: "numeric", want: "18446744073709551615"},
	{schema: `{"type":["integer","null"]}`, value: `null`, column: "bigint", want: "<nil>"},
	{schema: `{"type":"number"}`, value: `0.1`, column: "double precision", want: "0.1"},
	{schema: `{"type":"number"}`, value: `-0.0`, column: "double precision", want: "-0"},
	{schema: `{"type":"number"}`, value: `9007199254740993`, column: "double precision", want: "9.007199254740992e+15"},
	{schema: `{"type":"number"}`, value: `1e400`, column: "double precision", want: "Infinity"},
	{schema: `{"type":"number"}`, value: `-1e400`, column: "double precision", want: "-Infinity"},
	{schema: `{"type":"string","format":"integer"}`, value: `"-12345678901234567890"`, column: "numeric", want: "-12345678901234567890"},
	{schema: `{"type":"string","format":"number"}`, value: `"1.10"`, column: "numeric", want: "1.10"},
	{schema: `{"type":"string","format":"number"}`, value: `"-0.00012345678901234567890123"`, column: "numeric", want: "-0.00012345678901234567890123"},
	{schema: `{"type":"string","format":"number"}`, value: `"12e-1"`, column: "numeric", want: "1.2"},
	{schema: `{"type":"string","format":"number"}`, value: `"100000000.00"`, column: "numeric", want: "100000000.00"},
	{schema: `{"type":"string","format":"number"}`, value: `"1e400"`, column: "numeric", want: "1" + strings.Repeat("0", 400)},
	{schema: `{"type":"string","format":"number"}`, value: `"-Infinity"`, column: "numeric", want: "-Infinity"},
	{schema: `{"type":"string","format":"number"}`, value: `"NaN"`, column: "numeric", want: "NaN"},
	{schema: `{"type":["string","number"],"format":"number"}`, value: `9007199254740993.25`, column: "numeric", want: "9007199254740993.25"},
	{schema: `{"type":"string","format":"number"}`, value: `"1e-20000"`, refusal: `"1e-20000" is no number that PostgreSQL can hold`},
	{schema: `{"type":"boolean"}`, value: `true`, column: "boolean", want: "true"},
	{schema: `{"type":"boolean"}`, value: `false`, column: "boolean", want: "false"},
	{schema: `{"type":"string"}`, value: `""`, column: "text", want: ""},
	{schema: `{"type":"string"}`, value: `"a\u0000b"`, column: "text", want: "a\uFFFDb"},
	{schema: `{"type":"string"}`, value: `"\ud83d\ude00 Straße ключ 日本 '\"\\"`, column: "text", want: `😀 Straße ключ 日本 '"\`},
	{schema: `{"type":"string"}`, value: `"10000-01-01T00:00:00Z"`, column: "text", want: "10000-01-01T00:00:00Z"},
	{schema: `{"type":"string","contentEncoding":"base64"}`, value: `"AP8="`, column: "text", want: "AP8="},
	{schema: `{"type":"string","format":"date"}`, value: `"2024-02-29"`, column: "date", want: "2024-02-29"},
	{schema: `{"type":"string","format":"date"}`, value: `"0000-01-01"`, column: "date", want: "0001-01-01 BC"},
	{schema: `{"type":"string","format":"date"}`, value: `"9999-12-31"`, column: "date", want: "9999-12-31"},
	{schema: `{"type":"string","format":"date"}`, value: `"2023-02-29"`, refusal: `"2023-02-29" is no date`},
	{schema: `{"type":"string","format":"date-time"}`, value: `"2024-02-29T23:59:59.1234567+05:30"`, column: "timestamp with time zone", want: "2024-02-29 18:29:59.123457+00"},
	{schema: `{"type":"string","format":"date-time"}`, value: `"1969-07-20t20:17:40z"`, column: "timestamp with time zone", want: "1969-07-20 20:17:40+00"},
	{schema: `{"type":"string","format":"date-time"}`, value: `"2016-12-31T23:59:60Z"`, column: "timestamp with time zone", want: "2017-01-01 00:00:00+00"},
	{schema: `{"type":"string","format":"date-time"}`, value: `"0000-01-01T00:00:00+14:00"`, column: "timestamp with time zone", want: "0002-12-31 10:00:00+00 BC"},
	{schema: `{"type":"string","format":"date-time"}`, value: `"10000-01-01T00:00:00Z"`, column: "timestamp with time zone", want: "10000-01-01 00:00:00+00"},
	{schema: `{"type":"string","format":"date-time"}`, value: `"300000-01-01T00:00:00Z"`, refusal: `"300000-01-01T00:00:00Z" is no date-time that PostgreSQL can hold`},
	{schema: `{"type":"string","format":"time"}`, value: `"23:30:00.25-01:00"`, column: "time without time zone", want: "00:30:00.25"},
	{schema: `{"type":"string","format":"duration"}`, value: `"P1Y2M3DT4H5M6S"`, column: "interval", want: "1 year 2 mons 3 days 04:05:06"},
	{schema: `{"type":"string","format":"duration"}`, value: `"P2W"`, column: "interval", want: "14 days"},
	{schema: `{"type":"string","format":"duration"}`, value: `"P99999999999Y"`, refusal: `is no duration`},
	{schema: `{"type":"string","format":"ipv4"}`, value: `"192.168.0.1"`, column: "cidr", want: "192.168.0.1/32"},
	{schema: `{"type":"string","format":"ipv6"}`, value: `"2001:db8::1"`, column: "cidr", want: "2001:db8::1/128"},
	{schema: `{"type":"string","format":"macaddr"}`, value: `"08:00:2b:01:02:03"`, column: "macaddr", want: "08:00:2b:01:02:03"},
	{schema: `{"type":"string","format":"macaddr8"}`, value: `"08-00-2b-01-02-03"`, column: "macaddr8", want: "08:00:2b:ff:fe:01:02:03"},
	{schema: `{"type":"string","format":"macaddr"}`, value: `"nothing"`, refusal: `ignoreStringFormat`},
	{schema: `{"type":"string","format":"uuid"}`, value: `"A0EEBC99-9c0b-4ef8-bb6d-6bb9bd380a11"`, column: "uuid", want: "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"},
	{schema: `{"type":"array"}`, value: `[1,[],{"a":null},"\u0000"]`, column: "json", want: `[1,[],{"a":null},"\u0000"]`},
	{schema: `{"type":"object"}`, value: deep, column: "json", want: deep},
	{schema: `{"type":["string","integer"]}`, value: `"7"`, column: "json", want: `"7"`},
	{schema: `{"type":["string","integer"]}`, value: `9223372036854775808`, column: "json", want: `9223372036854775808`},
	{schema: `true`, value: `{"x":1e400}`, column: "json", want: `{"x":1e400}`},
}

// deep is as deep as documents can be, that of the test around it included.
var deep = strings.Repeat(`{"a":`, document.MaxDepth-1) + `1` + strings.Repeat(`}`, document.MaxDepth-1)

// TestTypes stores each of the cases and reads column and document back.
func TestTypes(t *testing.T) {
	server := pgtest.Shared(t)
	db := server.Database(t)
	var docs, properties, want, columns []string
	for i, c := range typeCases {
		if c.refusal != "" {
			session := openDocs(t, server, db, fmt.Sprintf("refused%d", i), one(c.schema))
			err := session.Store(t.Context(), 0, docRows(t, `{"id":"x","v":`+c.value+`}`))
			if !sinks.IsRefused(err) || !strings.Contains(err.Error(), c.refusal) {
				t.Errorf("%s as %s: %v, want %q", c.value, c.schema, err, c.refusal)
			}
			if err := session.Rollback(t.Context()); err != nil {
				t.Errorf("%s: rollback: %v", c.value, err)
			}
			store(t, session, `{"id":"y"}`) // the session goes on
			continue
		}
		properties = append(properties, fmt.Sprintf(`"v%02d":%s`, i, c.schema))
		docs = append(docs, fmt.Sprintf(`"v%02d":%s`, i, c.value))
		columns = append(columns, fmt.Sprintf(`pg_typeof(v%02d)||' '||coalesce(v%02d::text,'<nil>')`, i, i))
		want = append(want, c.column+" "+c.want)
	}
	doc := `{"id":"x",` + strings.Join(docs, ",") + `}`
	session := openDocs(t, server, db, "t", `{"type":"object","required":["id"],"properties":{"id":{"type":"string"},`+strings.Join(properties, ",")+`}}`)
	store(t, session, doc)
	got := server.Rows(t, db, "SELECT "+strings.Join(columns, "||chr(9)||")+" FROM t")
	for i, value := range strings.Split(got[0], "\t") {
		if value != want[i] {
			t.Errorf("%s becomes %s, want %s", docs[i], value, want[i])
		}
	}
	rest := server.Rows(t, db, "SELECT flow_published_at::text||' '||pg_typeof(flow_published_at), flow_document FROM t")
	if rest[0] != "2023-11-14 22:13:20.000001+00 timestamp with time zone|"+doc {
		t.Errorf("published and document: %s", rest[0])
	}
}

// TestDocumentsThatAreNone: what no text of JSON in UTF-8 can mean does not
// come as far as a sink.
func TestDocumentsThatAreNone(t *testing.T) {
	for _, text := range []string{`{"id":"\ud800"}`, `{"id":"\udc00\ud800"}`, strings.Repeat(`[`, document.MaxDepth+1) + strings.Repeat(`]`, document.MaxDepth+1), "{\"id\":\"\x00\"}", "{\"id\":\"\xff\"}"} {
		if err := new(document.Doc).Parse([]byte(text)); err == nil {
			t.Errorf("%.40q is a document", text)
		}
	}
}

// TestKeysOfText: a key with U+0000 is refused, since another character would
// make two keys one, and nobody has stored it.
func TestKeysOfText(t *testing.T) {
	server := pgtest.Shared(t)
	session := openDocs(t, server, server.Database(t), "t", one(`{"type":"string"}`))
	rows := docRows(t, `{"id":"a\u0000b"}`)
	if err := session.Load(t.Context(), 0, [][]byte{rows[0].Key}, func(int, []byte) error { t.Error("it was loaded"); return nil }); err != nil {
		t.Error(err)
	}
	err := session.Store(t.Context(), 0, rows)
	if err == nil || !strings.Contains(err.Error(), `/id: endpoint: document ["a\u0000b"]: column "id" of table "public"."t": holds the character U+0000`) {
		t.Errorf("a key with U+0000: %v", err)
	}
}

// TestWiderKeys: a key beyond 64 bits widens its column, rows are found by it
// before and after, and a rollback takes it back.
func TestWiderKeys(t *testing.T) {
	server := pgtest.Shared(t)
	db := server.Database(t)
	session := openDocs(t, server, db, "t", `{"type":"object","required":["id"],"properties":{"id":{"type":"integer"},"v":{"type":"integer"}}}`)
	small, great := `{"id":1,"v":1}`, `{"id":18446744073709551616,"v":9223372036854775808}`
	store(t, session, small)
	if err := session.Store(t.Context(), 0, docRows(t, great)); err != nil {
		t.Fatal(err)
	}
	if err := session.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	typeOf := "SELECT pg_typeof(id), pg_typeof(v), id, v FROM t ORDER BY id"
	if got := fmt.Sprint(server.Rows(t, db, typeOf)); got != "[bigint|bigint|1|1]" {
		t.Errorf("after the rollback: %s", got)
	}
	for range 2 { // the second time as a table that was widened before
		loads(t, session, map[string]bool{small: true, great: false})
		store(t, session, `{"id":2,"v":2}`, great, small)
		loads(t, session, map[string]bool{small: true, great: true})
		if got := fmt.Sprint(server.Rows(t, db, typeOf)); got != "[numeric|numeric|1|1 numeric|numeric|2|2 numeric|numeric|18446744073709551616|9223372036854775808]" {
			t.Errorf("table holds %s", got)
		}
		session.Close()
		session = openDocs(t, server, db, "t", `{"type":"object","required":["id"],"properties":{"id":{"type":"integer"},"v":{"type":"integer"}}}`)
		gone := docRows(t, great)
		gone[0].Exists, gone[0].Delete = true, true
		if err := session.Store(t.Context(), 0, gone); err != nil {
			t.Fatal(err)
		}
		if err := session.Commit(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
	}
}

func loads(t *testing.T, session sinks.Session, docs map[string]bool) {
	t.Helper()
	for doc, want := range docs {
		found := false
		err := session.Load(t.Context(), 0, [][]byte{docRows(t, doc)[0].Key}, func(_ int, got []byte) error {
			found = string(got) == doc
			return nil
		})
		if err != nil || found != want {
			t.Errorf("%s loads: %t, %v", doc, found, err)
		}
	}
}

func one(property string) string {
	return `{"type":"object","required":["id"],"properties":{"id":{"type":"string"},"v":` + property + `}}`
}

// openDocs opens a session of a table that is keyed by /id.
func openDocs(t testing.TB, server *pgtest.Server, db, table, schemaText string) sinks.Session {
	t.Helper()
	session, _ := openBinding(t, configOf(server, db), bind1(t, table, schemaText, false))
	return session
}

// bind1 completes a binding of a table that is keyed by /id.
func bind1(t testing.TB, table, schemaText string, delta bool) sinks.Binding {
	t.Helper()
	compiled, err := schema.Compile(schema.Source{URL: "s.json", Resources: map[string]json.RawMessage{"s.json": json.RawMessage(schemaText)}})
	if err != nil {
		t.Fatal(err)
	}
	c, err := sinks.Describe(&catalog.Collection{Name: "acmeCo/things", Key: []string{"/id"}}, compiled.Shape())
	if err != nil {
		t.Fatal(err)
	}
	b := sinks.Binding{Resource: resourceOf(table, delta), Collection: c, Rebuild: true}
	return b
}

// openBinding validates and applies a binding and opens its shard.
func openBinding(t testing.TB, config json.RawMessage, b sinks.Binding) (sinks.Session, sinks.Opened) {
	t.Helper()
	bindings := []sinks.Binding{b}
	v, err := New().Validate(t.Context(), sinks.ValidateRequest{Task: "acmeCo/m", Config: config, Bindings: bindings})
	if err == nil {
		_, err = sinks.Complete(&bindings[0], v.Bindings[0], nil, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	applied, err := New().Apply(t.Context(), sinks.ApplyRequest{Task: "acmeCo/m", Config: config, Bindings: bindings})
	if err != nil {
		t.Fatal(err)
	}
	bindings[0].StateKey = applied.StateKeys[0]
	session, opened, err := New().Open(t.Context(), sinks.OpenRequest{Task: "acmeCo/m", Shard: "0-1", Config: config, Bindings: bindings})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { session.Close() })
	return session, opened
}

// store stores documents and commits them.
func store(t testing.TB, session sinks.Session, docs ...string) {
	t.Helper()
	if err := session.Store(t.Context(), 0, docRows(t, docs...)); err != nil {
		t.Fatal(err)
	}
	if err := session.Commit(t.Context(), []byte("checkpoint")); err != nil {
		t.Fatal(err)
	}
}

func docRows(t testing.TB, docs ...string) []sinks.Row {
	t.Helper()
	key, err := document.NewKey([]string{"/id"})
	if err != nil {
		t.Fatal(err)
	}
	rows := make([]sinks.Row, len(docs))
	for i, d := range docs {
		rows[i] = sinks.Row{Raw: []byte(d), Doc: new(document.Doc), Published: time.Unix(1700000000, 1000)}
		if err := rows[i].Doc.Parse(rows[i].Raw); err != nil {
			t.Fatal(err)
		}
		if rows[i].Key, err = key.AppendPacked(nil, rows[i].Doc, 0); err != nil {
			t.Fatal(err)
		}
	}
	return rows
}
