package derive

import (
	"strings"
	"time"

	"github.com/dop251/goja"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// ConsoleLogger is the name of the logger that modules print to, by which their
// lines are told from those of the engine.
const ConsoleLogger = "console"

const (
	maxConsoleLine = 1 << 10 // bytes of a line
	consoleBurst   = 100     // lines in one consoleWindow
	consoleWindow  = time.Second
)

// console writes what modules print to the log. A module that prints for each document must not bury the log, so
// lines beyond a rate are counted and dropped.
type console struct {
	vm      *VM
	log     *zap.Logger
	window  time.Time // when the current window began
	lines   int
	dropped int
}

func (c *console) install() error {
	o := c.vm.rt.NewObject()
	for name, level := range map[string]zapcore.Level{
		"debug": zap.DebugLevel,
		"log":   zap.InfoLevel,
		"info":  zap.InfoLevel,
		"warn":  zap.WarnLevel,
		"error": zap.ErrorLevel,
	} {
		write := func(call goja.FunctionCall) goja.Value {
			c.write(level, call.Arguments)
			return goja.Undefined()
		}
		if err := o.Set(name, write); err != nil {
			return err
		}
	}
	return c.vm.rt.Set("console", o)
}

func (c *console) write(level zapcore.Level, args []goja.Value) {
	if !c.log.Core().Enabled(level) || !c.admit() {
		return
	}
	var b strings.Builder
	for i, v := range args {
		if i > 0 {
			b.WriteByte(' ')
		}
		if b.Len() > maxConsoleLine {
			break
		}
		b.WriteString(c.text(v))
	}
	fields := []zap.Field{zap.String("collection", c.vm.program.name)}
	if c.vm.function != "" {
		fields = append(fields, zap.String("function", c.vm.function))
	}
	if c.vm.doc != nil {
		fields = append(fields, zap.String("transform", c.vm.meta.Transform), zap.Uint64("seq", c.vm.meta.Seq))
	}
	if c.dropped > 0 {
		fields = append(fields, zap.Int("dropped", c.dropped))
		c.dropped = 0
	}
	c.log.Log(level, excerpt(b.String(), maxConsoleLine), fields...)
}

// admit counts a line against the rate.
func (c *console) admit() bool {
	if now := time.Now(); now.Sub(c.window) >= consoleWindow {
		c.window, c.lines = now, 0
	}
	if c.lines >= consoleBurst {
		c.dropped++
		return false
	}
	c.lines++
	return true
}

// text shows a value as JSON, strings as they are.
func (c *console) text(v goja.Value) string {
	o, ok := v.(*goja.Object)
	if !ok {
		return v.String()
	}
	if class := o.ClassName(); class == "Error" || class == "Function" || class == "RegExp" {
		return o.String()
	}
	e := encoder{vm: c.vm, limit: maxConsoleLine}
	if !e.value(o) && e.err != nil {
		return excerpt(string(e.dst), maxConsoleLine/2) + "... (" + e.err.Error() + ")"
	}
	return string(e.dst)
}
