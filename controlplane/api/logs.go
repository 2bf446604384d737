package api

import (
	"context"

	"go.uber.org/zap/zapcore"

	"weir/tasklog"
)

const usualLines = 200

// Logs gives lines of tasks' logs.
func (s *Service) Logs(ctx context.Context, r LogsRequest) (LogsAnswer, error) {
	lines, err := s.ListLogs(ctx, r)
	return LogsAnswer{Lines: lines}, err
}

// ListLogs are the lines of Logs.
func (s *Service) ListLogs(ctx context.Context, r LogsRequest) ([]LogLine, error) {
	if err := limit("last", &r.Last, usualLines); err != nil {
		return nil, err
	}
	q := tasklog.Query{Task: r.Name, Kind: r.Kind, After: r.After, Since: r.Since, Last: r.Last}
	if r.Level != "" {
		level, err := zapcore.ParseLevel(r.Level)
		if err != nil {
			return nil, invalid("level: " + r.Level + " is not info, warn or error")
		}
		q.Level = level
	}
	entries, err := tasklog.Read(ctx, s.conn, q)
	out := make([]LogLine, 0, len(entries))
	for _, e := range entries {
		out = append(out, lineOf(e))
	}
	return out, err
}

func lineOf(e tasklog.Entry) LogLine {
	return LogLine{Seq: e.Seq, Time: e.Time, Level: e.Level, Message: e.Message, Task: e.Task, Kind: e.Kind, Shard: e.Shard, Fields: e.Fields}
}

// FollowLogs calls each with the lines of a task's log behind a sequence, as
// they come, until the context ends; that is no error.
func (s *Service) FollowLogs(ctx context.Context, kind, task string, after uint64, each func(LogLine) error) error {
	return tasklog.Follow(ctx, s.conn, tasklog.Query{Kind: kind, Task: task, After: after}, func(e tasklog.Entry) error { return each(lineOf(e)) })
}

// Connected tells which NATS server it is, and whether there is a connection.
func (s *Service) Connected() (server string, connected bool) {
	return s.server, s.conn.Connected()
}
