package sqlite

import (
	"errors"
	"strings"
	"testing"
	"time"

	"weir/derive"
	"weir/document"
)

const counters = `create table counters (k text primary key, n integer not null);`

// TestLambdas runs lambdas on documents and compares the documents that come
// out, byte by byte.
func TestLambdas(t *testing.T) {
	const all = `{"id":"a","n":7,"x":1.5,"b":true,"s":"te\"xt","list":[1, 2],"o":{"deep-er":"d","k":3},"my-field":"dash","other name":"space","odd.name":"dot","count":"12","amount":"1.25","bytes":"AAEC"}`
	tests := []struct {
		name, migration, lambda string
		docs                    []string
		want                    string
	}{
		{"types", "", `select $n as n, $x as x, $b as b, $s as s, $list as list, $o as o`, []string{all}, `{"n":7,"x":1.5,"b":1,"s":"te\"xt","list":[1, 2],"o":{"deep-er":"d","k":3}}`},
		{"storage classes", "", `select typeof($n) as n, typeof($x) as x, typeof($b) as b, typeof($s) as s, typeof($list) as list, typeof($bytes) as bytes, typeof($count) as count, typeof($amount) as amount, typeof($three) as three`, []string{all}, `{"n":"integer","x":"real","b":"integer","s":"text","list":"text","bytes":"blob","count":"integer","amount":"real","three":"integer"}`},
		{"bare parameters take the field's name", "", `select $id, $my_field, $other_name, $o$deep_er, $p::(odd.name), $n + 1 as next`, []string{all}, `{"id":"a","my-field":"dash","other name":"space","o/deep-er":"d","odd.name":"dot","next":8}`},
		{"a projection of the user", "", `select $short, $o$k`, []string{all}, `{"short":3,"o/k":3}`},
		{"missing and null", "", `select $n, $s, $x is null as gone`, []string{`{"id":"a","n":null}`}, `{"n":null,"s":null,"gone":1}`},
		{"defaults", "", `select $fallback, $three + 1 as four`, []string{`{"id":"a"}`, `{"id":"b","fallback":"there","three":1}`}, `{"fallback":"none","four":4} {"fallback":"there","four":2}`},
		{"numbers in strings", "", `select $count + 1 as count, $amount * 2 as amount, typeof($count) as a, typeof($amount) as b`, []string{all, `{"id":"b","count":"many","amount":"NaN"}`}, `{"count":13,"amount":2.5,"a":"integer","b":"real"} {"count":1,"amount":0,"a":"text","b":"text"}`},
		{"base64", "", `select $bytes, length($bytes) as n, hex($bytes) as h`, []string{all, `{"id":"b","bytes":"not base64!"}`}, `{"bytes":"AAEC","n":3,"h":"000102"} {"bytes":"not base64!","n":11,"h":"6E6F742062617365363421"}`},
		{"large integers keep their digits", "", `select $n, typeof($n) as t`, []string{`{"id":"a","n":9223372036854775807}`, `{"id":"a","n":18446744073709551615}`}, `{"n":9223372036854775807,"t":"integer"} {"n":"18446744073709551615","t":"text"}`},
		{"reals", "", `select 1e300 * 1e300 as inf, -1e300 * 1e300 as neg, 0.1 as tenth, 2.0 as two, 1e21 as big, 1e-7 as small`, []string{all}, `{"inf":"Infinity","neg":"-Infinity","tenth":0.1,"two":2,"big":1e+21,"small":1e-07}`},
		{"the whole document", "", `select JSON($flow_document)`, []string{`{"id":"a","x":1.50}`}, `{"id":"a","x":1.50}`},
		{"json_object", "", `select json_object('id', $id, 'o', json($o))`, []string{all}, `{"id":"a","o":{"deep-er":"d","k":3}}`},
		{"two columns are no document", "", `select json($o) as json, 1 as one`, []string{all}, `{"json":{"deep-er":"d","k":3},"one":1}`},
		{"text that looks like JSON", "", `select '{"a":1}' as o, '[1]' as l, '{oops}' as text, '{"a":1,"a":2}' as twice, '12' as n`, []string{all}, `{"o":{"a":1},"l":[1],"text":"{oops}","twice":"{\"a\":1,\"a\":2}","n":"12"}`},
		{"text that is not UTF-8", "", `select cast(x'61ff62' as text) as s`, []string{all}, "{\"s\":\"a\uFFFDb\"}"},
		{"time of the document", "", `select $flow_published_at, datetime('now') as now, strftime('%f', 'now') as f`, []string{all}, `{"flow_published_at":"2026-03-04T05:06:07.089000000Z","now":"2026-03-04 05:06:07","f":"07.089"}`},
		{"rows", "", `select value from json_each($list)`, []string{all, `{"id":"b","list":[]}`, `{"id":"c"}`}, `{"value":1} {"value":2}`},
		{"only comments", "", "-- nothing\n/* here */", []string{all}, ``},
		{"nothing at all", "", "", []string{all}, ``},
		{"statements in order", counters, `insert into counters values ($id, 1); select n from counters; update counters set n = 2; select n from counters;`, []string{`{"id":"a"}`}, `{"n":1} {"n":2}`},
		{"upsert with returning", counters, `insert into counters values ($id, $n) on conflict (k) do update set n = n + excluded.n returning k as id, n as total`, []string{`{"id":"a","n":1}`, `{"id":"b","n":5}`, `{"id":"a","n":2}`}, `{"id":"a","total":1} {"id":"b","total":5} {"id":"a","total":3}`},
		{"changes()", counters, `update counters set n = n + 1 where k = $id; insert into counters select $id, 1 where changes() = 0; select n from counters where k = $id`, []string{`{"id":"a"}`, `{"id":"a"}`}, `{"n":1} {"n":2}`},
		{"savepoints", counters, `savepoint s; insert into counters values ($id, 1); rollback to s; release s; select count(*) as n from counters`, []string{`{"id":"a"}`}, `{"n":0}`},
		{"a condition", "", `select $id where $n > 1`, []string{`{"id":"a","n":1}`, `{"id":"b","n":2}`}, `{"id":"b"}`},
		{"pragmas that read", counters, `select name as col from pragma_table_info('counters')`, []string{all}, `{"col":"k"} {"col":"n"}`},
		{"foreign keys", `create table a(id primary key); create table b(a references a on delete cascade); insert into a values ('x'); insert into b values ('x')`, `delete from a; select count(*) as n from b`, []string{all}, `{"n":0}`},
		{"triggers", counters + `create table log(k); create trigger l after insert on counters begin insert into log values (new.k); end;`, `insert into counters values ($id, 1); select count(*) as n from log`, []string{`{"id":"a"}`, `{"id":"b"}`}, `{"n":1} {"n":2}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := derivation(tt.lambda)
			if tt.migration != "" {
				d = derivation(tt.lambda, tt.migration)
			}
			got, err := apply(t, mustOpen(t, d), tt.docs...)
			if err != nil || got != tt.want {
				t.Errorf("gives %s, %v\nwant  %s", got, err, tt.want)
			}
		})
	}
}

// TestFaults opens databases with SQL that is wrong: every fault is reported,
// each at its line.
func TestFaults(t *testing.T) {
	tests := []struct {
		name, migration, lambda string
		want                    []string
	}{
		{"syntax", "", "select\n  $id\nfro t", []string{`flow.yaml:12:1: near "t": syntax error`}},
		{"no such table", "", "select 1;\nselect * from nosuch", []string{`flow.yaml:11:1: no such table: nosuch`}},
		{"unknown parameters", "", "select $idd as a,\n  $my_feild as b", []string{`flow.yaml:10:1: there is no field $idd: did you mean $id?`, `flow.yaml:11:1: there is no field $my_feild: did you mean $my_field?`}},
		{"nothing near", "", "select $zzzzzzzz as a", []string{`flow.yaml:10:1: there is no field $zzzzzzzz: the collection has $amount, $b, $bytes`}},
		{"other parameters", "", "select ? as a, :b as b, @c as c", []string{`? is no field: parameters are written $field`, `:b is no field`, `@c is no field`}},
		{"two columns of one name", "", "select $id, 1 as id", []string{`flow.yaml:10:1: two columns are called id`}},
		{"transactions", "", "begin; select 1", []string{`BEGIN is not allowed: a document is processed within a transaction`}},
		{"commit", "", "select 1; commit", []string{`COMMIT is not allowed`}},
		{"attach", "", "attach 'file.db' as f", []string{`other databases cannot be attached`}},
		{"vacuum into a file", "vacuum into 'x.db'", "select 1", []string{`tables.sql:1:1: `}},
		{"extensions", "", "select load_extension('x')", []string{`load_extension is not allowed`}},
		{"pragmas", "", "pragma journal_mode = wal", []string{`PRAGMA journal_mode is not allowed`}},
		{"temporary tables", "create temp table t(x)", "select 1", []string{`what is temporary does not survive a restart`}},
		{"tables in lambdas", "", "create table t(x)", []string{`a lambda cannot change the tables themselves: write it as a migration`}},
		{"our own table", counters, "delete from weir_migrations", []string{`weir_migrations is Weir's own table`}},
		{"our own table in a migration", "drop table weir_migrations", "select 1", []string{`weir_migrations is Weir's own table`}},
		{"savepoint left open", counters, "savepoint s; insert into counters values ($id, 1)", []string{`the savepoint s is not released`}},
		{"savepoint of nobody", "", "release s", []string{`release of the savepoint s, which is not open here`}},
		{"migration", "create table a(x);\ncreate table a(y)", "select 1", []string{`tables.sql:2:14: table a already exists`}},
		{"migration with a parameter", "create table a(x);\ninsert into a values ($id)", "select 1", []string{`tables.sql:2:1: a migration has no parameters, but here is $id`}},
		{"migration that fails when it runs", counters + "\ninsert into counters values ('a', null)", "select 1", []string{`tables.sql:2:1: NOT NULL constraint failed: counters.n`}},
		{"a zero byte", "", "select 1;\n\x00", []string{`flow.yaml:11:1: SQL cannot hold a zero byte`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := derivation(tt.lambda)
			if tt.migration != "" {
				d = derivation(tt.lambda, tt.migration)
			}
			_, err := open(t, d, Options{})
			if err == nil {
				t.Fatal("no error")
			}
			for _, want := range tt.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error\n%v\nwant  %s", err, want)
				}
			}
			var module *derive.ModuleError
			if !errors.As(err, &module) {
				t.Errorf("%T is no error of a module", err)
			}
		})
	}
}

// TestFailures runs lambdas that fail for a document: the error names line and
// document.
func TestFailures(t *testing.T) {
	tests := []struct{ name, migration, lambda, want string }{
		{"constraint", counters, "select 1 as x;\ninsert into counters values ($id, null)", `flow.yaml:11:1: fromIn: NOT NULL constraint failed: counters.n (document {"id":"a","s":"x"})`},
		{"no document", "", "select $s as json", `flow.yaml:10:1: fromIn: the column json is the document, but its value is no JSON object: x (document`},
		{"no array as a document", "", "select '[1]' as json", `is no JSON object: [1]`},
		{"bad JSON", "", "select json($s) as j", `malformed JSON`},
		{"a loop", "", "with recursive c(x) as (select 1 union all select x + 1 from c) select max(x) as m from c", `fromIn: ran longer than 50ms and was stopped`},
		{"a huge value", "", "select length(zeroblob(1000000000)) as n", `string or blob too big`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := derivation(tt.lambda)
			if tt.migration != "" {
				d = derivation(tt.lambda, tt.migration)
			}
			db, err := open(t, d, Options{Timeout: 50 * time.Millisecond})
			if err != nil {
				t.Fatal(err)
			}
			_, err = apply(t, db, `{"id":"a","s":"x"}`)
			var call *derive.CallError
			if !errors.As(err, &call) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v\nwant  %s", err, tt.want)
			}
		})
	}
}

// TestErrorOfEmit is handed on as it is, and nothing else is emitted.
func TestErrorOfEmit(t *testing.T) {
	db := mustOpen(t, derivation(`select value from json_each('[1,2,3]')`))
	var d document.Doc
	if err := d.Parse([]byte(`{"id":"a"}`)); err != nil {
		t.Fatal(err)
	}
	stop, n := errors.New("stop"), 0
	err := db.Apply(0, &d, testMeta, func([]byte) error {
		n++
		return stop
	})
	if !errors.Is(err, stop) || n != 1 {
		t.Errorf("%v after %d documents", err, n)
	}
}

// TestDisabledTransform has no lambda to compile: its source may be gone.
func TestDisabledTransform(t *testing.T) {
	d := derivation(`select $nosuch`)
	d.Transforms[0].Disable = true
	mustOpen(t, d)
}
