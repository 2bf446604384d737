package catalogtest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"weir/catalog"
	"weir/collection"
	"weir/document"
	"weir/journal"
)

// held is a document of the test, expected or actual.
type held struct {
	doc document.Doc
	key []byte // packed; nil where the document does not say
}

// verify compares what a collection holds with the expected documents. Without
// an error the failure says in what they differ, nil that they do not.
func (t *test) verify(ctx context.Context, step *catalog.Verify) (*Failure, error) {
	c, ok := t.known[step.Collection.Name]
	if !ok {
		return nil, fmt.Errorf("collection %s is not in the catalog", step.Collection.Name)
	}
	want, err := expected(c, step.Documents)
	if err != nil {
		return nil, err
	}
	got, err := t.holds(ctx, c, &step.Collection)
	if err != nil {
		return nil, err
	}
	if matches(want, got) {
		return nil, nil
	}
	pairs := align(want, got)
	differ := differences(want, got, pairs)
	message := fmt.Sprintf("%s expected, %d found", plural(len(want), "document"), len(got))
	if len(want) == len(got) {
		message = plural(len(differ), "difference")
	}
	return &Failure{
		Message:     message,
		Hint:        outOfOrder(want, got),
		Differences: differ,
		verify:      step,
		rewritten:   rewritten(want, got, pairs),
	}, nil
}

// expected parses what a test expects. Documents may leave out parts of their
// key, whether the collection has a default for them or not.
func expected(c *collection.Collection, texts []json.RawMessage) ([]held, error) {
	key := document.Key{Pointers: c.Key.Pointers}
	out := make([]held, len(texts))
	for i, text := range texts {
		h := &out[i]
		if err := h.doc.Parse(text); err != nil {
			return nil, fmt.Errorf("expected document %d: %w", i+1, err)
		}
		whole := true
		for _, p := range key.Pointers {
			_, ok := p.Find(&h.doc, 0)
			whole = whole && ok
		}
		if whole {
			if packed, err := key.AppendPacked(nil, &h.doc, 0); err == nil {
				h.key = packed
			}
		}
	}
	return out, nil
}

// holds reads what a source of the collection holds since the test began,
// combined by key and in the order of keys.
func (t *test) holds(ctx context.Context, c *collection.Collection, source *catalog.Source) ([]held, error) {
	selection, err := c.Select(source.Partitions)
	if err != nil {
		return nil, err
	}
	combiner := c.ForReading().NewCombiner(collection.CombinerOptions{Sorted: true})
	defer combiner.Close()
	err = t.conn.ReadAll(ctx, c.StreamName(), selection.Filter(), 0, func(m journal.Message) error {
		if !selection.Has(m.Subject) || !source.Admits(t.clock.At(m.Time)) {
			return nil
		}
		return combiner.Add(m.Data)
	})
	if err != nil {
		return nil, err
	}
	var out []held
	err = combiner.Drain(func(d collection.Combined) error {
		h := held{key: bytes.Clone(d.Packed)}
		if err := h.doc.Parse(bytes.Clone(d.Raw)); err != nil {
			return err
		}
		out = append(out, h)
		return nil
	})
	return out, err
}

// matches says whether the documents are as expected, position by position.
func matches(want, got []held) bool {
	if len(want) != len(got) {
		return false
	}
	for i := range want {
		if len(compare(&want[i].doc, &got[i].doc)) > 0 {
			return false
		}
	}
	return true
}

// pair says which expected document is seen beside which actual one; -1 where
// there is none.
type pair struct{ want, got int }

// maxAligned bounds what is aligned: more documents are compared by position.
const maxAligned = 300

// align finds the pairs that explain best in what the documents differ: a
// document that is missing in the middle shall not make all that follow differ.
// Documents of one key belong together.
func align(want, got []held) []pair {
	n, m := len(want), len(got)
	if n > maxAligned || m > maxAligned {
		var out []pair
		for i := range max(n, m) {
			p := pair{i, i}
			if i >= n {
				p.want = -1
			}
			if i >= m {
				p.got = -1
			}
			out = append(out, p)
		}
		return out
	}
	const gap = 2
	match := make([][]int, n)
	costs := make([][]int, n+1) // of what is left from i and j on
	for i := range costs {
		costs[i] = make([]int, m+1)
	}
	for i := n; i >= 0; i-- {
		if i < n {
			match[i] = make([]int, m)
		}
		for j := m; j >= 0; j-- {
			switch {
			case i == n:
				costs[i][j] = (m - j) * gap
			case j == m:
				costs[i][j] = (n - i) * gap
			default:
				match[i][j] = apart(&want[i], &got[j])
				costs[i][j] = min(match[i][j]+costs[i+1][j+1], gap+min(costs[i+1][j], costs[i][j+1]))
			}
		}
	}
	var out []pair
	for i, j := 0, 0; i < n || j < m; {
		switch {
		case i < n && j < m && costs[i][j] == match[i][j]+costs[i+1][j+1]:
			out = append(out, pair{i, j})
			i, j = i+1, j+1
		case i < n && costs[i][j] == gap+costs[i+1][j]:
			out = append(out, pair{i, -1})
			i++
		default:
			out = append(out, pair{-1, j})
			j++
		}
	}
	return out
}

// apart is how little two documents seem to be about the same.
func apart(want, got *held) int {
	switch {
	case want.key != nil && !bytes.Equal(want.key, got.key):
		return 100
	case len(compare(&want.doc, &got.doc)) == 0:
		return 0
	case want.key != nil:
		return 1
	}
	return 3
}

func differences(want, got []held, pairs []pair) []Difference {
	var out []Difference
	add := func(number int, h *held, d Difference) {
		d.Document = number
		if h.key != nil {
			if key, err := document.AppendKeyJSON(nil, h.key); err == nil {
				d.Key = key
			}
		}
		out = append(out, d)
	}
	for _, p := range pairs {
		switch {
		case p.want < 0:
			add(p.got+1, &got[p.got], Difference{Actual: text(&got[p.got].doc, 0)})
		case p.got < 0:
			add(p.want+1, &want[p.want], Difference{Expected: text(&want[p.want].doc, 0)})
		default:
			for _, d := range compare(&want[p.want].doc, &got[p.got].doc) {
				add(p.got+1, &got[p.got], d)
			}
		}
	}
	return out
}

// outOfOrder is a hint when the expected documents do not come in the order of
// their keys, or twice where the actual ones come once; "" otherwise.
func outOfOrder(want, got []held) string {
	for i := 1; i < len(want); i++ {
		a, b := want[i-1].key, want[i].key
		if a == nil || b == nil {
			continue
		}
		first, err := document.AppendKeyJSON(nil, a)
		second, err2 := document.AppendKeyJSON(nil, b)
		switch c := bytes.Compare(a, b); {
		case err != nil || err2 != nil:
		case c > 0:
			return fmt.Sprintf("documents are compared in the order of their keys: expect %s before %s", second, first)
		case c == 0 && !twice(got, a):
			return fmt.Sprintf("documents of one key are reduced into one: key %s is expected twice", first)
		}
	}
	return ""
}

// twice says whether several documents have a key: those that only a full
// reduction makes one of.
func twice(all []held, key []byte) bool {
	n := 0
	for i := range all {
		if bytes.Equal(all[i].key, key) {
			n++
		}
	}
	return n > 1
}

// rewritten are the documents that the step would have to expect.
func rewritten(want, got []held, pairs []pair) []catalog.Rewritten {
	out := []catalog.Rewritten{}
	for _, p := range pairs {
		switch {
		case p.got < 0:
		case p.want < 0:
			out = append(out, catalog.Rewritten{Document: text(&got[p.got].doc, 0), Was: -1})
		default:
			out = append(out, catalog.Rewritten{Document: narrow(&want[p.want].doc, &got[p.got].doc), Was: p.want})
		}
	}
	return out
}

// plural counts things.
func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
