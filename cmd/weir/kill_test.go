package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"weir/internal/weirtest"
	"weir/journal"
	"weir/journal/server"
	"weir/worker"
)

var (
	killDocuments = flag.Int("weir.documents", 12_000, "documents of the kill test")
	killTimes     = flag.Int("weir.kills", 3, "kills of the kill test")
)

// TestKillEverything kills `weir up` as a whole, server and worker, again and
// again while documents with unique ids come in, by key and without one, and
// starts it on the same data directory. Publishers publish again what was not
// acknowledged. In the end everything derived, and every SQLite table, equals
// a single pass over what the source collection then holds.
func TestKillEverything(t *testing.T) {
	if testing.Short() {
		t.Skip("builds weir and kills it")
	}
	binary := filepath.Join(t.TempDir(), "weir")
	if out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	path, data := weirtest.Files(t, weirtest.Flow), t.TempDir()
	began, killed, next := time.Now(), 0, 0
	for next < *killDocuments {
		p := startUp(t, binary, path, data)
		last := killed == *killTimes
		var life time.Duration
		if !last {
			life = time.Duration(50+rand.IntN(250)) * time.Millisecond * time.Duration(max(1, *killDocuments / *killTimes / 8000))
		}
		next = p.publish(t, next, *killDocuments, life)
		if last && next < *killDocuments {
			t.Fatalf("published %d of %d", next, *killDocuments)
		}
		p.kill()
		killed++
	}
	p := startUp(t, binary, path, data)
	conn := p.connect(t)
	defer conn.Close()
	awaitFlow(t, conn)
	weirtest.CheckFlow(t, conn, weirtest.Load(t, path), filepath.Join(data, "out.db"), *killDocuments, true)
	t.Logf("%d documents, killed %d times, %s", *killDocuments, killed, time.Since(began).Round(time.Millisecond))
}

// upProcess is a `weir up` that is ready.
type upProcess struct {
	cmd *exec.Cmd
	url string
}

func startUp(t *testing.T, binary, catalog, data string) *upProcess {
	t.Helper()
	p := &upProcess{cmd: exec.Command(binary, "up", catalog, "--port", "0", "--data", data)}
	p.cmd.Stderr = os.Stderr
	out, err := p.cmd.StdoutPipe()
	if err == nil {
		err = p.cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.kill)
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if url, ok := strings.CutPrefix(lines.Text(), "ready "); ok {
			p.url = url
			return p
		}
	}
	t.Fatalf("weir up ended before it was ready: %v", p.cmd.Wait())
	return nil
}

// kill ends the process with SIGKILL. It may be gone already.
func (p *upProcess) kill() {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
}

func (p *upProcess) connect(t *testing.T) *journal.Conn {
	t.Helper()
	conn, err := journal.Connect(weirtest.Context(t), journal.Options{Plain: true, URL: p.url, Name: t.Name(), MaxBatch: server.MaxBatch})
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

// publish publishes orders from next on, until all are acknowledged or the
// process was killed after its life, and says how many are acknowledged. Most
// go in batches as `weir ingest` makes them, some singly and without a key.
func (p *upProcess) publish(t *testing.T, next, all int, life time.Duration) int {
	t.Helper()
	ctx, cancel := context.WithCancel(weirtest.Context(t))
	defer cancel()
	conn := p.connect(t)
	defer conn.Close()
	if life > 0 {
		killer := time.AfterFunc(life, func() {
			_ = p.cmd.Process.Kill()
			cancel() // whatever waits for an answer now waits in vain
		})
		defer killer.Stop()
	}
	spec := weirtest.Load(t, weirtest.Files(t, weirtest.Flow)).Collections["acmeCo/orders"]
	for next < all && ctx.Err() == nil {
		n := min(500, all-next)
		orders := weirtest.Orders(next, n)
		err := weirtest.Pour(ctx, conn, spec, orders[:max(n-5, 0)])
		for _, o := range orders[max(n-5, 0):] {
			if err == nil {
				_, err = conn.Publish(ctx, journal.Outgoing{Subject: "weir.pub.acmeCo/orders", Data: []byte(o)})
			}
		}
		if err != nil {
			if ctx.Err() == nil && !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
			return next
		}
		next += n
	}
	return next
}

// awaitFlow waits until the worker of another process has processed
// everything.
func awaitFlow(t *testing.T, conn *journal.Conn) {
	t.Helper()
	ask := time.NewTicker(50 * time.Millisecond)
	defer ask.Stop()
	deadline := time.NewTimer(3 * weirtest.Patience)
	defer deadline.Stop()
	reads := map[string][]string{
		worker.KindDerivation + " acmeCo/numbered": {"acmeCo/orders"},
		worker.KindDerivation + " acmeCo/totals":   {"acmeCo/orders"},
		worker.KindMaterialization + " acmeCo/db":  {"acmeCo/numbered", "acmeCo/totals"},
	}
	for {
		done := weirtest.InboxEmpty(t, conn)
		all, err := worker.ReadStatus(weirtest.Context(t), conn)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range all {
			for _, source := range reads[s.Kind+" "+s.Task] {
				done = done && weirtest.PositionOf(s, source) >= weirtest.LastSeq(t, conn, source)
			}
		}
		if done && len(all) == len(reads)+1 {
			return
		}
		select {
		case <-ask.C:
		case <-deadline.C:
			t.Fatalf("not processed in time: %+v", all)
		}
	}
}
