package ui

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"weir/controlplane/api"
)

// TestLayout: every box stands behind what it reads, cycles do not hang, and the
// same tasks are laid out in the same way.
func TestLayout(t *testing.T) {
	task := func(kind, name string, reads, writes []string) api.Task {
		return api.Task{Kind: kind, Name: name, State: api.StateRunning, Reads: reads, Writes: writes}
	}
	now := snapshot{tasks: []api.Task{
		task(api.KindCapture, "in", nil, []string{"events"}),
		task(api.KindInbox, "events", nil, []string{"events"}),
		task(api.KindInbox, "lists", nil, []string{"lists"}),
		task(api.KindDerivation, "clean", []string{"events", "lists"}, []string{"clean"}),
		task(api.KindDerivation, "ping", []string{"clean", "pong"}, []string{"ping"}),
		task(api.KindDerivation, "pong", []string{"ping", "pong"}, []string{"pong"}),
		task(api.KindMaterialization, "db", []string{"clean", "pong", "gone"}, nil),
	}}
	names := []string{"events", "lists", "clean", "ping", "pong"}
	var drawn []string
	for range 5 {
		g := graphOf(now, names)
		at, labels := map[string]int{}, map[string]*edge{}
		var text strings.Builder
		for _, n := range g.Nodes {
			at[n.Name] = n.layer
			fmt.Fprintf(&text, "%s %d,%d; ", n.Name, n.X, n.Y)
		}
		for _, e := range g.Edges {
			at := fmt.Sprint(e.LabelX(), ",", e.LabelY())
			if other := labels[at]; other != nil || !e.Back && (e.LabelX() < e.To.X-20 || e.LabelY() < e.To.Y-gapY || e.LabelY() > e.To.Y+nodeHeight+gapY) {
				t.Errorf("the number from %s to %s stands at %s, %v", e.From.Name, e.To.Name, at, other)
			}
			labels[at] = e
			if !e.Back && e.From.layer >= e.To.layer {
				t.Errorf("%s stands behind %s", e.From.Name, e.To.Name)
			}
		}
		if at["in"] != 0 || at["events"] != 1 || at["lists"] != 1 || at["clean"] != 2 || at["ping"] != 3 || at["pong"] != 4 || at["db"] != 5 || len(g.Nodes) != 8 {
			t.Errorf("layers: %v", at)
		}
		drawn = append(drawn, text.String())
	}
	for _, text := range drawn[1:] {
		if text != drawn[0] {
			t.Errorf("laid out as\n%s\nand as\n%s", drawn[0], text)
		}
	}
}

// Rates are taken over the last seconds; a counter that begins anew forgets.
func TestRates(t *testing.T) {
	at := time.Unix(0, 0)
	past := map[string][]sample{}
	for i := range 10 {
		past = remember(past, []api.Task{{Kind: "k", Name: "n", In: uint64(i * 20), Out: 5}}, at.Add(time.Duration(i)*time.Second))
	}
	if got := rate(past["k/n"], inOf); got != 20 {
		t.Errorf("in: %v", got)
	}
	if got := rate(past["k/n"], outOf); got != 0 {
		t.Errorf("out: %v", got)
	}
	past = remember(past, []api.Task{{Kind: "k", Name: "n", In: 3}}, at.Add(10*time.Second))
	if len(past["k/n"]) != 1 || rate(past["k/n"], inOf) != 0 {
		t.Errorf("anew: %v", past["k/n"])
	}
	past = remember(past, []api.Task{{Kind: "k", Name: "n", In: 4}}, at.Add(20*time.Minute))
	if len(past["k/n"]) != 1 {
		t.Errorf("long ago: %v", past["k/n"])
	}
	if past = remember(past, nil, at); len(past) != 0 {
		t.Errorf("gone: %v", past)
	}
}

// A key is what was typed, and never any key.
func TestKeyOf(t *testing.T) {
	for value, want := range map[string]string{"ord-1": "ord-1", "null": "null", "[]": "[]", "7": "7", `["a", 7]`: `"a" 7`, `["a", null]`: `"a" null`, "[x": "[x"} {
		if got := strings.Join(keyOf(value), " "); got != want {
			t.Errorf("%s: %s", value, got)
		}
	}
	c := collectionView{}
	c.Key = []string{"/customer", "/at/day"}
	if got := c.Example(); got != `["customer", "day"]` {
		t.Error(got)
	}
}

func TestSchemaTree(t *testing.T) {
	const text = `{"$defs":{"money":{"type":"number","minimum":0,"description":"in euros"}},"type":"object","required":["id"],
		"properties":{"id":{"type":"string","format":"uuid"},"total":{"$ref":"#/$defs/money"},"self":{"$ref":"#"},"tags":{"type":"array","items":{"type":["string","null"]}},"odd":{"oneOf":[{"type":"integer"},{"const":"x"}]}},
		"additionalProperties":false}`
	var lines []string
	for _, r := range schemaTree([]byte(text)) {
		if r.Depth < 2 {
			lines = append(lines, fmt.Sprintf("%d %s %s %v %v %s", r.Depth, r.Name, r.Type, r.Required, r.Notes, r.Doc))
		}
	}
	const want = `0 id string true [format "uuid"] 
0 odd  false [] 
1 either 1 integer false [] 
1 either 2  false [const "x"] 
0 self object false [as # no other members] 
1 id string true [format "uuid"] 
1 odd  false [] 
1 self object false [as # no other members] 
1 tags array false [] 
1 total number false [as #/$defs/money minimum 0] in euros
0 tags array false [] 
1 […] string or null false [] 
0 total number false [as #/$defs/money minimum 0] in euros`
	if got := strings.Join(lines, "\n"); got != want {
		t.Errorf("got\n%s", got)
	}
	for _, odd := range []string{"", "true", "[", `{"properties":7,"required":"x","allOf":[1]}`} {
		if rows := schemaTree([]byte(odd)); len(rows) != 0 {
			t.Errorf("%s: %v", odd, rows)
		}
	}
}

func TestWords(t *testing.T) {
	for want, got := range map[string]string{
		"0": count(0), "0.4": count(0.4), "999": count(999), "1,234": count(1234), "9,999": count(uint64(9999)), "12.3k": count(12_345), "4.5M": count(4_500_000), "7G": count(7e9),
		"512 B": size(512), "1.5 KiB": size(1536), "200 MiB": size(200 << 20), "3.0 TiB": size(3.0 * (1 << 40)),
		"0 s": span(time.Millisecond), "59 s": span(59 * time.Second), "5 min": span(5 * time.Minute), "3 h": span(3 * time.Hour), "3 h 20 min": span(200 * time.Minute), "3 days": span(75 * time.Hour),
		"run <code>weir &lt;up&gt;</code> &amp; wait": string(prose("run `weir <up>` & wait")),
		"/tasks/capture/acmeCo/a%3Fb":                 refPath("capture/acmeCo/a?b"),
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
