package catalogtest

import (
	"fmt"
	"sync"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"weir/derive"
)

// mostLines is how many lines of what a test's modules print are kept.
const mostLines = 100

// console keeps what modules print while a test runs, and nothing else of what
// is logged. It is the core of the worker's logger.
type console struct {
	mu      sync.Mutex
	lines   []string
	dropped int
}

func (c *console) logger() *zap.Logger { return zap.New(c) }

// Enabled takes everything: whoever prints at debug while a test runs wants to
// see it.
func (c *console) Enabled(zapcore.Level) bool { return true }

// With leaves fields out: a line has its own.
func (c *console) With([]zapcore.Field) zapcore.Core { return c }

// Check takes the lines of modules.
func (c *console) Check(e zapcore.Entry, to *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if e.LoggerName == derive.ConsoleLogger {
		return to.AddCore(e, c)
	}
	return to
}

// Write keeps a line, with the derivation and the transform that printed it.
func (c *console) Write(e zapcore.Entry, fields []zapcore.Field) error {
	at := zapcore.NewMapObjectEncoder()
	for _, f := range fields {
		f.AddTo(at)
	}
	line := fmt.Sprint(at.Fields["collection"])
	if transform, ok := at.Fields["transform"]; ok {
		line += fmt.Sprint(" ", transform)
	}
	if e.Level != zapcore.InfoLevel {
		line += " " + e.Level.String()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.lines) >= mostLines {
		c.dropped++
		return nil
	}
	c.lines = append(c.lines, line+": "+e.Message)
	return nil
}

// Sync has nothing to write out.
func (c *console) Sync() error { return nil }

// printed are the lines so far, and how many more there were.
func (c *console) printed() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.dropped == 0 {
		return c.lines
	}
	return append(c.lines[:len(c.lines):len(c.lines)], fmt.Sprintf("... and %s more", plural(c.dropped, "line")))
}
