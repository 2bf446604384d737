package files

import (
	"encoding/json"
	"fmt"
	"testing"

	"weir/sources"
)

func TestDiscover(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "shop/orders-2026-11-01.csv", "order_id,amount,note\n1,2.5,\n2,3,x\n")
	write(t, dir, "shop/orders-2026-11-02.csv", "order_id,amount,note\n3,4,true\n")
	write(t, dir, "shop/customers.jsonl", "{\"id\":\"a\",\"at\":\"2026-11-26T00:00:00Z\",\"tags\":[]}\n")
	write(t, dir, "events/2026/11/26.jsonl", "{\"v\":1}\nbroken\n{\"v\":1}\n")
	write(t, dir, "empty.csv", "")
	write(t, dir, "readme.txt", "no data")
	d, err := New().Discover(t.Context(), sources.DiscoverRequest{Config: json.RawMessage(`{"url":"."}`), DataDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		`events {"match":"events/*/*/*.jsonl"} [/_meta/file /_meta/offset] {"type":"object","required":["_meta"],"properties":{` + metaSchema + `,"v":{"type":"integer"}}}`,
		`customers {"match":"shop/customers.jsonl"} [/id] {"type":"object","required":["id"],"properties":{"id":{"type":"string"},"at":{"type":"string","format":"date-time"},"tags":{"type":"array"}}}`,
		`orders {"match":"shop/orders-*.csv"} [/order_id] {"type":"object","required":["order_id"],"properties":{"order_id":{"type":"integer"},"amount":{"type":"number"},"note":{"type":["boolean","null","string"]}}}`,
	}
	var got []string
	for _, b := range d.Bindings {
		got = append(got, fmt.Sprint(b.Name, " ", string(b.Resource), " ", b.Key, " ", string(b.Schema)))
	}
	for i := range max(len(want), len(got)) {
		if i >= len(want) || i >= len(got) || got[i] != want[i] {
			t.Errorf("discovered\n%q, want\n%q", got, want)
			break
		}
	}
}

func TestAlikeNames(t *testing.T) {
	for _, test := range []struct{ key, match, name string }{
		{"a.csv", "a.csv", "a"},
		{"2026-11-26T10:00:00Z.jsonl.gz", "*Z.jsonl.gz", "Z"},
		{"d1/x[1]_002.json", `d*/x\[*\]_*.json`, "x"},
		{"123/456.csv", "*/*.csv", "123"},
		{"v2.csv", "v*.csv", "v"},
	} {
		match, name := alike(test.key)
		p, err := parsePattern(match)
		if match != test.match || name != test.name || err != nil || !p.matches(test.key) {
			t.Errorf("%s: %q, %q, %v", test.key, match, name, err)
		}
	}
}
