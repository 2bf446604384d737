package derive

import (
	"fmt"
	"math/rand"
	"testing"

	"weir/catalog"
	"weir/document"
)

// orders makes order documents of about 250 bytes, always the same.
func orders(n int) [][]byte {
	r := rand.New(rand.NewSource(42))
	states := []string{"new", "paid", "shipped", "cancelled"}
	out := make([][]byte, n)
	for i := range out {
		items := ""
		for j := range 3 - r.Intn(8)/7 {
			if j > 0 {
				items += ","
			}
			items += fmt.Sprintf(`{"sku":"SKU-%05d","qty":%d,"price":%d.%02d}`, r.Intn(99999), 1+r.Intn(9), 1+r.Intn(99), 1+r.Intn(99))
		}
		out[i] = fmt.Appendf(nil, `{"id":"ord-%08d","customer":"cust-%06d","status":"%s","amount":%d.%02d,"items":[%s],"ts":"2026-01-%02dT%02d:%02d:%02dZ"}`,
			r.Intn(1<<20), r.Intn(1<<18), states[r.Intn(4)], 1+r.Intn(999), 1+r.Intn(99), items, 1+r.Intn(28), r.Intn(24), r.Intn(60), r.Intn(60))
	}
	return out
}

const benchModule = `
export function map({ doc }) {
  if (doc.status === "cancelled") return null;
  let total = 0;
  for (const it of doc.items) total += it.qty * it.price;
  return { id: doc.id, customer: doc.customer, total: total, big: total > 500, n: doc.items.length, ts: doc.ts };
}
export function mapIndex({ doc }) {
  if (doc.status === "cancelled") return null;
  let total = 0;
  const items = doc.items;
  for (let i = 0; i < items.length; i++) { const it = items[i]; total += it.qty * it.price; }
  return { id: doc.id, customer: doc.customer, total: total, big: total > 500, n: items.length, ts: doc.ts };
}
export function spread({ doc }) { return doc.amount > 500 ? { ...doc, big: true } : doc; }
export function mutate({ doc }) { doc.big = doc.amount > 500; return doc; }
export function filter({ doc }) { return doc.status === "cancelled" ? null : doc; }
export function none() { return null; }
export async function asyncMap({ doc }) { return mapIndex({ doc }); }
export function aggregate({ doc, register }) {
  const s = register.value;
  register.set({ count: s.count + 1, sum: s.sum + doc.amount, last: doc.id, min: Math.min(s.min, doc.amount), max: Math.max(s.max, doc.amount) });
}
export function inPlace({ doc, register }) {
  const s = register.value;
  s.count++; s.sum += doc.amount; s.last = doc.id; s.min = Math.min(s.min, doc.amount); s.max = Math.max(s.max, doc.amount);
  register.set(s);
}
export function reduce({ doc, register }) { register.reduce({ count: 1, sum: doc.amount, last: doc.id }); }
`

// BenchmarkApply measures raw bytes in, encoded bytes out: parse, call, encode.
func BenchmarkApply(b *testing.B) {
	names := []string{"map", "mapIndex", "spread", "mutate", "filter", "none", "asyncMap", "aggregate", "inPlace", "reduce"}
	d := derivation(benchModule)
	d.Transforms = nil
	for _, n := range names {
		d.Transforms = append(d.Transforms, catalog.Transform{Name: n, Shuffle: catalog.Shuffle{Key: []string{"/customer"}}})
	}
	withRegister(d, `{"type":"object","properties":{"count":{"type":"integer"},"sum":{"type":"number"},"last":{"type":"string"},"min":{"type":"number"},"max":{"type":"number"}},"required":["count","sum"]}`,
		`{"count":0,"sum":0,"min":1e9,"max":0}`)
	docs := orders(1024)
	for i, n := range names {
		b.Run(n, func(b *testing.B) {
			vm := newVM(b, d, VMOptions{})
			var doc document.Doc
			bytes, k := 0, 0
			emit := func(raw []byte) error { bytes += len(raw); return nil }
			b.ReportAllocs()
			for b.Loop() {
				if err := doc.Parse(docs[k&1023]); err != nil {
					b.Fatal(err)
				}
				if err := vm.Apply(i, &doc, testMeta, emit); err != nil {
					b.Fatal(err)
				}
				k++
			}
		})
	}
}
