package document

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// orders returns documents of about 250 bytes, as a shop would write them.
func orders(n int) [][]byte {
	docs := make([][]byte, n)
	states := []string{"new", "paid", "shipped", "cancelled"}
	for i := range docs {
		var items []string
		for j := range 3 {
			items = append(items, fmt.Sprintf(`{"sku":"SKU-%05d","qty":%d,"price":%d.%02d}`,
				(i*7919+j*104729)%99999, 1+(i+j)%9, 1+(i*31+j)%99, (i*17+j*13)%100))
		}
		docs[i] = fmt.Appendf(nil,
			`{"id":"ord-%08d","customer":"cust-%06d","status":"%s","amount":%d.%02d,"items":[%s],"ts":"2026-01-%02dT%02d:%02d:%02dZ"}`,
			i, i*7%20000, states[i%4], 1+i%999, i%100, strings.Join(items, ","), 1+i%28, i%24, i%60, i*7%60)
	}
	return docs
}

// spaced writes documents with a space behind each colon and comma.
func spaced(docs [][]byte) [][]byte {
	out := make([][]byte, len(docs))
	for i, doc := range docs {
		out[i] = []byte(strings.NewReplacer(`":`, `": `, `,"`, `, "`, `,{`, `, {`).Replace(string(doc)))
	}
	return out
}

// eachParsed runs fn over parsed orders.
func eachParsed(b *testing.B, raw [][]byte, fn func(d *Doc)) {
	docs := make([]Doc, len(raw))
	for i := range raw {
		if err := docs[i].Parse(raw[i]); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		fn(&docs[n&(len(docs)-1)])
		n++
	}
}

func benchmarkParse(b *testing.B, raw [][]byte) {
	var d Doc
	b.ReportAllocs()
	b.SetBytes(int64(len(raw[0])))
	n := 0
	for b.Loop() {
		if err := d.Parse(raw[n&(len(raw)-1)]); err != nil {
			b.Fatal(err)
		}
		n++
	}
}

func BenchmarkParseOrder(b *testing.B)       { benchmarkParse(b, orders(256)) }
func BenchmarkParseSpacedOrder(b *testing.B) { benchmarkParse(b, spaced(orders(256))) }

func BenchmarkParseWide(b *testing.B) {
	for _, n := range []int{24, 25, 1000} {
		var members []string
		for i := range n {
			members = append(members, fmt.Sprintf(`"member%d":%d`, i, i))
		}
		doc := []byte("{" + strings.Join(members, ",") + "}")
		b.Run(fmt.Sprint(n), func(b *testing.B) { benchmarkParse(b, [][]byte{doc}) })
	}
}

func BenchmarkParseText(b *testing.B) {
	b.Run("cyrillic", func(b *testing.B) {
		benchmarkParse(b, [][]byte{[]byte(`"` + strings.Repeat("поток данных ", 20) + `"`)})
	})
	b.Run("escaped", func(b *testing.B) {
		benchmarkParse(b, [][]byte{[]byte(`"` + strings.Repeat(`line\n\u00e9\ud83d\ude00`, 20) + `"`)})
	})
}

// BenchmarkEncodingJSON is what the parser is measured against.
func BenchmarkEncodingJSON(b *testing.B) {
	raw := orders(256)
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		var v any
		if err := json.Unmarshal(raw[n&255], &v); err != nil {
			b.Fatal(err)
		}
		n++
	}
}

func BenchmarkKey(b *testing.B) {
	key, err := NewKey([]string{"/id", "/ts"})
	if err != nil {
		b.Fatal(err)
	}
	var packed []byte
	eachParsed(b, orders(256), func(d *Doc) {
		if packed, err = key.AppendPacked(packed[:0], d, 0); err != nil {
			b.Fatal(err)
		}
	})
}

func BenchmarkAppend(b *testing.B) {
	var out []byte
	raw := orders(256)
	b.Run("compact", func(b *testing.B) {
		eachParsed(b, raw, func(d *Doc) { out = d.Append(out[:0], 0) })
	})
	b.Run("spaced", func(b *testing.B) {
		eachParsed(b, spaced(raw), func(d *Doc) { out = d.Append(out[:0], 0) })
	})
	b.Run("sorted", func(b *testing.B) {
		eachParsed(b, raw, func(d *Doc) { out = d.AppendSorted(out[:0], 0) })
	})
}

func BenchmarkCompare(b *testing.B) {
	var other Doc
	if err := other.Parse(spaced(orders(1))[0]); err != nil {
		b.Fatal(err)
	}
	b.Run("Compare", func(b *testing.B) {
		eachParsed(b, orders(1), func(d *Doc) {
			if Compare(d, 0, &other, 0) != 0 {
				b.Fatal("differ")
			}
		})
	})
	b.Run("Equal", func(b *testing.B) {
		eachParsed(b, orders(1), func(d *Doc) {
			if !Equal(d, 0, &other, 0) {
				b.Fatal("differ")
			}
		})
	})
}

func BenchmarkDecimal(b *testing.B) {
	amounts := [][]byte{[]byte("12.50"), []byte("7"), []byte("-0.125"), []byte("99999.99")}
	b.Run("Add", func(b *testing.B) {
		b.ReportAllocs()
		var out []byte
		for b.Loop() {
			var sum Decimal
			for _, text := range amounts {
				d, _ := ParseDecimal(text)
				sum, _ = sum.Add(d)
			}
			out = sum.Append(out[:0])
		}
	})
	b.Run("Compare", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			CompareNumbers(amounts[0], amounts[3])
		}
	})
	b.Run("Float64", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			Float64(amounts[3])
		}
	})
}

func BenchmarkAppendQuoted(b *testing.B) {
	b.ReportAllocs()
	var out []byte
	for b.Loop() {
		out = AppendQuoted(out[:0], "ord-00001234 shipped to \"Zürich\"")
	}
}
