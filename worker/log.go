package worker

import (
	"sync/atomic"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// taskLog is the logger of a task: the worker's own, and what the stream of
// logs keeps. Every line has the task, its kind and its shard, and, once the
// shard has committed something, the number of the newest transaction. None has
// a secret of an endpoint in it.
func (w *Worker) taskLog(t *task) *zap.Logger {
	o, e := w.options, t.env
	log := o.Log.With(zap.String("task", e.task), zap.String("kind", t.kind), zap.String("shard", e.token))
	return log.WithOptions(zap.WrapCore(func(c zapcore.Core) zapcore.Core {
		if o.Logs != nil {
			c = zapcore.NewTee(c, o.Logs.Core(t.kind, e.task, e.token))
		}
		return &stamped{Core: o.Redactor.Core(c), txn: &e.txn}
	}))
}

// stamped adds the number of the newest committed transaction to every line:
// that of its marker, or, of tasks that write none, counted since the task was
// built.
type stamped struct {
	zapcore.Core
	txn *atomic.Uint64
}

func (s *stamped) With(fields []zapcore.Field) zapcore.Core {
	return &stamped{Core: s.Core.With(fields), txn: s.txn}
}

func (s *stamped) Check(e zapcore.Entry, to *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if s.Enabled(e.Level) {
		return to.AddCore(e, s)
	}
	return to
}

// Write asks the cores below once more: not all of them take every level.
func (s *stamped) Write(e zapcore.Entry, fields []zapcore.Field) error {
	if n := s.txn.Load(); n > 0 {
		fields = append(fields[:len(fields):len(fields)], zap.Uint64("txn", n))
	}
	if checked := s.Core.Check(e, nil); checked != nil {
		checked.Write(fields...)
	}
	return nil
}
