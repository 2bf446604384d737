package program

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"weir/secrets"
)

const (
	maxLine   = 8 << 10 // bytes of a log line that are kept
	maxFields = 16      // of a log line in JSON
	lineRate  = 100     // log lines a second that are handed on, after a burst of ten times as many
	lastLines = 5       // that an error of the program tells
)

// logs hands what a program writes on standard error to a log: lines of JSON
// with level and message, or plain text.
type logs struct {
	log *zap.Logger
	now func() time.Time

	allowed float64 // lines that may be handed on now
	asked   time.Time
	dropped int

	done    chan struct{} // closed at the end of standard error
	mu      sync.Mutex
	secrets *secrets.Redactor
	lines   []string // the last ones, for an error
	fatal   string   // the last one whose level says that it is the end
}

func newLogs(log *zap.Logger, values []string) *logs {
	if log == nil {
		log = zap.NewNop()
	}
	return &logs{log: log, secrets: redactor(values), now: time.Now, allowed: 10 * lineRate, done: make(chan struct{})}
}

// redactor knows secret values.
func redactor(values []string) *secrets.Redactor {
	r := &secrets.Redactor{}
	r.Add(values...)
	return r
}

// follow reads to the end.
func (l *logs) follow(from io.Reader) {
	defer close(l.done)
	r := bufio.NewReaderSize(from, maxLine)
	for {
		line, err := r.ReadSlice('\n')
		cut := 0
		text := string(bytes.TrimSpace(line)) // before it is overwritten
		for errors.Is(err, bufio.ErrBufferFull) {
			line, err = r.ReadSlice('\n')
			cut += len(line)
		}
		if text != "" {
			l.handle(text, cut)
		}
		if err != nil {
			l.tellDropped()
			return
		}
	}
}

// reveal narrows the values that nothing may show.
func (l *logs) reveal(values []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.secrets = redactor(values)
}

func (l *logs) redact(text string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.secrets.Text(text)
}

func (l *logs) handle(text string, cut int) {
	entry := l.parse(l.redact(strings.ToValidUTF8(text, "?")), cut)
	l.remember(entry)
	if !l.allow() {
		l.dropped++
		return
	}
	l.tellDropped()
	if c := l.log.Check(entry.level, entry.message); c != nil {
		c.Write(entry.fields...)
	}
}

type entry struct {
	level   zapcore.Level
	end     bool // the program says that it ends by this
	message string
	fields  []zap.Field
}

// parse reads a line of JSON; any other is a message.
func (l *logs) parse(text string, cut int) entry {
	e := entry{level: zapcore.InfoLevel, message: text}
	if cut > 0 {
		e.message = fmt.Sprintf("%s... (%d bytes more)", text, cut)
		return e
	}
	var object map[string]json.RawMessage
	if text[0] != '{' || json.Unmarshal([]byte(text), &object) != nil {
		return e
	}
	e.message = take(object, "msg", "message", "_msg")
	e.level, e.end = level(take(object, "level", "_level", "lvl"))
	for _, name := range []string{"ts", "time", "timestamp"} { // the log has its own
		delete(object, name)
	}
	if nested := object["fields"]; len(object) <= 2 && json.Unmarshal(nested, &object) == nil {
		delete(object, "fields")
	}
	for _, name := range slices.Sorted(maps.Keys(object)) {
		if len(e.fields) == maxFields {
			break
		}
		// Once more without secrets: JSON may have spelt them in its own way.
		e.fields = append(e.fields, zap.String("connector."+l.redact(name), l.redact(plain(object[name]))))
	}
	if e.message == "" {
		e.message = text
	}
	e.message = l.redact(e.message)
	return e
}

// take gives the first of some members that is there, and removes it.
func take(object map[string]json.RawMessage, names ...string) string {
	for _, name := range names {
		if value, ok := object[name]; ok {
			delete(object, name)
			return plain(value)
		}
	}
	return ""
}

// plain is a JSON string's text, or any other value as it is written.
func plain(value json.RawMessage) string {
	var text string
	if json.Unmarshal(value, &text) == nil {
		return text
	}
	return string(value)
}

func level(name string) (l zapcore.Level, end bool) {
	switch strings.ToLower(name) {
	case "trace", "debug":
		return zapcore.DebugLevel, false
	case "warn", "warning":
		return zapcore.WarnLevel, false
	case "error":
		return zapcore.ErrorLevel, false
	case "fatal", "panic", "critical":
		return zapcore.ErrorLevel, true
	}
	return zapcore.InfoLevel, false
}

// allow says whether one more line may be handed on.
func (l *logs) allow() bool {
	now := l.now()
	if !l.asked.IsZero() {
		l.allowed = min(l.allowed+lineRate*now.Sub(l.asked).Seconds(), 10*lineRate)
	}
	l.asked = now
	if l.allowed < 1 {
		return false
	}
	l.allowed--
	return true
}

func (l *logs) tellDropped() {
	if l.dropped > 0 {
		l.log.Warn("the connector logs more than is kept", zap.Int("dropped", l.dropped))
		l.dropped = 0
	}
}

func (l *logs) remember(e entry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if e.end {
		l.fatal = e.message
		for _, f := range e.fields {
			if f.Key == "connector.err" || f.Key == "connector.error" {
				l.fatal += ": " + f.String
			}
		}
	}
	if l.lines = append(l.lines, e.message); len(l.lines) > lastLines {
		l.lines = l.lines[1:]
	}
}

// last gives what an error of the program is to say: the message that it ended
// by, or else its last lines.
func (l *logs) last() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fatal != "" {
		return l.fatal
	}
	return strings.Join(l.lines, " | ")
}
