package collection

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unsafe"

	"weir/document"
	"weir/internal/golden"
)

const reducing = `{
	"type": "object",
	"properties": {
		"id": {"type": "string"},
		"n": {"type": "integer", "reduce": {"strategy": "sum"}},
		"list": {"type": "array", "reduce": {"strategy": "append"}},
		"most": {"type": "integer", "reduce": {"strategy": "maximize"}},
		"first": {"reduce": {"strategy": "firstWriteWins"}}
	},
	"required": ["id"],
	"reduce": {"strategy": "merge"}
}`

const replacing = `{"type": "object", "properties": {"id": {"type": "string"}}, "required": ["id"]}`

// A sum is what the documents of a key reduce to, computed the plain way.
type sum struct {
	n, most, first, last int
	list                 []string
	exists               bool
	published            time.Time
}

func (s *sum) json(id string) string {
	return fmt.Sprintf(`{"first":%d,"id":%q,"last":%d,"list":[%s],"most":%d,"n":%d}`, s.first, id, s.last, strings.Join(s.list, ","), s.most, s.n)
}

// A workload is documents of some keys, and what is to come of them.
type workload struct {
	docs  []string
	times []time.Time
	sums  map[string]*sum
	order []string // of keys, as seen first
}

func randomWorkload(seed uint64, docs, keys, width int) *workload {
	r := rand.New(rand.NewPCG(seed, 1))
	w := &workload{sums: map[string]*sum{}}
	for i := range docs {
		id := fmt.Sprintf("k%04d", int(float64(keys)*r.Float64()*r.Float64()))
		n, most := r.IntN(100), r.IntN(1000)
		var list []string
		for range r.IntN(3) {
			list = append(list, `"`+strings.Repeat("x", r.IntN(width))+`"`)
		}
		s := w.sums[id]
		if s == nil {
			s = &sum{first: i, most: most}
			w.sums[id] = s
			w.order = append(w.order, id)
		}
		s.n, s.most, s.last, s.list = s.n+n, max(s.most, most), i, append(s.list, list...)
		s.published = time.Unix(1700000000, int64(i)).UTC()
		w.docs = append(w.docs, fmt.Sprintf(`{"id":%q,"n":%d,"most":%d,"first":%d,"last":%d,"list":[%s]}`, id, n, most, i, i, strings.Join(list, ",")))
		w.times = append(w.times, s.published)
	}
	return w
}

// addBases puts before some keys a document that the destination holds.
func (w *workload) addBases(t *testing.T, m *Combiner) {
	t.Helper()
	i := 0
	var bases [][2]string
	err := m.EachKey(func(packed []byte) error {
		if i++; i%3 != 0 {
			return nil
		}
		values, err := document.UnpackKey(packed)
		if err != nil {
			return err
		}
		id := values[0].(string)
		s := w.sums[id]
		s.n, s.first, s.list, s.exists = s.n+1000, -1, slices.Concat([]string{`"base"`}, s.list), true
		bases = append(bases, [2]string{string(packed), fmt.Sprintf(`{"id":%q,"n":1000,"first":-1,"last":-1,"most":0,"list":["base"]}`, id)})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range bases {
		if err := m.AddBase([]byte(b[0]), []byte(b[1])); err != nil {
			t.Fatal(err)
		}
	}
}

func (w *workload) add(t *testing.T, m *Combiner) {
	t.Helper()
	var d document.Doc
	for i, raw := range w.docs {
		if err := d.Parse([]byte(raw)); err != nil {
			t.Fatal(err)
		}
		if err := m.AddAt(&d, w.times[i]); err != nil {
			t.Fatal(err)
		}
	}
}

// check drains and compares with the plain way; what Drain gave must still be true
// when it has ended.
func (w *workload) check(t *testing.T, m *Combiner, ids []string) {
	t.Helper()
	if m.Keys() < len(ids) || !m.Spilled() && m.Keys() != len(ids) {
		t.Errorf("says %d keys, has %d", m.Keys(), len(ids))
	}
	var all []Combined
	if err := m.Drain(func(c Combined) error { all = append(all, c); return nil }); err != nil {
		t.Fatal(err)
	}
	if len(all) != len(ids) {
		t.Fatalf("got %d documents, want %d", len(all), len(ids))
	}
	for i, c := range all {
		s := w.sums[ids[i]]
		if got, want := string(c.Doc.AppendSorted(nil, 0)), s.json(ids[i]); got != want {
			t.Fatalf("document %d: got %s, want %s", i, got, want)
		}
		if string(c.Raw) != string(c.Doc.Raw(0)) || string(c.Packed) != "\x02"+ids[i]+"\x00" {
			t.Fatalf("document %d: raw %s, packed %q, key %s", i, c.Raw, c.Packed, ids[i])
		}
		if c.Exists != s.exists || !c.Published.Equal(s.published) {
			t.Fatalf("document %d: got %v, %v; want %v, %v", i, c.Exists, c.Published, s.exists, s.published)
		}
	}
}

func TestCombinerGivesTheSameWithinAnyLimit(t *testing.T) {
	type variant struct {
		limit        int
		full, sorted bool
	}
	c := compiled(t, reducing, "/id")
	spilled := 0
	for seed := range uint64(4) {
		shape := [][3]int{{1000, 20, 10}, {3000, 1000, 200}, {2000, 1, 5}, {1500, 60, 1000}}[seed]
		for _, v := range []variant{{0, false, false}, {0, true, true}, {leastLimit, false, false}, {leastLimit, true, false}, {64 << 10, true, true}, {64 << 10, false, true}, {1 << 20, true, false}} {
			t.Run(fmt.Sprintf("seed %d %+v", seed, v), func(t *testing.T) {
				dir := t.TempDir()
				m := c.NewCombiner(CombinerOptions{Limit: v.limit, Dir: dir, Full: v.full, Sorted: v.sorted})
				defer m.Close()
				for range 2 { // the second time with memory that was used before
					w := randomWorkload(seed, shape[0], shape[1], shape[2])
					w.add(t, m)
					if v.full {
						w.addBases(t, m)
					}
					ids := w.order
					if v.sorted || m.Spilled() {
						slices.Sort(ids)
					}
					if m.Spilled() {
						spilled++
					}
					w.check(t, m, ids)
					m.Reset()
				}
				if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
					t.Errorf("left %v, %v", left, err)
				}
			})
		}
	}
	if spilled < 10 {
		t.Errorf("only %d workloads spilled", spilled)
	}
}

func TestCombinerStaysNearItsLimit(t *testing.T) {
	c := compiled(t, reducing, "/id")
	m := c.NewCombiner(CombinerOptions{Limit: 1 << 20, Dir: t.TempDir()})
	defer m.Close()
	most := 0
	w := randomWorkload(7, 20000, 5000, 100)
	for _, raw := range w.docs {
		if err := m.Add([]byte(raw)); err != nil {
			t.Fatal(err)
		}
		most = max(most, m.Bytes())
	}
	if !m.Spilled() || most > 1<<20 {
		t.Errorf("spilled %v, took %d bytes", m.Spilled(), most)
	}
	w.sums = map[string]*sum{}
	if err := m.Drain(func(Combined) error { most = max(most, m.Bytes()); return nil }); err != nil {
		t.Fatal(err)
	}
	if most > 1<<20 {
		t.Errorf("took %d bytes while draining", most)
	}
}

// TestHotKeysNeedNoFile adds many times the limit to few keys: what is alive is
// small, so garbage must make room for new documents.
func TestHotKeysNeedNoFile(t *testing.T) {
	for _, text := range []string{replacing, `{"type":"object","properties":{"id":{"type":"string"},"n":{"type":"integer","reduce":{"strategy":"sum"}}},"reduce":{"strategy":"merge"}}`} {
		m := compiled(t, text, "/id").NewCombiner(CombinerOptions{Limit: 256 << 10, Dir: filepath.Join(t.TempDir(), "missing")})
		for i := range 20000 {
			raw := fmt.Sprintf(`{"id":"k%d","n":1,"pad":%q}`, i%10, strings.Repeat("x", i%500))
			if err := m.Add([]byte(raw)); err != nil {
				t.Fatal(err)
			}
		}
		if m.Spilled() || m.Keys() != 10 || m.Bytes() > 256<<10 {
			t.Errorf("spilled %v, %d keys, %d bytes", m.Spilled(), m.Keys(), m.Bytes())
		}
		m.Close()
	}
}

func TestReplacingKeepsTheNewestBytes(t *testing.T) {
	for _, limit := range []int{0, leastLimit} {
		m := compiled(t, replacing, "/id").NewCombiner(CombinerOptions{Limit: limit, Full: true, Dir: t.TempDir()})
		defer m.Close()
		newest := map[string]string{}
		for i := range 2000 {
			id := fmt.Sprintf("k%03d", i*7919%300)
			newest[id] = fmt.Sprintf("{ \"id\" : %q, \"i\": 1.%d0, \"pad\":\"%s\"}", id, i, strings.Repeat("x", i%50))
			if err := m.Add([]byte(" " + newest[id] + "\n")); err != nil {
				t.Fatal(err)
			}
		}
		if (limit != 0) != m.Spilled() {
			t.Errorf("limit %d: spilled %v", limit, m.Spilled())
		}
		if err := m.AddBase([]byte("\x02k007\x00"), []byte(`{"id":"k007","old":true}`)); err != nil {
			t.Fatal(err)
		}
		count := 0
		err := m.Drain(func(c Combined) error {
			count++
			id := c.Doc.String(2)
			if string(c.Raw) != newest[id] || c.Exists != (id == "k007") || !c.Published.IsZero() {
				t.Errorf("limit %d: got %s, %v, %v; want %s", limit, c.Raw, c.Exists, c.Published, newest[id])
			}
			return nil
		})
		if err != nil || count != len(newest) {
			t.Errorf("limit %d: %d documents of %d, %v", limit, count, len(newest), err)
		}
	}
}

// TestEarlyFoldingHidesNothing has documents whose prefix reduces to something
// invalid, which a later document repairs: folding before its time must not fail.
func TestEarlyFoldingHidesNothing(t *testing.T) {
	c := compiled(t, `{
		"type": "object",
		"properties": {"id": {"type": "string"}, "list": {"type": "array", "maxItems": 100}},
		"required": ["id"],
		"reduce": {"strategy": "merge"},
		"if": {"properties": {"reset": {"const": true}}, "required": ["reset"]},
		"then": {"properties": {"list": {"reduce": {"strategy": "lastWriteWins"}}}},
		"else": {"properties": {"list": {"reduce": {"strategy": "append"}}}}
	}`, "/id")
	for _, limit := range []int{0, leastLimit} {
		m := c.NewCombiner(CombinerOptions{Limit: limit, Dir: t.TempDir()})
		defer m.Close()
		for range 500 {
			add(t, m, `{"id":"a","list":[1]}`)
		}
		add(t, m, `{"id":"a","list":[2],"reset":true}`)
		if got := drained(t, m); got != `{"id":"a","list":[2],"reset":true}` {
			t.Errorf("limit %d: got %s", limit, got)
		}
	}
}

// TestDocumentsThatCombineOnlyFully merges an object into what is none: only what the
// destination holds can tell what comes of it.
func TestDocumentsThatCombineOnlyFully(t *testing.T) {
	c := compiled(t, `{"type":"object","properties":{"v":{"reduce":{"strategy":"merge"}}},"reduce":{"strategy":"merge"}}`, "/id")
	docs := []string{`{"id":"a","v":{"x":1}}`, `{"id":"b","v":{}}`, `{"id":"a","v":{"y":1}}`, `{"id":"a","v":[1]}`, `{"id":"a","v":{"x":2}}`, `{"id":"a","v":{"z":2}}`}
	const apart = `{"id":"a","v":{"x":1,"y":1}}
{"id":"a","v":[1]}
{"id":"a","v":{"x":2,"z":2}}
{"id":"b","v":{}}`
	const full = `{"id":"a","v":{"x":2,"z":2}}
{"id":"b","v":{}}`
	for _, pad := range []int{0, 5 << 10} { // bytes; the larger spills
		for _, isFull := range []bool{false, true} {
			m := c.NewCombiner(CombinerOptions{Limit: leastLimit, Full: isFull, Dir: t.TempDir()})
			defer m.Close()
			want := map[bool]string{false: apart, true: full}[isFull]
			for _, raw := range docs {
				add(t, m, raw)
				if pad > 0 {
					add(t, m, fmt.Sprintf(`{"id":"z","pad":%q}`, strings.Repeat("x", pad)), fmt.Sprintf(`{"id":"y","pad":%q}`, strings.Repeat("x", pad)))
				}
			}
			got := drained(t, m)
			if m.Spilled() != (pad > 0) {
				t.Errorf("pad %d: spilled %v", pad, m.Spilled())
			}
			if pad > 0 {
				got = got[:strings.Index(got, "\n{\"id\":\"y\"")]
			}
			if got != want {
				t.Errorf("pad %d, full %v: got\n%s\nwant\n%s", pad, isFull, got, want)
			}
		}
	}
}

func add(t *testing.T, m *Combiner, docs ...string) {
	t.Helper()
	for _, raw := range docs {
		if err := m.Add([]byte(raw)); err != nil {
			t.Fatalf("add %s: %v", raw, err)
		}
	}
}

func drained(t *testing.T, m *Combiner) string {
	t.Helper()
	var all []string
	if err := m.Drain(func(c Combined) error { all = append(all, string(c.Raw)); return nil }); err != nil {
		t.Fatal(err)
	}
	return strings.Join(all, "\n")
}

func TestCombinerErrors(t *testing.T) {
	c := compiled(t, `{
		"type": "object",
		"properties": {
			"id": {"type": ["string", "array"]},
			"k": {"type": "integer", "reduce": {"strategy": "sum"}},
			"n": {"type": "integer", "maximum": 10, "reduce": {"strategy": "sum"}},
			"any": {"reduce": {"strategy": "append"}}
		},
		"required": ["id"],
		"reduce": {"strategy": "merge"}
	}`, "/id", "/k")
	var report strings.Builder
	for _, test := range []struct {
		what string
		docs []string
	}{
		{"no JSON", []string{`{"id":"a",}`}},
		{"breaks the schema", []string{`{"id":7}`}},
		{"has no key", []string{`{"id":[]}`}},
		{"does not reduce", []string{`{"id":"a","any":[1]}`, `{"id":"a","any":1}`}},
		{"reduces to what is invalid", []string{`{"id":"a","n":6}`, `{"id":"a","n":5}`}},
		{"reduces to another key", []string{`{"id":"a","k":1}`, `{"id":"a","k":1}`}},
	} {
		m := c.NewCombiner(CombinerOptions{})
		var err error
		for _, raw := range test.docs {
			if err = m.Add([]byte(raw)); err != nil {
				break
			}
		}
		if err == nil {
			err = m.Drain(func(Combined) error { return nil })
		} else if m.Keys() != 0 {
			t.Errorf("%s: the document was added", test.what)
		}
		fmt.Fprintf(&report, "%s: %v\n", test.what, err)
		var invalid *Invalid
		if !errors.As(err, &invalid) {
			t.Errorf("%s: got %#v", test.what, err)
		}
		m.Reset()
		add(t, m, `{"id":"b"}`)
		if got := drained(t, m); got != `{"id":"b"}` {
			t.Errorf("%s: after a reset got %s", test.what, got)
		}
	}
	golden.Compare(t, "testdata/combine.golden", report.String())
}

func TestCombinerMisuse(t *testing.T) {
	m := compiled(t, reducing, "/id").NewCombiner(CombinerOptions{Full: true})
	add(t, m, `{"id":"a"}`)
	if err := m.AddBase([]byte("\x02b\x00"), []byte(`{"id":"b"}`)); err == nil || err.Error() != `combine acmeCo/things: the destination gave a document for key ["b"], which was not asked for` {
		t.Errorf("base of an unknown key: got %v", err)
	}
	if err := m.AddBase([]byte("\x02a\x00"), []byte(`{`)); err == nil || !strings.Contains(err.Error(), "json") {
		t.Errorf("base that is no JSON: got %v", err)
	}
	stop := errors.New("stop")
	if err := m.Drain(func(Combined) error { return stop }); err != stop {
		t.Errorf("drain: got %v", err)
	}
	if err := m.Add([]byte(`{"id":"b"}`)); err != errDrained {
		t.Errorf("add after drain: got %v", err)
	}
	m.Close()
	m.Close()
	add(t, m, `{"id":"c"}`)
	if got := drained(t, m); got != `{"id":"c"}` {
		t.Errorf("after close got %s", got)
	}
}

func TestSpilledBaseNobodyAskedFor(t *testing.T) {
	m := compiled(t, reducing, "/id").NewCombiner(CombinerOptions{Full: true, Limit: leastLimit, Dir: t.TempDir()})
	defer m.Close()
	for i := 0; !m.Spilled(); i++ {
		add(t, m, fmt.Sprintf(`{"id":"k%d"}`, i))
	}
	if err := m.AddBase([]byte("\x02b\x00"), []byte(`{"id":"b"}`)); err != nil {
		t.Fatal(err)
	}
	if err := m.Drain(func(Combined) error { return nil }); err == nil || !strings.Contains(err.Error(), `key ["b"], which was not asked for`) {
		t.Errorf("got %v", err)
	}
}

func TestSpillErrors(t *testing.T) {
	m := compiled(t, reducing, "/id").NewCombiner(CombinerOptions{Limit: leastLimit, Dir: filepath.Join(t.TempDir(), "missing")})
	var err error
	for i := 0; err == nil && i < 1000; i++ {
		err = m.Add([]byte(fmt.Sprintf(`{"id":"k%d"}`, i)))
	}
	if !errors.Is(err, os.ErrNotExist) || !strings.HasPrefix(err.Error(), "combine: temporary file: ") {
		t.Errorf("got %v", err)
	}
}

func TestResetGivesBackWhatIsMuchLargerThanNeeded(t *testing.T) {
	m := compiled(t, reducing, "/id").NewCombiner(CombinerOptions{})
	held := func() int {
		n := cap(m.entries)*entrySize + cap(m.groups.list)*groupSize + len(m.groups.slots)*slotSize + cap(m.buffer) + cap(m.scratch.Nodes)*nodeSize
		for _, b := range m.text.blocks {
			n += len(b)
		}
		for _, b := range m.nodes.blocks {
			n += len(b) * nodeSize
		}
		return n
	}
	cycle := func(docs, width int) {
		for i := range docs {
			add(t, m, fmt.Sprintf(`{"id":"k%d","list":[%s1]}`, i, strings.Repeat("1,", width)))
		}
		drained(t, m)
		m.Reset()
	}
	cycle(10, 500000)
	cycle(20000, 2)
	large := held()
	for range 100 {
		cycle(10, 2)
	}
	if small := held(); large < 4<<20 || small > 300<<10 {
		t.Errorf("held %d bytes after large transactions, %d after small ones", large, small)
	}
	m.Close()
	if n := held(); n > 0 {
		t.Errorf("holds %d bytes after close", n)
	}
}

func TestCombinerReusesItsMemory(t *testing.T) {
	for _, text := range []string{reducing, replacing} {
		m := compiled(t, text, "/id").NewCombiner(CombinerOptions{})
		w := randomWorkload(1, 1024, 128, 20)
		raws := make([][]byte, len(w.docs))
		for i, raw := range w.docs {
			raws[i] = []byte(raw)
		}
		n := testing.AllocsPerRun(20, func() {
			for _, raw := range raws {
				if err := m.Add(raw); err != nil {
					t.Fatal(err)
				}
			}
			if err := m.Drain(func(Combined) error { return nil }); err != nil {
				t.Fatal(err)
			}
			m.Reset()
		})
		if n > 2 {
			t.Errorf("%v allocations for a transaction of 1024 documents", n)
		}
	}
}

func TestAccountedSizes(t *testing.T) {
	for _, test := range []struct {
		what      string
		got, want int
	}{
		{"node", nodeSize, int(unsafe.Sizeof(document.Node{}))},
		{"entry", entrySize, int(unsafe.Sizeof(entry{}))},
		{"group", groupSize, int(unsafe.Sizeof(group{}))},
	} {
		if test.got != test.want {
			t.Errorf("%s: accounted as %d bytes, has %d", test.what, test.got, test.want)
		}
	}
}
