package secrets

import (
	"encoding/json"
	"fmt"
	"reflect"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// Core gives a zap core that takes the values out of messages and fields before
// the core below it sees them.
func (r *Redactor) Core(below zapcore.Core) zapcore.Core {
	if r == nil {
		return below
	}
	return &core{Core: below, redactor: r}
}

type core struct {
	zapcore.Core
	redactor *Redactor
}

func (c *core) With(fields []zapcore.Field) zapcore.Core {
	return &core{Core: c.Core.With(c.redactor.fields(fields)), redactor: c.redactor}
}

func (c *core) Check(e zapcore.Entry, to *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if c.Enabled(e.Level) {
		return to.AddCore(e, c)
	}
	return to
}

// Write asks the core below once more: it may be several that take different
// levels.
func (c *core) Write(e zapcore.Entry, fields []zapcore.Field) error {
	e.Message, e.Stack = c.redactor.Text(e.Message), c.redactor.Text(e.Stack)
	if checked := c.Core.Check(e, nil); checked != nil {
		checked.Write(c.redactor.fields(fields)...)
	}
	return nil
}

// fields gives fields without the values. The fields that came in are left as
// they are.
func (r *Redactor) fields(fields []zapcore.Field) []zapcore.Field {
	if r.now.Load() == nil {
		return fields
	}
	out := make([]zapcore.Field, len(fields))
	for i, f := range fields {
		out[i] = r.field(f)
	}
	return out
}

// field gives one field without the values. What is made of parts becomes its
// text if there is a value in it.
func (r *Redactor) field(f zapcore.Field) zapcore.Field {
	switch f.Type {
	case zapcore.StringType:
		f.String = r.Text(f.String)
	case zapcore.ByteStringType:
		if text, ok := f.Interface.([]byte); ok {
			f.Interface = []byte(r.Text(string(text)))
		}
	case zapcore.ErrorType:
		if err, ok := f.Interface.(error); ok && !isNil(err) {
			return zap.String(f.Key, r.Text(err.Error())) // its details are not for logs
		}
	case zapcore.StringerType:
		if s, ok := f.Interface.(fmt.Stringer); ok && !isNil(s) {
			return zap.String(f.Key, r.Text(s.String()))
		}
	case zapcore.ReflectType, zapcore.ArrayMarshalerType, zapcore.ObjectMarshalerType, zapcore.InlineMarshalerType, zapcore.BinaryType:
		return r.composed(f)
	}
	return f
}

func isNil(v any) bool {
	value := reflect.ValueOf(v)
	return value.Kind() == reflect.Pointer && value.IsNil()
}

// composed looks at what a field becomes as JSON.
func (r *Redactor) composed(f zapcore.Field) zapcore.Field {
	members := zapcore.NewMapObjectEncoder()
	f.AddTo(members)
	text, err := json.Marshal(members.Fields)
	if err != nil {
		text = []byte(fmt.Sprint(members.Fields))
	}
	if clean := r.Text(string(text)); clean != string(text) {
		return zap.String(f.Key, clean)
	}
	return f
}
