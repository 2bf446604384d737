package collection

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"weir/document"
)

const orderSchema = `{
	"$schema": "https://json-schema.org/draft/2020-12/schema",
	"type": "object",
	"properties": {
		"id": {"type": "string", "pattern": "^ord-[0-9]+$", "maxLength": 64},
		"customer": {"type": "string", "minLength": 1, "maxLength": 64},
		"status": {"enum": ["new", "paid", "shipped", "cancelled"], "reduce": {"strategy": "lastWriteWins"}},
		"amount": {"type": "number", "minimum": 0, "maximum": 1000000, "reduce": {"strategy": "sum"}},
		"items": {"type": "array", "maxItems": 100, "reduce": {"strategy": "append"}, "items": {
			"type": "object",
			"properties": {"sku": {"type": "string", "pattern": "^SKU-"}, "qty": {"type": "integer", "minimum": 1}, "price": {"type": "number", "minimum": 0}},
			"required": ["sku", "qty", "price"]}},
		"ts": {"type": "string", "reduce": {"strategy": "maximize"}}
	},
	"required": ["id", "customer", "status", "amount", "items", "ts"],
	"reduce": {"strategy": "merge"}
}`

// orders makes documents of about 240 bytes over some keys.
func orders(n, keys int) [][]byte {
	r := rand.New(rand.NewPCG(42, 1))
	statuses := []string{"new", "paid", "shipped", "cancelled"}
	all := make([][]byte, n)
	for i := range all {
		items := ""
		for j := range 2 + r.IntN(2) {
			if j > 0 {
				items += ","
			}
			items += fmt.Sprintf(`{"sku":"SKU-%05d","qty":%d,"price":%d.%02d}`, r.IntN(99999), 1+r.IntN(9), 1+r.IntN(99), r.IntN(100))
		}
		all[i] = []byte(fmt.Sprintf(`{"id":"ord-%08d","customer":"cust-%06d","status":"%s","amount":%d.%02d,"items":[%s],"ts":"2026-01-%02dT%02d:%02d:%02dZ"}`,
			r.IntN(keys), r.IntN(keys/4+1), statuses[r.IntN(4)], r.IntN(999), r.IntN(100), items, 1+r.IntN(28), r.IntN(24), r.IntN(60), r.IntN(60)))
	}
	return all
}

func perDocument(b *testing.B, docs int) {
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(docs), "ns/doc")
}

// BenchmarkTransaction is a writer's whole work on 1024 documents over 128 keys but
// for sending: parse, validate, key, group, fold, and the subject of each result.
func BenchmarkTransaction(b *testing.B) {
	docs := orders(1024, 128)
	for _, bench := range []struct {
		name, schema string
		limit        int
	}{
		{"reduced", orderSchema, 0},
		{"summed", strings.Replace(orderSchema, "append", "lastWriteWins", 1), 0},
		{"replaced", replacing, 0},
		{"spilled", orderSchema, 256 << 10},
	} {
		b.Run(bench.name, func(b *testing.B) {
			c := compiled(b, bench.schema, "/id")
			m := c.NewCombiner(CombinerOptions{Limit: bench.limit, Dir: b.TempDir()})
			defer m.Close()
			var subject []byte
			b.ReportAllocs()
			for b.Loop() {
				for _, raw := range docs {
					if err := m.Add(raw); err != nil {
						b.Fatal(err)
					}
				}
				if err := m.Drain(func(d Combined) (err error) {
					subject, err = c.AppendKeyedSubject(subject[:0], d.Doc, d.Packed)
					return err
				}); err != nil {
					b.Fatal(err)
				}
				m.Reset()
			}
			perDocument(b, len(docs))
		})
	}
}

// BenchmarkSteps shows what each step of a transaction adds.
func BenchmarkSteps(b *testing.B) {
	docs := orders(1024, 128)
	c := compiled(b, orderSchema, "/id")
	validator := c.Schema.Validator()
	var d document.Doc
	var packed []byte
	step := func(name string, each func(raw []byte) bool) {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				for _, raw := range docs {
					if !each(raw) {
						b.Fatalf("%s", raw)
					}
				}
			}
			perDocument(b, len(docs))
		})
	}
	parse := func(raw []byte) bool { return d.Parse(raw) == nil }
	validate := func(raw []byte) bool { return parse(raw) && validator.Valid(&d, 0) }
	step("parse", parse)
	step("parse+validate", validate)
	step("parse+validate+key", func(raw []byte) bool {
		if !validate(raw) {
			return false
		}
		var err error
		packed, err = c.Key.AppendPacked(packed[:0], &d, 0)
		return err == nil
	})
}

// BenchmarkCheck is what a reader pays for a good document beyond its validation.
func BenchmarkCheck(b *testing.B) {
	c := compiled(b, orderSchema, "/id")
	d := parsed(b, string(orders(1, 128)[0]))
	subject, err := c.AppendSubject(nil, d)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("validate", func(b *testing.B) {
		v := c.Schema.Validator()
		for b.Loop() {
			v.Valid(d, 0)
		}
	})
	b.Run("check", func(b *testing.B) {
		k, text := c.Checker(), string(subject)
		for b.Loop() {
			if err := k.Check(d, text); err != nil {
				b.Fatal(err)
			}
		}
	})
}
