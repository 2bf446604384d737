package tasklog

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"go.uber.org/zap/zapcore"

	"weir/journal"
)

const (
	queueBytes = 1 << 20 // of lines that wait to be stored
	lineBytes  = 8 << 10 // of one line; a longer message or field is cut
	batchLines = 200     // stored at once
	rate       = 20      // lines a second that a task may log for long
	burst      = 500     // lines that it may log at once
	patience   = 30 * time.Second
)

// Writer stores what tasks log. Its cores may be used by any goroutine.
type Writer struct {
	conn *journal.Conn
	now  func() time.Time

	mu      sync.Mutex
	queue   []line
	bytes   int // of the queue
	tasks   map[string]*admission
	wake    chan struct{} // one slot
	stopped bool

	once   sync.Once
	cancel context.CancelFunc
	done   chan struct{}
}

// line is an encoded entry on its way.
type line struct {
	subject string
	data    []byte
	of      *admission
}

// admission is what a task may still log, and what became of the rest. The
// writer's lock guards it.
type admission struct {
	left    float64   // lines that may come at once
	at      time.Time // when left was right
	dropped uint64    // since the task's last line
	total   uint64    // dropped, ever
}

// NewWriter makes a writer and starts its goroutine. Close ends it.
func NewWriter(conn *journal.Conn) *Writer {
	w := &Writer{conn: conn, now: time.Now, tasks: map[string]*admission{}, wake: make(chan struct{}, 1), done: make(chan struct{})}
	ctx, cancel := context.WithCancel(context.Background()) // ended by Close
	w.cancel = cancel
	go w.run(ctx) // Close waits for done
	return w
}

// Close stores what waits, unless that takes longer than ctx lives, and ends
// the writer. What is logged afterwards is dropped. It may be called twice.
func (w *Writer) Close(ctx context.Context) {
	w.once.Do(func() {
		w.mu.Lock()
		w.stopped = true
		w.mu.Unlock()
		w.nudge()
	})
	select {
	case <-w.done:
	case <-ctx.Done():
		w.cancel()
		<-w.done
	}
}

// Dropped is how many lines of a task were dropped since the writer was made.
func (w *Writer) Dropped(kind, task string) uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	if a := w.tasks[Subject(kind, task)]; a != nil {
		return a.total
	}
	return 0
}

// admit counts a line of a task against its rate, and says how many were
// dropped before it.
func (w *Writer) admit(a *admission) (dropped uint64, ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.now()
	a.left = min(a.left+now.Sub(a.at).Seconds()*rate, burst)
	a.at = now
	if a.left < 1 || w.stopped {
		a.drop(1)
		return 0, false
	}
	a.left--
	dropped, a.dropped = a.dropped, 0
	return dropped, true
}

func (a *admission) drop(n uint64) {
	a.dropped += n
	a.total += n
}

// push queues a line, or drops it where there is no room.
func (w *Writer) push(l line, dropped uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.bytes+len(l.data) > queueBytes {
		l.of.drop(1)
		l.of.dropped += dropped // to be told of by another line
		return
	}
	w.queue, w.bytes = append(w.queue, l), w.bytes+len(l.data)
	w.nudge()
}

func (w *Writer) nudge() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// take takes the oldest lines out, and says whether there will be more.
func (w *Writer) take() (some []line, ended bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := min(len(w.queue), batchLines, w.conn.MaxBatch()-1)
	some = w.queue[:n:n]
	for _, l := range some {
		w.bytes -= len(l.data)
	}
	if w.queue = w.queue[n:]; len(w.queue) == 0 {
		w.queue = nil
	}
	return some, n == 0 && w.stopped
}

// run stores what is queued until the writer is closed.
func (w *Writer) run(ctx context.Context) {
	defer close(w.done)
	defer w.cancel()
	made := false
	for {
		lines, ended := w.take()
		switch {
		case ended || ctx.Err() != nil:
			return
		case len(lines) > 0:
			if err := w.store(ctx, lines, &made); err != nil {
				w.lose(lines)
			}
		default:
			select {
			case <-ctx.Done():
			case <-w.wake:
			}
		}
	}
}

// lose counts lines that could not be stored.
func (w *Writer) lose(lines []line) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, l := range lines {
		l.of.drop(1)
	}
}

// store appends lines in one batch. While the server is away it waits, but not
// for ever: newer lines say more than old ones.
func (w *Writer) store(ctx context.Context, lines []line, made *bool) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if !*made {
		if err := ensure(ctx, w.conn); err != nil {
			return err
		}
		*made = true
	}
	batch := w.conn.NewBatch(Stream)
	last := len(lines) - 1
	for _, l := range lines[:last] {
		if err := batch.Add(journal.Outgoing{Subject: l.subject, Data: l.data}); err != nil {
			batch.Abandon()
			return err
		}
	}
	_, err := batch.Commit(ctx, journal.Outgoing{Subject: lines[last].subject, Data: lines[last].data}, nil)
	if err != nil {
		batch.Abandon()
		*made = false // it may have been removed
	}
	return err
}

// core is the log of one task.
type core struct {
	writer  *Writer
	subject string
	of      *admission
	level   zapcore.Level
	own     map[string]any // members that every line has
	with    []zapcore.Field
}

// Core gives the log of a shard of a task, from info on.
func (w *Writer) Core(kind, task, shard string) zapcore.Core {
	subject := Subject(kind, task)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.tasks[subject] == nil {
		w.tasks[subject] = &admission{left: burst, at: w.now()}
	}
	return &core{
		writer: w, subject: subject, of: w.tasks[subject], level: zapcore.InfoLevel,
		own: map[string]any{memberVersion: version, memberTask: task, memberKind: kind, memberShard: shard},
	}
}

// Enabled says whether lines of a level are kept.
func (c *core) Enabled(level zapcore.Level) bool { return level >= c.level }

// With adds fields to every line.
func (c *core) With(fields []zapcore.Field) zapcore.Core {
	with := *c
	with.with = append(c.with[:len(c.with):len(c.with)], fields...)
	return &with
}

// Check takes lines of the level.
func (c *core) Check(e zapcore.Entry, to *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if c.Enabled(e.Level) {
		return to.AddCore(e, c)
	}
	return to
}

// Write queues a line. It never waits, and a line that is lost is no error.
func (c *core) Write(e zapcore.Entry, fields []zapcore.Field) error {
	dropped, ok := c.writer.admit(c.of)
	if !ok {
		return nil
	}
	members := zapcore.NewMapObjectEncoder()
	for _, list := range [][]zapcore.Field{c.with, fields} {
		for _, f := range list {
			f.AddTo(members)
		}
	}
	if e.LoggerName != "" {
		members.Fields["logger"] = e.LoggerName
	}
	for name, value := range c.own {
		members.Fields[name] = value
	}
	members.Fields[memberTime] = e.Time.UTC().Format(time.RFC3339Nano)
	members.Fields[memberLevel] = e.Level.String()
	members.Fields[memberMessage] = e.Message
	if dropped > 0 {
		members.Fields[memberDropped] = dropped
	}
	c.writer.push(line{subject: c.subject, data: encode(members.Fields), of: c.of}, dropped)
	return nil
}

// Sync has nothing to do: Close stores what waits.
func (c *core) Sync() error { return nil }

// encode spells a line. What cannot be spelled as JSON, and what would make the
// line too long, is cut.
func encode(members map[string]any) []byte {
	for name, value := range members {
		switch v := value.(type) {
		case time.Duration:
			members[name] = v.String()
		case string:
			members[name] = cut(v, lineBytes/2)
		case error, complex64, complex128:
			members[name] = fmt.Sprint(v)
		}
	}
	data, err := json.Marshal(members)
	if err == nil && len(data) <= lineBytes {
		return data
	}
	few := map[string]any{} // a field that is too large, or that JSON has no form for
	for _, name := range []string{memberVersion, memberTime, memberLevel, memberTask, memberKind, memberShard, memberDropped} {
		if value, ok := members[name]; ok {
			few[name] = value
		}
	}
	few[memberMessage] = cut(fmt.Sprint(members[memberMessage]), lineBytes/4)
	if text, ok := members["error"].(string); ok {
		few["error"] = cut(text, lineBytes/4)
	}
	data, _ = json.Marshal(few) // strings and numbers
	return data
}

// cut shortens a text to a number of bytes, between two characters.
func cut(text string, most int) string {
	if len(text) <= most {
		return text
	}
	for most > 0 && text[most]&0xC0 == 0x80 {
		most--
	}
	return text[:most] + "..."
}
