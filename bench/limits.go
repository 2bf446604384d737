package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// The limit rows: what one server can do with Weir's ways of writing and
// reading when nothing happens in between. This file knows nothing of Weir, so
// no mistake of Weir's can lower the limits that it is measured against.

const (
	// readAhead is how many messages a pull consumer asks for at once; the
	// rate does not grow beyond a few thousand.
	readAhead = 4000
	// answerTimeout bounds each wait for the server. Only a broken setup gets there.
	answerTimeout = 20 * time.Second
	// partitions is how many first tokens the documents' subjects have.
	partitions = 16
)

// limits holds what the limit rows share: a connection and the documents.
type limits struct {
	nc     *nats.Conn
	js     jetstream.JetStream
	orders *orders
	made   int // streams so far, for names that never meet
}

func newLimits(url string, o *orders) (*limits, error) {
	nc, err := nats.Connect(url, nats.Name("weir bench limits"))
	if err != nil {
		return nil, fmt.Errorf("connect %s: %w", url, err)
	}
	js, err := jetstream.New(nc, jetstream.WithPublishAsyncMaxPending(readAhead))
	if err != nil {
		return nil, fmt.Errorf("jetstream: %w", err)
	}
	return &limits{nc: nc, js: js, orders: o}, nil
}

func (l *limits) close() { l.nc.Close() }

// rows lists the limits. Batches are sizes with their marker included, so that
// 1000 is what a server allows unless it is told otherwise.
func (l *limits) rows(batches []int) []row {
	var rows []row
	for _, size := range batches {
		rows = append(rows,
			row{Name: limitName("append", size),
				Run: func(ctx context.Context, m *meter) (sample, error) { return l.runAppend(ctx, m, size) }},
			row{Name: limitName("pipe", size),
				Run: func(ctx context.Context, m *meter) (sample, error) { return l.runPipe(ctx, m, size) }},
		)
	}
	return append(rows,
		row{Name: limitName("append", httpClients), Run: func(ctx context.Context, m *meter) (sample, error) {
			some := *m
			some.Documents = max(m.Documents/4, 1)
			return l.runAppend(ctx, &some, httpClients)
		}},
		row{Name: limitCommit, Run: l.runCommit},
		row{Name: limitRead, Run: l.runRead},
		row{Name: limitPublish, Run: l.runPublish},
		row{Name: limitLatency, Run: l.runLatency},
	)
}

// runAppend writes the documents in atomic batches, one writer, each batch
// fenced by the marker of the one before.
func (l *limits) runAppend(ctx context.Context, m *meter, size int) (sample, error) {
	out, drop, err := l.stream(ctx)
	if err != nil {
		return sample{}, err
	}
	defer drop()
	return m.measure(m.Documents, func() error { return l.fill(out, m.Documents, size) })
}

// runRead reads the documents with one pull consumer and one filter.
func (l *limits) runRead(ctx context.Context, m *meter) (sample, error) {
	in, drop, err := l.filled(ctx, m.Documents)
	if err != nil {
		return sample{}, err
	}
	defer drop()
	messages, err := l.read(ctx, in)
	if err != nil {
		return sample{}, err
	}
	defer messages.Stop()
	return m.measure(m.Documents, func() error {
		for range m.Documents {
			if _, err := messages.Next(jetstream.NextMaxWait(answerTimeout)); err != nil {
				return fmt.Errorf("read: %w", err)
			}
		}
		return nil
	})
}

// runPipe reads and writes with nothing in between: the limit of every
// derivation. The next batch is staged while the last one commits.
func (l *limits) runPipe(ctx context.Context, m *meter, size int) (sample, error) {
	in, dropIn, err := l.filled(ctx, m.Documents)
	if err != nil {
		return sample{}, err
	}
	defer dropIn()
	out, dropOut, err := l.stream(ctx)
	if err != nil {
		return sample{}, err
	}
	defer dropOut()
	messages, err := l.read(ctx, in)
	if err != nil {
		return sample{}, err
	}
	defer messages.Stop()
	return m.measure(m.Documents, func() error {
		w := newWriter(l.nc, out)
		for n := range m.Documents {
			msg, err := messages.Next(jetstream.NextMaxWait(answerTimeout))
			if err != nil {
				return errors.Join(fmt.Errorf("read: %w", err), w.wait())
			}
			if err := w.add(out+msg.Subject()[len(in):], msg.Data()); err != nil {
				return errors.Join(err, w.wait())
			}
			if w.staged == size-1 || n == m.Documents-1 {
				if err := w.commit(); err != nil {
					return err
				}
			}
		}
		return w.wait()
	})
}

// runPublish is what clients get that publish document by document and let
// many be on their way. A twentieth of the documents is enough to see it.
func (l *limits) runPublish(ctx context.Context, m *meter) (sample, error) {
	out, drop, err := l.stream(ctx)
	if err != nil {
		return sample{}, err
	}
	defer drop()
	n := max(m.Documents/20, 1)
	return m.measure(n, func() error {
		for i := range n {
			d := l.orders.at(i)
			if _, err := l.js.PublishAsync(out+d.tail, d.json, jetstream.WithStallWait(answerTimeout)); err != nil {
				return fmt.Errorf("publish: %w", err)
			}
		}
		select {
		case <-l.js.PublishAsyncComplete():
			return nil
		case <-time.After(answerTimeout):
			return fmt.Errorf("publish: %d documents still without an answer after %s", l.js.PublishAsyncPending(), answerTimeout)
		}
	})
}

// runLatency publishes at a steady rate, pipes each document through a batch
// of one and its marker, and takes the time until the output is read.
func (l *limits) runLatency(ctx context.Context, m *meter) (sample, error) {
	in, dropIn, err := l.stream(ctx)
	if err != nil {
		return sample{}, err
	}
	defer dropIn()
	out, dropOut, err := l.stream(ctx)
	if err != nil {
		return sample{}, err
	}
	defer dropOut()
	source, err := l.read(ctx, in)
	if err != nil {
		return sample{}, err
	}
	results, err := l.read(ctx, out)
	if err != nil {
		return sample{}, err
	}
	defer results.Stop()
	piped := make(chan error, 1) // ended by source.Stop below
	go func() { piped <- l.pipeEach(source, in, out) }()

	s, err := m.paced(ctx, func(i int) error {
		d := l.orders.at(i)
		return l.nc.Publish(in+d.tail, d.json)
	}, func() error {
		_, err := results.Next(jetstream.NextMaxWait(answerTimeout))
		return err
	})
	source.Stop()
	return s, errors.Join(err, <-piped)
}

// runCommit writes single documents at a steady rate, each in a batch with its
// marker, and takes the time until that is answered.
func (l *limits) runCommit(ctx context.Context, m *meter) (sample, error) {
	out, drop, err := l.stream(ctx)
	if err != nil {
		return sample{}, err
	}
	defer drop()
	w := newWriter(l.nc, out)
	return m.paced(ctx, func(i int) error {
		d := l.orders.at(i)
		return errors.Join(w.add(out+d.tail, d.json), w.commit())
	}, w.wait)
}

// pipeEach moves one document a batch until source is stopped.
func (l *limits) pipeEach(source jetstream.MessagesContext, in, out string) error {
	w := newWriter(l.nc, out)
	for {
		msg, err := source.Next()
		if errors.Is(err, jetstream.ErrMsgIteratorClosed) {
			return w.wait()
		}
		if err != nil {
			return fmt.Errorf("read: %w", err)
		}
		if err := errors.Join(w.add(out+msg.Subject()[len(in):], msg.Data()), w.commit()); err != nil {
			return err
		}
	}
}

// stream makes an empty stream on subjects below its own name, and returns
// the name and what removes it.
func (l *limits) stream(ctx context.Context) (name string, drop func(), err error) {
	l.made++
	name = "limit" + strconv.Itoa(l.made)
	_, err = l.js.CreateStream(ctx, jetstream.StreamConfig{
		Name: name, Subjects: []string{name + ".>"}, Storage: jetstream.FileStorage,
		Replicas: 1, AllowDirect: true, AllowAtomicPublish: true,
	})
	if err != nil {
		return "", nil, fmt.Errorf("create stream %s: %w", name, err)
	}
	return name, func() { _ = l.js.DeleteStream(context.WithoutCancel(ctx), name) }, nil
}

// filled is a stream that holds n documents.
func (l *limits) filled(ctx context.Context, n int) (name string, drop func(), err error) {
	name, drop, err = l.stream(ctx)
	if err != nil {
		return "", nil, err
	}
	if err := l.fill(name, n, 1000); err != nil {
		drop()
		return "", nil, fmt.Errorf("fill %s: %w", name, err)
	}
	return name, drop, nil
}

func (l *limits) fill(name string, n, size int) error {
	w := newWriter(l.nc, name)
	for i := range n {
		d := l.orders.at(i)
		if err := w.add(name+d.tail, d.json); err != nil {
			return errors.Join(err, w.wait())
		}
		if w.staged == size-1 || i == n-1 {
			if err := w.commit(); err != nil {
				return err
			}
		}
	}
	return w.wait()
}

// read opens a consumer on the documents of a stream, from the first one on.
func (l *limits) read(ctx context.Context, name string) (jetstream.MessagesContext, error) {
	c, err := l.js.CreateConsumer(ctx, name, jetstream.ConsumerConfig{
		AckPolicy: jetstream.AckNonePolicy, FilterSubject: name + ".doc.>", MemoryStorage: true, Replicas: 1,
	})
	if err != nil {
		return nil, fmt.Errorf("create consumer on %s: %w", name, err)
	}
	messages, err := c.Messages(jetstream.PullMaxMessages(readAhead), jetstream.PullThresholdMessages(readAhead/2))
	if err != nil {
		return nil, fmt.Errorf("consume %s: %w", name, err)
	}
	return messages, nil
}

// writer writes fenced atomic batches to one stream: it stages a batch while
// the one before commits, and has one commit in flight at most.
type writer struct {
	nc     *nats.Conn
	name   string
	prefix string     // of batch ids
	batch  int        // number of the batch being staged
	staged int        // documents in it
	flight chan error // receives the outcome of the commit in flight; nil when there is none
	marker uint64     // sequence of the last marker; owned by the commit in flight
}

func newWriter(nc *nats.Conn, name string) *writer {
	return &writer{nc: nc, name: name, prefix: nats.NewInbox()[len("_INBOX."):] + "-"}
}

func markerSubject(name string) string { return name + ".txn.0" }

func (w *writer) header() nats.Header {
	return nats.Header{
		"Nats-Batch-Id":       {w.prefix + strconv.Itoa(w.batch)},
		"Nats-Batch-Sequence": {strconv.Itoa(w.staged + 1)},
	}
}

// add stages a document; the server answers at the commit only.
func (w *writer) add(subject string, data []byte) error {
	err := w.nc.PublishMsg(&nats.Msg{Subject: subject, Data: data, Header: w.header()})
	if err != nil {
		return fmt.Errorf("stage: %w", err)
	}
	w.staged++
	return nil
}

// commit waits for the commit before, then sends this one on its way.
func (w *writer) commit() error {
	if err := w.wait(); err != nil {
		return err
	}
	marker := &nats.Msg{Subject: markerSubject(w.name), Data: []byte(`{"txn":` + strconv.Itoa(w.batch) + `}`), Header: w.header()}
	marker.Header["Nats-Batch-Commit"] = []string{"1"}
	marker.Header["Nats-Expected-Last-Subject-Sequence"] = []string{strconv.FormatUint(w.marker, 10)}
	w.batch++
	w.staged = 0
	flight := make(chan error, 1)
	w.flight = flight
	go func() { // waited for by wait
		sequence, err := request(w.nc, marker)
		w.marker = sequence
		flight <- err
	}()
	return nil
}

// wait returns when no commit is in flight.
func (w *writer) wait() error {
	if w.flight == nil {
		return nil
	}
	err := <-w.flight
	w.flight = nil
	return err
}

// request sends a message and returns the sequence that the stream gave it.
func request(nc *nats.Conn, m *nats.Msg) (uint64, error) {
	answer, err := nc.RequestMsg(m, answerTimeout)
	if err != nil {
		return 0, fmt.Errorf("commit: %w", err)
	}
	var ack struct {
		Seq   uint64          `json:"seq"`
		Error json.RawMessage `json:"error"`
	}
	if err := json.Unmarshal(answer.Data, &ack); err != nil {
		return 0, fmt.Errorf("commit: answer %q: %w", answer.Data, err)
	}
	if ack.Error != nil {
		return 0, fmt.Errorf("commit: %s", ack.Error)
	}
	return ack.Seq, nil
}
