package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"time"

	"weir/catalog"
	"weir/collection"
	"weir/controlplane"
	"weir/document"
)

// The rows of registers that memory has no room for. They follow one another:
// each register is made, then all are restored by another process, then some
// are read and changed at random. They take minutes, and run when asked for.

// counting keeps about 100 bytes for each customer.
const counting = `
collections:
  registers/visits:
    key: [/id]
    schema:
      type: object
      required: [id, customer]
      properties: {id: {type: string}, customer: {type: string}}
  registers/counts:
    key: [/customer]
    schema:
      type: object
      required: [customer]
      properties: {customer: {type: string}, visits: {type: integer}}
    derive:
      using:
        javascript:
          module: |
            export function fromVisits({ doc, register }) {
              const r = register.value;
              register.set({ visits: r ? r.visits + 1 : 1, customer: doc.customer, last: doc.id, note: "a register of about a hundred bytes" });
            }
      register: {schema: {type: [object, "null"]}}
      transforms: [{name: fromVisits, source: registers/visits, shuffle: {key: [/customer]}}]
`

const (
	visits = "registers/visits"
	counts = "registers/counts"
)

// registerRows hold what one round's rows hand on to the next.
type registerRows struct {
	n      int // registers
	weir   *weirRows
	log    io.Writer
	target *collection.Collection
	last   uint64 // sequence of the newest visit; 0: none were made
	flight uint64 // of the newest marker
}

func (r *registerRows) rows() []row {
	name := func(what string) string { return fmt.Sprintf("weir: registers, %d %s", r.n, what) }
	return []row{
		{Name: name("made"), Large: true, Run: r.runMade},
		{Name: name("restored"), Large: true, Run: r.runRestored},
		{Name: name("changed at random"), Large: true, Run: r.runChanged},
	}
}

// visit appends the i-th visit of a customer, as document and marker batches do.
func (r *registerRows) visit(ctx context.Context, n int, customer func(i int) int) error {
	a := appender{conn: r.weir.conn, stream: r.target.StreamName(), marker: collection.TxnSubject(visits, "bench", "0-1"), seq: r.flight}
	defer a.wait.Wait()
	var d document.Doc
	var subject []byte
	for i := range n {
		text := fmt.Appendf(nil, `{"id":"visit-%05d","customer":"customer-%08d"}`, i%10_000, customer(i))
		if err := d.Parse(text); err != nil {
			return err
		}
		var err error
		if subject, err = r.target.AppendSubject(subject[:0], &d); err != nil {
			return err
		}
		if err := a.add(string(subject), text); err != nil {
			return err
		}
		if a.batch.Len() == 3000 || i == n-1 {
			if err := a.commit(ctx); err != nil {
				return err
			}
		}
	}
	err := a.settle()
	r.flight = a.seq
	if err != nil {
		return err
	}
	last, err := r.weir.conn.Last(ctx, r.target.StreamName(), collection.DocFilter(visits))
	if err == nil {
		r.last = last.Seq
	}
	return err
}

func (r *registerRows) through(m *meter, n int, begin func() error) (sample, error) {
	own := *m
	own.Workers = nil // of a process that begins: its peak is taken below
	s, err := own.measure(n, func() error {
		if err := begin(); err != nil {
			return err
		}
		_, err := r.weir.worker.await("derivation", counts, visits, r.last)
		return err
	})
	if err != nil {
		return s, err
	}
	if s.Client, err = cpuOf([]int{r.weir.worker.pid()}); err != nil {
		return s, err
	}
	s.Peak, err = peakMemory(r.weir.worker.pid())
	return s, err
}

func (r *registerRows) runMade(ctx context.Context, m *meter) (sample, error) {
	c, err := loadCatalog(counting)
	if err != nil {
		return sample{}, err
	}
	if err := controlplane.Build(c); err != nil {
		return sample{}, err
	}
	if r.target, err = collection.New(c.Collections[visits]); err != nil {
		return sample{}, err
	}
	source := &catalog.Catalog{Collections: map[string]*catalog.Collection{visits: c.Collections[visits]}}
	o := controlplane.Options{Catalog: "registers", Prune: true}
	if _, err := controlplane.Publish(ctx, r.weir.conn, source, o); err != nil {
		return sample{}, err
	}
	began := time.Now()
	order := rand.New(rand.NewPCG(1, 2)).Perm(r.n)
	if err := r.visit(ctx, r.n, func(i int) int { return order[i] }); err != nil {
		return sample{}, err
	}
	fmt.Fprintf(r.log, "%d visits published in %s\n", r.n, time.Since(began).Round(time.Second))
	if err := r.weir.restart(ctx); err != nil { // its peak is these rows' alone
		return sample{}, err
	}
	return r.through(m, r.n, func() error {
		_, err := controlplane.Publish(ctx, r.weir.conn, c, o)
		return err
	})
}

// runRestored takes the time from the start of a process until its derivation
// runs, with all registers in place.
func (r *registerRows) runRestored(ctx context.Context, m *meter) (sample, error) {
	if r.last == 0 {
		return sample{}, errors.New("no registers were made in this round")
	}
	if err := r.weir.worker.close(); err != nil { // it flushes
		return sample{}, err
	}
	return r.through(m, r.n, func() error { return r.weir.start(ctx) })
}

func (r *registerRows) runChanged(ctx context.Context, m *meter) (sample, error) {
	if r.last == 0 {
		return sample{}, errors.New("no registers were made in this round")
	}
	before, err := cpuOf([]int{r.weir.worker.pid()})
	if err != nil {
		return sample{}, err
	}
	n, random := max(r.n/20, 1), rand.New(rand.NewPCG(3, 4))
	s, err := r.through(m, n, func() error { return r.visit(ctx, n, func(int) int { return random.IntN(r.n) }) })
	s.Client -= before
	return s, errors.Join(err, r.drop(ctx))
}

// drop removes what the rows made.
func (r *registerRows) drop(ctx context.Context) error {
	ctx = context.WithoutCancel(ctx)
	_, err := controlplane.Unpublish(ctx, r.weir.conn, "registers")
	for _, name := range []string{visits, counts} {
		err = errors.Join(err, r.weir.conn.DeleteStream(ctx, collection.StreamName(name)))
	}
	r.flight, r.last = 0, 0
	return err
}
