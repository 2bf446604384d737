package server

import (
	"fmt"

	"go.uber.org/zap"
)

// logger takes what the server logs. Its notices are of no interest while all
// is well, so they are debug messages here.
type logger struct {
	log   *zap.Logger
	fatal chan string // the first reason why the server cannot run; one slot
}

func (l *logger) Noticef(format string, v ...any) { l.log.Debug(text(format, v)) }
func (l *logger) Debugf(format string, v ...any)  { l.log.Debug(text(format, v)) }
func (l *logger) Tracef(format string, v ...any)  { l.log.Debug(text(format, v)) }
func (l *logger) Warnf(format string, v ...any)   { l.log.Warn(text(format, v)) }
func (l *logger) Errorf(format string, v ...any)  { l.log.Error(text(format, v)) }

// Fatalf keeps the reason: Start returns it, or, when the server runs already,
// the log shows it.
func (l *logger) Fatalf(format string, v ...any) {
	reason := text(format, v)
	select {
	case l.fatal <- reason:
	default:
		l.log.Error(reason)
	}
}

func text(format string, v []any) string {
	return "nats-server: " + fmt.Sprintf(format, v...)
}
