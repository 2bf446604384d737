package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"weir/collection"
	"weir/internal/weirtest"
	"weir/journal"
	"weir/journal/server"
	"weir/worker"
)

var (
	killDocuments = flag.Int("weir.documents", 10_000, "documents of the kill test")
	killTimes     = flag.Int("weir.kills", 3, "kills of the kill test while documents come in")
	killSeed      = flag.Uint64("weir.seed", 0, "what the kill test draws its points from; 0 draws one")
)

// entries is the flow of the crash tests and beside it a collection whose
// output keys are unique, whatever the source holds: each of its messages must
// belong to one message of the source. It has a destination of its own.
var entries = map[string]string{
	"all.yaml": `
import: [flow.yaml]
collections:
  acmeCo/entries:
    key: [/seq]
    schema:
      type: object
      required: [seq, id, amount]
      properties:
        seq: {type: integer}
        id: {type: string}
        amount: {type: integer}
    derive:
      using: {javascript: {module: entries.js}}
      transforms:
        - name: fromOrders
          source: acmeCo/orders
          shuffle: any
materializations:
  acmeCo/entries-db:
    endpoint: {sqlite: {path: entries.db}}
    bindings:
      - {source: acmeCo/entries, resource: {table: entries}}
`,
	"entries.js": `
export function fromOrders({ doc, meta }) {
  return { seq: meta.seq, id: doc.id, amount: doc.amount };
}`,
}

// TestKillEverything kills `weir up` as a whole, server and worker, again and
// again while documents with unique ids come in, by key and without one, and
// starts it on the same data directory. Publishers publish again what was not
// acknowledged. In the end everything acknowledged is there, and everything
// derived and every SQLite table equals a single pass over what the source
// collection then holds.
func TestKillEverything(t *testing.T) {
	if testing.Short() {
		t.Skip("builds weir and kills it")
	}
	seed := *killSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("again with -weir.seed %d -weir.documents %d -weir.kills %d", seed, *killDocuments, *killTimes)
	random := rand.New(rand.NewPCG(seed, 0))
	files := maps.Clone(weirtest.Flow)
	maps.Copy(files, entries)
	path, data := filepath.Join(weirtest.Files(t, files), "all.yaml"), t.TempDir()
	binary := weirBinary(t)
	up := func() *upProcess { return launch(t, binary, "up", path, "--port", "0", "--data", data) }

	pool := newPublishers(*killDocuments, weirtest.Orders, mixedWays()...)
	began, starting := time.Now(), 0
	for kill := range *killTimes {
		if kill > 0 && random.IntN(3) == 0 { // it may be killed before it is ready, too
			p := up()
			p.killAfter(t, time.Duration(random.IntN(500))*time.Millisecond)
			starting++
		}
		p := up()
		at := (kill*100 + random.IntN(100)) * *killDocuments / (*killTimes * 100)
		pool.run(t, p, at, time.Duration(random.IntN(40))*time.Millisecond)
	}
	p := up()
	pool.run(t, p, -1, 0)
	published := time.Since(began)
	conn := p.connect(t)
	defer conn.Close()
	awaitFlow(t, conn, flowReads, 3*weirtest.Patience)
	t.Logf("%d documents acknowledged, %d times published again; killed %d times while they came in and %d times while it started; published in %s, processed in %s",
		pool.acked, pool.again, *killTimes, starting, published.Round(time.Millisecond), time.Since(began).Round(time.Millisecond))
	weirtest.CheckFlow(t, conn, weirtest.Load(t, path), filepath.Join(data, "out.db"), *killDocuments, true)
	checkEntries(t, conn, filepath.Join(data, "entries.db"))
	conn.Close()
	p.stop(t)
}

// weirBinary gives the weir binary.
func weirBinary(t *testing.T) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "weir")
	if out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return binary
}

// checkEntries compares the collection with unique output keys, message by
// message, and its table with the source.
func checkEntries(t *testing.T, conn *journal.Conn, db string) {
	t.Helper()
	want := map[string]string{}
	for _, m := range weirtest.Documents(t, conn, "acmeCo/orders") {
		var order struct {
			ID     string `json:"id"`
			Amount int    `json:"amount"`
		}
		if err := json.Unmarshal(m.Data, &order); err != nil {
			t.Fatal(err)
		}
		want[fmt.Sprint(m.Seq)] = fmt.Sprintf("%s %d", order.ID, order.Amount)
	}
	got, messages := map[string]string{}, weirtest.Documents(t, conn, "acmeCo/entries")
	for _, m := range messages {
		var e struct {
			Seq    uint64 `json:"seq"`
			ID     string `json:"id"`
			Amount int    `json:"amount"`
		}
		if err := json.Unmarshal(m.Data, &e); err != nil {
			t.Fatal(err)
		}
		got[fmt.Sprint(e.Seq)] = fmt.Sprintf("%s %d", e.ID, e.Amount)
	}
	if len(messages) != len(want) {
		t.Errorf("entries holds %d messages for %d of the source", len(messages), len(want))
	}
	t.Logf("entries: %d messages", len(messages))
	weirtest.Same(t, "entries", got, want)
	weirtest.Same(t, "table entries", weirtest.Rows(t, db, `select cast(seq as text), id||' '||amount from entries`), want)
}

// upProcess is a process of the weir binary.
type upProcess struct {
	cmd    *exec.Cmd
	ready  chan string   // its URL, once it says so
	ended  chan struct{} // closed when the process is gone
	err    error         // how it ended
	stderr bytes.Buffer
}

func launch(t *testing.T, binary string, args ...string) *upProcess {
	t.Helper()
	p := &upProcess{cmd: exec.Command(binary, withoutPages(args)...), ready: make(chan string, 1), ended: make(chan struct{})}
	p.cmd.Stderr = &p.stderr
	out, err := p.cmd.StdoutPipe()
	if err == nil {
		err = p.cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	go func() { // kill and stop wait for it
		defer close(p.ended)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if url, ok := strings.CutPrefix(lines.Text(), "ready "); ok {
				p.ready <- url
			}
		}
		p.err = p.cmd.Wait()
	}()
	t.Cleanup(p.kill)
	return p
}

// kill ends the process with SIGKILL. It may be gone already.
func (p *upProcess) kill() {
	_ = p.cmd.Process.Kill()
	<-p.ended
}

// killAfter kills the process after a while. It fails the test when the
// process ends before, by itself.
func (p *upProcess) killAfter(t *testing.T, life time.Duration) {
	t.Helper()
	timer := time.NewTimer(life)
	defer timer.Stop()
	select {
	case <-timer.C:
		p.kill()
	case <-p.ended:
		t.Fatalf("weir up ended by itself: %v\n%s", p.err, p.stderr.String())
	}
}

// stop ends the process as Ctrl-C does.
func (p *upProcess) stop(t *testing.T) {
	t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	select {
	case <-p.ended:
	case <-time.After(weirtest.Patience):
		t.Fatal("weir up does not stop")
	}
	if p.err != nil {
		t.Errorf("weir up stopped with %v\n%s", p.err, p.stderr.String())
	}
}

// connect waits until the process is ready.
func (p *upProcess) connect(t *testing.T) *journal.Conn {
	t.Helper()
	select {
	case url := <-p.ready:
		p.ready <- url // for the next one who asks
		conn, err := journal.Connect(weirtest.Context(t), journal.Options{Plain: true, URL: url, Name: t.Name(), MaxBatch: server.MaxBatch})
		if err != nil {
			t.Fatal(err)
		}
		return conn
	case <-p.ended:
		t.Fatalf("weir up ended before it was ready: %v\n%s", p.err, p.stderr.String())
	case <-time.After(weirtest.Patience):
		_ = p.cmd.Process.Signal(syscall.SIGQUIT) // its goroutines tell where it waits
		<-p.ended
		t.Fatalf("weir up does not become ready\n%s", p.stderr.String())
	}
	return nil
}

// A span of documents is published in one way.
type span struct {
	first, n int
	way      way
}

const spanLength = 100

// publishers publish the documents of a test from several goroutines. What
// was not acknowledged goes back to the open spans.
type publishers struct {
	documents func(first, n int) []string

	mu    sync.Mutex
	open  []span
	acked int
	again int // documents that were on their way without an answer

	killAt int           // documents acknowledged
	due    chan struct{} // closed when there are so many
}

// A way publishes documents, and says how many of them were acknowledged.
type way func(ctx context.Context, conn *journal.Conn, documents []string) (acknowledged int, err error)

// mixedWays publishes most documents in batches under their keys, some singly
// under their keys and some singly without one.
func mixedWays() []way {
	ways := slices.Repeat([]way{inOneBatch}, 20)
	ways[3], ways[7], ways[14] = singly(true), singly(false), singly(true)
	return ways
}

// newPublishers cuts documents into spans, which take turns in the ways.
func newPublishers(documents int, made func(first, n int) []string, ways ...way) *publishers {
	p := &publishers{documents: made}
	for first := 0; first < documents; first += spanLength {
		p.open = append(p.open, span{first, min(spanLength, documents-first), ways[len(p.open)%len(ways)]})
	}
	return p
}

// run publishes through a process until everything is acknowledged. With
// killAt it kills the process a while after so many documents were
// acknowledged, and comes back when the publishers have noticed.
func (p *publishers) run(t *testing.T, to *upProcess, killAt int, after time.Duration) {
	t.Helper()
	conn := to.connect(t)
	defer conn.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	p.killAt, p.due = killAt, make(chan struct{})
	p.acknowledge(0)
	failed := make(chan error, 8)
	for range cap(failed) {
		go func() { failed <- p.publish(ctx, conn) }()
	}
	if killAt >= 0 {
		<-p.due
		to.killAfter(t, after)
		cancel() // whatever waits for an answer now waits in vain
	}
	for range cap(failed) {
		if err := <-failed; err != nil && ctx.Err() == nil {
			t.Error(err)
		}
	}
	if killAt < 0 && len(p.open) > 0 {
		t.Fatalf("%d spans were not published", len(p.open))
	}
}

// publish is one publisher.
func (p *publishers) publish(ctx context.Context, conn *journal.Conn) error {
	for ctx.Err() == nil {
		s, ok := p.take()
		if !ok {
			return nil
		}
		n, err := s.way(ctx, conn, p.documents(s.first, s.n))
		s.first, s.n = s.first+n, s.n-n
		p.acknowledge(n)
		if err != nil {
			p.giveBack(s)
			return err
		}
	}
	return ctx.Err()
}

func (p *publishers) take() (span, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.open) == 0 {
		return span{}, false
	}
	s := p.open[0]
	p.open = p.open[1:]
	return s, true
}

func (p *publishers) giveBack(s span) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.open = append(p.open, s)
	p.again += s.n
}

func (p *publishers) acknowledge(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.acked += n
	if p.killAt >= 0 && p.acked >= p.killAt {
		close(p.due)
		p.killAt = -1
	}
}

func keyed(order string) (journal.Outgoing, error) {
	var o struct {
		ID string `json:"id"`
	}
	err := json.Unmarshal([]byte(order), &o)
	return journal.Outgoing{Subject: collection.PubSubject("acmeCo/orders", o.ID), Data: []byte(order)}, err
}

// inOneBatch publishes under the documents' keys, all of them or none.
func inOneBatch(ctx context.Context, conn *journal.Conn, orders []string) (int, error) {
	b := conn.NewBatch(collection.StreamName("acmeCo/orders"))
	for i, o := range orders {
		m, err := keyed(o)
		if err == nil && i < len(orders)-1 {
			err = b.Add(m)
		} else if err == nil {
			_, err = b.Commit(ctx, m, nil)
		}
		if err != nil {
			return 0, err
		}
	}
	return len(orders), nil
}

// singly publishes one document after the other.
func singly(withKey bool) way {
	return func(ctx context.Context, conn *journal.Conn, orders []string) (int, error) {
		for i, o := range orders {
			m, err := keyed(o)
			if !withKey {
				m.Subject = collection.PubSubject("acmeCo/orders")
			}
			if err == nil {
				_, err = conn.Publish(ctx, m)
			}
			if err != nil {
				return i, err
			}
		}
		return len(orders), nil
	}
}

// flowReads says what the tasks of the test's flow read.
var flowReads = map[string][]string{
	worker.KindDerivation + " acmeCo/numbered":        {"acmeCo/orders"},
	worker.KindDerivation + " acmeCo/counted":         {"acmeCo/orders"},
	worker.KindDerivation + " acmeCo/totals":          {"acmeCo/orders"},
	worker.KindDerivation + " acmeCo/entries":         {"acmeCo/orders"},
	worker.KindMaterialization + " acmeCo/db":         {"acmeCo/numbered", "acmeCo/totals"},
	worker.KindMaterialization + " acmeCo/entries-db": {"acmeCo/entries"},
}

// awaitFlow waits until the worker of another process has processed
// everything: first the inbox, so that the source grows no more, then the
// derivations, then what reads them.
func awaitFlow(t *testing.T, conn *journal.Conn, reads map[string][]string, patience time.Duration) {
	t.Helper()
	ask := time.NewTicker(50 * time.Millisecond)
	defer ask.Stop()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	for {
		empty := weirtest.InboxEmpty(t, conn)
		all, err := worker.ReadStatus(weirtest.Context(t), conn)
		if err != nil {
			t.Fatal(err)
		}
		if empty && flowThrough(t, conn, reads, all) {
			return
		}
		select {
		case <-ask.C:
		case <-deadline.C:
			t.Fatalf("not processed in time: %+v", all)
		}
	}
}

// flowThrough says whether every task's position is at the end of what it
// reads. Derivations are looked at first: the status was read before the ends
// are, so a task that is through has nothing more to write.
func flowThrough(t *testing.T, conn *journal.Conn, reads map[string][]string, all []worker.Status) bool {
	t.Helper()
	tasks := 0
	for _, s := range all {
		sources, ok := reads[s.Kind+" "+s.Task]
		if !ok {
			continue
		}
		tasks++
		for _, source := range sources {
			if weirtest.PositionOf(s, source) < weirtest.LastSeq(t, conn, source) {
				return false
			}
		}
	}
	return tasks == len(reads)
}
