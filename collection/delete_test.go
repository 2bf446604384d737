package collection

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// rows is the schema of rows whose op says what happened to them.
const rows = `{"type":"object","required":["id"],"if":{"properties":{"op":{"const":"d"}},"required":["op"]},
"then":{"reduce":{"strategy":"merge","delete":true}},"else":{"reduce":{"strategy":"merge"}},"properties":{"n":{"type":"integer","reduce":{"strategy":"sum"}}}}`

// randomRows makes changes of some keys, and what is left of the keys after them; how a key that is gone ended is "".
func randomRows(r *rand.Rand, count, keys int) (docs []string, left map[string]string) {
	left = map[string]string{}
	sums, there := map[string]int{}, map[string]bool{}
	for range count {
		id := fmt.Sprintf("k%03d", r.IntN(keys))
		if r.IntN(3) == 0 {
			docs = append(docs, fmt.Sprintf(`{"id":%q,"op":"d"}`, id))
			sums[id], there[id] = 0, false
			left[id] = ""
			continue
		}
		n := r.IntN(9)
		op := "u"
		if !there[id] {
			op = "c"
		}
		docs = append(docs, fmt.Sprintf(`{"id":%q,"op":%q,"n":%d}`, id, op, n))
		sums[id] += n
		there[id] = true
		left[id] = fmt.Sprintf(`{"id":%q,"op":%q,"n":%d}`, id, op, sums[id])
	}
	return docs, left
}

// Whatever is combined early, spilled, or reduced in a transaction before, what is left of the keys is the same.
func TestDeletionsWithinAnyLimit(t *testing.T) {
	c := compiled(t, rows, "/id")
	spilled := false
	for seed := range uint64(6) {
		r := rand.New(rand.NewPCG(seed, 2))
		docs, want := randomRows(r, 2500, []int{1, 3, 400}[seed%3])
		limit := []int{0, leastLimit}[seed%2]
		held := map[string]string{}
		for len(docs) > 0 {
			size := min(1+r.IntN(1500), len(docs))
			transact(t, c, limit, docs[:size], held, &spilled)
			docs = docs[size:]
		}
		for id, doc := range want {
			if held[id] != doc {
				t.Fatalf("seed %d, key %s: %q is left, want %q", seed, id, held[id], doc)
			}
		}
	}
	if !spilled {
		t.Error("nothing was spilled")
	}
}

// transact combines documents as a writer does, and takes what comes of it into held as a destination does.
func transact(t *testing.T, c *Collection, limit int, docs []string, held map[string]string, spilled *bool) {
	t.Helper()
	writer := c.NewCombiner(CombinerOptions{Limit: limit, Dir: t.TempDir()})
	defer writer.Close()
	sink := c.NewCombiner(CombinerOptions{Limit: limit, Dir: t.TempDir(), Full: true})
	defer sink.Close()
	add(t, writer, docs...)
	*spilled = *spilled || writer.Spilled()
	packed := map[string][]byte{}
	err := writer.Drain(func(d Combined) error {
		if d.Deleted {
			t.Errorf("a partial reduction deletes %s", d.Raw)
		}
		add(t, sink, string(d.Raw))
		id, _ := d.Doc.Get(0, "id")
		packed[d.Doc.String(id)] = append([]byte(nil), d.Packed...)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for id, key := range packed {
		if held[id] == "" {
			continue
		}
		if err := sink.AddBase(key, []byte(held[id])); err != nil {
			t.Fatal(err)
		}
	}
	err = sink.Drain(func(d Combined) error {
		id, _ := d.Doc.Get(0, "id")
		name := d.Doc.String(id)
		if d.Exists != (held[name] != "") {
			t.Errorf("%s: exists %t, but %q was held", name, d.Exists, held[name])
		}
		held[name] = string(d.Raw)
		if d.Deleted {
			held[name] = ""
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A key that is written and deleted again and again takes no more than two documents.
func TestDeletionsOfOneKeyFold(t *testing.T) {
	c := compiled(t, rows, "/id")
	m := c.NewCombiner(CombinerOptions{})
	defer m.Close()
	var docs []string
	for range 1000 {
		docs = append(docs, `{"id":"a","op":"c","n":1}`, `{"id":"a","op":"d"}`, `{"id":"a","op":"c","n":2}`)
	}
	add(t, m, docs...)
	if m.Spilled() || m.Bytes() > 100<<10 {
		t.Errorf("%d bytes for one key", m.Bytes())
	}
	if got, want := drained(t, m), `{"id":"a","op":"d","n":2998} {"id":"a","op":"c","n":2}`; strings.Join(strings.Fields(got), " ") != want {
		t.Errorf("got %s", got)
	}
}
