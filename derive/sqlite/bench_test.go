package sqlite

import (
	"fmt"
	"testing"

	"weir/catalog"
	"weir/document"
)

const order = `{"id":"o-%06d","n":%d,"x":19.5,"s":"a customer of some name","b":true,"o":{"k":%d,"deep-er":"somewhere"},"my-field":"note","list":[{"sku":"a","n":1},{"sku":"b","n":2}]}`

// orders makes parsed documents whose n are spread over a range.
func orders(b *testing.B, count, keys int) []*document.Doc {
	b.Helper()
	out := make([]*document.Doc, count)
	for i := range out {
		out[i] = &document.Doc{}
		if err := out[i].Parse(fmt.Appendf(nil, order, i, i*7919%keys, i)); err != nil {
			b.Fatal(err)
		}
	}
	return out
}

// benchmark runs a lambda for documents whose numbers are spread over the
// given range, in transactions of a thousand, and reports what they change.
func benchmark(b *testing.B, d *catalog.Derivation, keys int) {
	db := mustOpen(b, d)
	docs := orders(b, 1<<14, keys)
	emitted, changed := 0, 0
	emit := func(raw []byte) error {
		emitted += len(raw)
		return nil
	}
	commit := func() {
		changes, err := db.Changes()
		if err != nil {
			b.Fatal(err)
		}
		for _, c := range changes {
			changed += len(c.Key) + len(c.Value)
		}
	}
	for _, doc := range docs { // the table is as large as it gets
		if err := db.Apply(0, doc, testMeta, emit); err != nil {
			b.Fatal(err)
		}
	}
	commit()
	emitted, changed = 0, 0
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		if err := db.Apply(0, docs[n&(1<<14-1)], testMeta, emit); err != nil {
			b.Fatal(err)
		}
		if n++; n%1000 == 0 {
			commit()
		}
	}
	if emitted == 0 {
		b.Error("nothing came out")
	}
	b.ReportMetric(float64(changed)/float64(n), "changed-B/op")
}

// BenchmarkMap is a lambda that only reads its document.
func BenchmarkMap(b *testing.B) {
	benchmark(b, derivation(`select $id, $n * 2 as doubled, $s as customer, $o$k as k where $n >= 0`), 1000)
}

// BenchmarkWhole passes the document on through SQLite's JSON functions.
func BenchmarkWhole(b *testing.B) {
	benchmark(b, derivation(`select json_set($flow_document, '$.extra', $n + 1)`), 1000)
}

// BenchmarkUpsert counts by key in a table: of few rows, and of so many that
// nearly every document changes a page of its own.
func BenchmarkUpsert(b *testing.B) {
	const lambda = `insert into counters values ($n, 1) on conflict do update set n = n + 1 returning $id, k, n as nth`
	for _, keys := range []int{300, 1 << 14} {
		b.Run(fmt.Sprintf("rows=%d", keys), func(b *testing.B) {
			benchmark(b, derivation(lambda, `create table counters (k integer primary key, n integer not null)`), keys)
		})
	}
}
