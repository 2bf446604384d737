package tasklog_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"weir/internal/weirtest"
	"weir/tasklog"
)

func TestLinesComeBackAsTheyWereLogged(t *testing.T) {
	s := weirtest.Server(t)
	conn := weirtest.Connect(t, s)
	w := tasklog.NewWriter(conn)
	ctx := weirtest.Context(t)
	if before, err := tasklog.Read(ctx, conn, tasklog.Query{}); err != nil || before != nil {
		t.Fatalf("before anything was logged: %v, %v", before, err)
	}
	log := zap.New(w.Core("derivation", "acmeCo/a.b", "0-1")).With(zap.Int("txn", 7))
	log.Debug("not kept")
	log.Info("first", zap.Duration("wait", 1500*time.Millisecond), zap.Uint64("seq", 1<<63))
	log.Named("console").Warn("second", zap.Error(errors.New("the cause")), zap.String("task", "another"))
	log.Error(strings.Repeat("é", 9000))
	zap.New(w.Core("inbox", "acmeCo/a.b", "0-1")).Info("the inbox's")
	w.Close(ctx)

	all, err := tasklog.Read(ctx, conn, tasklog.Query{Task: "acmeCo/a.b", Kind: "derivation"})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) != 3 {
		t.Fatalf("%d lines: %v", len(all), all)
	}
	first := all[0]
	if first.Message != "first" || first.Level != "info" || first.Task != "acmeCo/a.b" || first.Kind != "derivation" || first.Shard != "0-1" ||
		time.Since(first.Time) > time.Minute || fmt.Sprint(first.Fields) != "map[seq:9223372036854775808 txn:7 wait:1.5s]" {
		t.Errorf("first: %+v", first)
	}
	if fields := all[1].Fields; all[1].Level != "warn" || fields["error"] != "the cause" || fields["logger"] != "console" || all[1].Task != "acmeCo/a.b" {
		t.Errorf("second: %+v", all[1])
	}
	if m := all[2].Message; len(m) > 4200 || !strings.HasSuffix(m, "é...") {
		t.Errorf("the long line has %d bytes and ends with %q", len(m), m[len(m)-8:])
	}

	for name, c := range map[string]struct {
		query tasklog.Query
		want  string
	}{
		"any kind":        {tasklog.Query{Task: "acmeCo/a.b", Last: 1}, "the inbox's"},
		"from a level on": {tasklog.Query{Task: "acmeCo/a.b", Level: zap.WarnLevel, Last: 2}, "second"},
		"after a line":    {tasklog.Query{Task: "acmeCo/a.b", After: all[0].Seq, Kind: "derivation"}, "second"},
		"later":           {tasklog.Query{Since: time.Now().Add(time.Hour)}, ""},
		"of another":      {tasklog.Query{Task: "acmeCo/other"}, ""},
	} {
		got, err := tasklog.Read(ctx, conn, c.query)
		message := ""
		if len(got) > 0 {
			message = got[0].Message
		}
		if err != nil || message != c.want {
			t.Errorf("%s: %q, %v, want %q", name, message, err, c.want)
		}
	}
}

func TestFollowGoesOnWhereReadEnded(t *testing.T) {
	s := weirtest.Server(t)
	conn := weirtest.Connect(t, s)
	w := tasklog.NewWriter(conn)
	defer w.Close(weirtest.Context(t))
	log := zap.New(w.Core("capture", "acmeCo/in", "0-1"))
	ctx, cancel := context.WithCancel(weirtest.Context(t))
	defer cancel()
	lines := make(chan tasklog.Entry, 10)
	ended := make(chan error, 1)
	go func() {
		ended <- tasklog.Follow(ctx, conn, tasklog.Query{Task: "acmeCo/in"}, func(e tasklog.Entry) error {
			lines <- e
			return nil
		})
	}()
	log.Info("one")
	one := <-lines
	log.Info("two")
	if two := <-lines; one.Message != "one" || two.Message != "two" || two.Seq <= one.Seq {
		t.Errorf("%+v, then %+v", one, two)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	enough := errors.New("enough")
	err := tasklog.Follow(weirtest.Context(t), conn, tasklog.Query{After: one.Seq}, func(e tasklog.Entry) error {
		if e.Message != "two" {
			t.Errorf("behind the first: %q", e.Message)
		}
		return enough
	})
	if !errors.Is(err, enough) {
		t.Error(err)
	}
}

// A task that logs without end is cut to its rate, and the lines that are kept
// say how many are missing; other tasks lose nothing.
func TestLinesBeyondTheRateAreCounted(t *testing.T) {
	s := weirtest.Server(t)
	conn := weirtest.Connect(t, s)
	w := tasklog.NewWriter(conn)
	ctx := weirtest.Context(t)
	loud, quiet := zap.New(w.Core("derivation", "acmeCo/loud", "0-1")), zap.New(w.Core("derivation", "acmeCo/quiet", "0-1"))
	const n = 5000
	for i := range n {
		loud.Info("line", zap.Int("i", i))
	}
	quiet.Info("line")
	w.Close(ctx)
	loud.Info("after the end")

	kept, err := tasklog.Read(ctx, conn, tasklog.Query{Task: "acmeCo/loud"})
	if err != nil {
		t.Fatal(err)
	}
	if dropped := w.Dropped("derivation", "acmeCo/loud"); len(kept) == 0 || len(kept) == n || uint64(len(kept))+dropped != n+1 {
		t.Errorf("%d lines kept and %d dropped of %d", len(kept), dropped, n+1)
	}
	if got, err := tasklog.Read(ctx, conn, tasklog.Query{Task: "acmeCo/quiet"}); err != nil || len(got) != 1 || w.Dropped("derivation", "acmeCo/quiet") != 0 {
		t.Errorf("the quiet task: %v, %v", got, err)
	}
}

// While the server is away lines wait in bounded memory, and logging goes on
// at once. What waits is stored when the server is back.
func TestLoggingDoesNotWaitForTheServer(t *testing.T) {
	s := weirtest.Server(t)
	conn := weirtest.Connect(t, s)
	w := tasklog.NewWriter(conn)
	ctx := weirtest.Context(t)
	log := zap.New(w.Core("derivation", "acmeCo/a", "0-1"))
	s.Stop()
	for range 400 {
		log.Info(strings.Repeat("x", 4000)) // more than the queue holds
	}
	short, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
	defer cancel()
	w.Close(short)
	if w.Dropped("derivation", "acmeCo/a") == 0 {
		t.Error("nothing was dropped")
	}
}
