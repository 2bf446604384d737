package schema

import (
	"encoding/json"
	"testing"

	"weir/document"
)

// compile compiles the one schema of a test.
func compile(t testing.TB, text string) *Schema {
	t.Helper()
	s, err := compileText(text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return s
}

func compileText(text string) (*Schema, error) {
	return Compile(Source{URL: "test.json", Resources: map[string]json.RawMessage{"test.json": json.RawMessage(text)}})
}

func parse(t testing.TB, text string) *document.Doc {
	t.Helper()
	d := new(document.Doc)
	if err := d.Parse([]byte(text)); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return d
}

// orderSchema is a usual one: typed, bounded, with patterns, enumerations and nested items.
const orderSchema = `{
 "$schema":"https://json-schema.org/draft/2020-12/schema",
 "type":"object",
 "properties":{
  "id":{"type":"string","pattern":"^ord-[0-9]+$","maxLength":64},
  "customer":{"type":"string","minLength":1,"maxLength":64},
  "status":{"enum":["new","paid","shipped","cancelled"],"reduce":{"strategy":"lastWriteWins"}},
  "amount":{"type":"number","minimum":0,"maximum":1000000,"reduce":{"strategy":"sum"}},
  "items":{"type":"array","maxItems":100,"reduce":{"strategy":"append"},"items":{
    "type":"object","properties":{"sku":{"type":"string","pattern":"^SKU-"},"qty":{"type":"integer","minimum":1},"price":{"type":"number","minimum":0}},
    "required":["sku","qty","price"]}},
  "ts":{"type":"string","reduce":{"strategy":"maximize"}}
 },
 "required":["id","customer","status","amount","items","ts"],
 "reduce":{"strategy":"merge"}
}`

const orderDocument = `{"id":"ord-00012345","customer":"cust-000042","status":"paid","amount":512.37,` +
	`"items":[{"sku":"SKU-00001","qty":3,"price":9.95},{"sku":"SKU-00002","qty":1,"price":19.50},{"sku":"SKU-00003","qty":7,"price":1.05}],` +
	`"ts":"2026-01-07T12:34:56Z"}`

func BenchmarkValid(b *testing.B) {
	s := compile(b, orderSchema)
	v, d := s.Validator(), parse(b, orderDocument)
	b.ReportAllocs()
	for b.Loop() {
		if !v.Valid(d, 0) {
			b.Fatal("invalid")
		}
	}
}

func BenchmarkReduce(b *testing.B) {
	r := compile(b, orderSchema).Reducer()
	for _, n := range []int{2, 10, 64} {
		b.Run(string(rune('0'+n/10))+string(rune('0'+n%10)), func(b *testing.B) {
			var docs []*document.Doc
			for range n {
				docs = append(docs, parse(b, orderDocument))
			}
			var out []byte
			var err error
			b.ReportAllocs()
			for b.Loop() {
				if out, err = r.Reduce(out[:0], docs, false); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/doc")
		})
	}
}
