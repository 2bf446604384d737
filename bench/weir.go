package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"sync"

	"weir/catalog"
	"weir/collection"
	"weir/controlplane"
	"weir/journal"
	"weir/journal/server"
	"weir/schema"
)

// The rows of Weir itself. Derivations and materializations run in a worker
// process of their own (worker.go), the journal's rows in this one.

// source is the collection that the orders are in; its key is the id.
const source = `
collections:
  %[1]s/orders:
    key: [/id]
    schema: &order
      type: object
      required: [id, customer, status, items]
      properties:
        id: {type: string, pattern: "^ord-[0-9]+$"}
        customer: {type: string, pattern: "^cust-[0-9]+$"}
        status: {enum: [paid, cancelled]}
        placedAt: {type: string, format: date-time}
        items:
          type: array
          minItems: 1
          items:
            type: object
            required: [sku, qty, price]
            properties:
              sku: {type: string}
              qty: {type: integer, minimum: 1}
              price: {type: number, minimum: 0}
`

// derivedJS filters and sums in JavaScript: one output for nearly each order.
const derivedJS = source + `
  %[1]s/derived:
    key: [/id]
    schema:
      type: object
      required: [id, customer, total]
      properties: {id: {type: string}, customer: {type: string}, total: {type: number}, items: {type: integer}}
    derive:
      using:
        javascript:
          module: |
            export function fromOrders({ doc }) {
              if (doc.status !== "paid") return;
              let total = 0;
              for (const item of doc.items) total += item.qty * item.price;
              return { id: doc.id, customer: doc.customer, placedAt: doc.placedAt, total, items: doc.items.length, big: total > 500 };
            }
      transforms: [{name: fromOrders, source: %[1]s/orders, shuffle: any}]
`

// derivedCopy passes every order on as it is.
const derivedCopy = source + `
  %[1]s/derived:
    key: [/id]
    schema: *order
    derive:
      using: {copy: {}}
      transforms: [{name: fromOrders, source: %[1]s/orders, shuffle: any}]
`

// derivedReduced keys the orders by their customers and reduces them.
const derivedReduced = source + `
  %[1]s/derived:
    key: [/customer]
    schema:
      type: object
      required: [customer]
      reduce: {strategy: merge}
      properties:
        id: {type: string, reduce: {strategy: maximize}}
        customer: {type: string, pattern: "^cust-[0-9]+$"}
        status: {enum: [paid, cancelled], reduce: {strategy: lastWriteWins}}
        placedAt: {type: string, format: date-time, reduce: {strategy: maximize}}
        items: {type: array, reduce: {strategy: lastWriteWins}}
    derive:
      using: {copy: {}}
      transforms: [{name: fromOrders, source: %[1]s/orders, shuffle: any}]
`

// table keeps a SQLite table up to date with the orders.
const table = source + `
materializations:
  %[1]s/db:
    endpoint: {sqlite: {path: %[2]s}}
    bindings: [{source: %[1]s/orders, resource: {table: orders}}]
`

// weirRows holds what the rows share.
type weirRows struct {
	start  func(context.Context) error // a worker process, in worker
	conn   *journal.Conn
	worker *workerProcess
	orders *orders
	dir    string
	made   int // catalogs so far, for names that never meet
}

func newWeirRows(ctx context.Context, url, dir, profile string, o *orders, log io.Writer) (*weirRows, error) {
	conn, err := journal.Connect(ctx, journal.Options{Plain: true, URL: url, Name: "weir bench", MaxBatch: server.MaxBatch})
	if err != nil {
		return nil, err
	}
	w := &weirRows{conn: conn, orders: o, dir: dir}
	w.start = func(ctx context.Context) error {
		started, err := startWorker(ctx, url, dir, profile, log)
		if err == nil {
			w.worker = started
		}
		return err
	}
	if err := w.start(ctx); err != nil {
		conn.Close()
		return nil, err
	}
	return w, nil
}

// restart ends the worker, which flushes what it has, and starts another.
func (w *weirRows) restart(ctx context.Context) error {
	if err := w.worker.close(); err != nil {
		return err
	}
	return w.start(ctx)
}

func (w *weirRows) close() error {
	err := w.worker.close()
	w.conn.Close()
	return err
}

// rows lists Weir's rows, each with the limits for the sizes of batches.
func (w *weirRows) rows(batches []int) []row {
	limits := func(what string) []string {
		var names []string
		for _, size := range batches {
			names = append(names, limitName(what, size))
		}
		return names
	}
	derivation := func(name, text string) row {
		return row{Name: "weir: " + name, Limits: limits("pipe"), Run: func(ctx context.Context, m *meter) (sample, error) {
			s, _, err := w.runTask(ctx, m, text, "derivation", "derived")
			return s, err
		}}
	}
	rows := []row{
		{Name: "weir: read", Limits: []string{limitRead}, Run: w.runRead},
		derivation("JavaScript filter and sum", derivedJS),
		derivation("copy", derivedCopy),
		derivation("validate and reduce by customer", derivedReduced),
		{Name: "weir: SQLite table", Limits: limits("sqlite"), Run: func(ctx context.Context, m *meter) (sample, error) {
			s, _, err := w.runTask(ctx, m, table, "materialization", "db")
			return s, err
		}},
		{Name: "weir: latency, JavaScript derivation", Limits: []string{limitLatency}, Run: w.runLatency},
	}
	for _, size := range batches {
		rows = append(rows, row{Name: fmt.Sprintf("weir: append, batches of %d", size), Limits: []string{limitName("append", size)},
			Run: func(ctx context.Context, m *meter) (sample, error) { return w.runAppend(ctx, m, size) }})
	}
	return append(rows, w.httpRows(batches)...)
}

// prepare publishes the source collection alone and fills it; publish then
// adds what is derived from it. drop removes all of it. The text is a format of
// the prefix, a file for a table, and more.
func (w *weirRows) prepare(ctx context.Context, text string, n int, more ...any) (prefix string, publish func() error, drop func(), err error) {
	w.made++
	prefix = "bench" + strconv.Itoa(w.made)
	c, err := loadCatalog(fmt.Sprintf(text, append([]any{prefix, prefix + ".db"}, more...)...))
	if err != nil {
		return "", nil, nil, err
	}
	if err := controlplane.Build(c); err != nil {
		return "", nil, nil, err
	}
	name := prefix + "/orders"
	first := &catalog.Catalog{Collections: map[string]*catalog.Collection{name: c.Collections[name]}}
	o := controlplane.Options{Catalog: prefix, Prune: true}
	if _, err := controlplane.Publish(ctx, w.conn, first, o); err != nil {
		return "", nil, nil, err
	}
	drop = func() {
		ctx := context.WithoutCancel(ctx)
		_, _ = controlplane.Unpublish(ctx, w.conn, prefix) // the server and its directory are thrown away
		_ = w.conn.DeleteStream(ctx, collection.StreamName(name))
		_ = w.conn.DeleteStream(ctx, collection.StreamName(prefix+"/derived"))
		_ = os.Remove(filepath.Join(w.dir, prefix+".db"))
	}
	target, err := collection.New(c.Collections[name])
	if err == nil {
		err = w.fill(ctx, target, n, 1000)
	}
	if err != nil {
		drop()
		return "", nil, nil, err
	}
	return prefix, func() error {
		_, err := controlplane.Publish(ctx, w.conn, c, o)
		return err
	}, drop, nil
}

func loadCatalog(text string) (*catalog.Catalog, error) {
	dir, err := os.MkdirTemp("", "weir-bench-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "flow.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		return nil, err
	}
	return catalog.Load(path)
}

// fill appends the documents through the journal: the next batch is sent
// while the last one commits, as the transaction loop does it.
func (w *weirRows) fill(ctx context.Context, target *collection.Collection, n, size int) error {
	subjects := make([]string, len(w.orders.made))
	prefix := "weir.doc." + collection.EncodeToken(target.Name)
	for i := range w.orders.made {
		subjects[i] = prefix + w.orders.made[i].tail[len(".doc"):]
	}
	a := appender{conn: w.conn, stream: target.StreamName(), marker: collection.TxnSubject(target.Name, "bench", "0-1")}
	defer a.wait.Wait()
	for i := range n {
		d := w.orders.at(i)
		if err := a.add(subjects[i%len(subjects)], d.json); err != nil {
			return err
		}
		if a.batch.Len() == size-1 || i == n-1 {
			if err := a.commit(ctx); err != nil {
				return err
			}
		}
	}
	return a.settle()
}

// appender writes fenced batches through the journal, one commit in flight.
type appender struct {
	conn   *journal.Conn
	stream string
	marker string
	batch  *journal.Batch
	seq    uint64
	wait   sync.WaitGroup
	flight chan error
}

func (a *appender) add(subject string, data []byte) error {
	if a.batch == nil {
		a.batch = a.conn.NewBatch(a.stream)
	}
	return a.batch.Add(journal.Outgoing{Subject: subject, Data: data})
}

func (a *appender) settle() error {
	if a.flight == nil {
		return nil
	}
	err := <-a.flight
	a.flight = nil
	return err
}

func (a *appender) commit(ctx context.Context) error {
	if err := a.settle(); err != nil {
		return err
	}
	batch, flight := a.batch, make(chan error, 1)
	a.batch, a.flight = nil, flight
	a.wait.Add(1)
	go func() {
		defer a.wait.Done()
		seq := a.seq
		ack, err := batch.Commit(ctx, journal.Outgoing{Subject: a.marker, Data: []byte(`{}`), Expect: &seq}, func(m *journal.Message) bool { return m.Seq > seq })
		a.seq = ack.Last
		flight <- err
	}()
	return nil
}

func (w *weirRows) runAppend(ctx context.Context, m *meter, size int) (sample, error) {
	prefix, _, drop, err := w.prepare(ctx, source, 0)
	if err != nil {
		return sample{}, err
	}
	defer drop()
	c, err := loadCatalog(fmt.Sprintf(source, prefix))
	if err != nil {
		return sample{}, err
	}
	target, err := collection.New(c.Collections[prefix+"/orders"])
	if err != nil {
		return sample{}, err
	}
	own := *m
	own.Workers = nil
	return own.measure(m.Documents, func() error { return w.fill(ctx, target, m.Documents, size) })
}

func (w *weirRows) runRead(ctx context.Context, m *meter) (sample, error) {
	prefix, _, drop, err := w.prepare(ctx, source, m.Documents)
	if err != nil {
		return sample{}, err
	}
	defer drop()
	name := prefix + "/orders"
	own := *m
	own.Workers = nil
	return own.measure(m.Documents, func() error {
		r, err := w.conn.NewReader(ctx, journal.ReaderConfig{Stream: collection.StreamName(name), Filter: collection.DocFilter(name), Name: "bench"})
		if err != nil {
			return err
		}
		defer r.Close()
		for range m.Documents {
			if _, err := r.Next(ctx); err != nil {
				return err
			}
		}
		return nil
	})
}

// runTask measures a task from its publication until it has committed the
// last document of its source.
func (w *weirRows) runTask(ctx context.Context, m *meter, text, kind, task string) (s sample, wrote written, err error) {
	prefix, publish, drop, err := w.prepare(ctx, text, m.Documents)
	if err != nil {
		return s, wrote, err
	}
	defer drop()
	name := prefix + "/orders"
	last, err := w.conn.Last(ctx, collection.StreamName(name), collection.DocFilter(name))
	if err != nil {
		return s, wrote, err
	}
	own := *m
	own.Workers = []int{w.worker.pid()}
	s, err = own.measure(m.Documents, func() (err error) {
		if err := publish(); err != nil {
			return err
		}
		wrote, err = w.worker.await(kind, prefix+"/"+task, name, last.Seq)
		return err
	})
	return s, wrote, err
}

// runLatency publishes orders at a steady rate, with their keys, as a client
// does, and takes the time until the derived document is read.
func (w *weirRows) runLatency(ctx context.Context, m *meter) (sample, error) {
	prefix, publish, drop, err := w.prepare(ctx, derivedJS, 1)
	if err != nil {
		return sample{}, err
	}
	defer drop()
	name := prefix + "/derived"
	if err := publish(); err != nil {
		return sample{}, err
	}
	if _, err := w.worker.await("derivation", name, prefix+"/orders", 1); err != nil {
		return sample{}, err
	}
	r, err := w.conn.NewReader(ctx, journal.ReaderConfig{Stream: collection.StreamName(name), Filter: collection.DocFilter(name), Name: "bench"})
	if err != nil {
		return sample{}, err
	}
	defer r.Close()
	if w.orders.at(0).paid {
		if _, err := r.Next(ctx); err != nil {
			return sample{}, err
		}
	}
	var paid []*order
	for i := range w.orders.made {
		if o := &w.orders.made[i]; o.paid {
			paid = append(paid, o)
		}
	}
	own := *m
	own.Workers = []int{w.worker.pid()}
	n := 0
	return own.paced(ctx, func(int) error {
		d := paid[n%len(paid)]
		n++
		_, err := w.conn.Publish(ctx, journal.Outgoing{Subject: collection.PubSubject(prefix+"/orders", d.id), Data: d.json})
		return err
	}, func() error {
		_, err := r.Next(ctx)
		return err
	})
}

// fallbacks counts the schema locations of the bench's and the examples'
// collections that are not lowered.
func fallbacks(paths ...string) (int, error) {
	n := 0
	var errs error
	count := func(c *catalog.Catalog) {
		for _, spec := range c.Collections {
			s, err := schema.Compile(spec.Schema)
			errs = errors.Join(errs, err)
			if err == nil {
				n += len(s.Fallbacks())
			}
		}
	}
	for _, text := range []string{derivedJS, derivedCopy, derivedReduced} {
		c, err := loadCatalog(fmt.Sprintf(text, "bench"))
		if err != nil {
			return 0, err
		}
		count(c)
	}
	for _, path := range paths {
		c, err := catalog.Load(path)
		if err != nil {
			return 0, err
		}
		count(c)
	}
	return n, errs
}
