package tasklog

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"go.uber.org/zap/zapcore"

	"weir/collection"
)

// Stream keeps the lines of all tasks.
const Stream = "weir_logs"

const (
	root    = "weir.log."
	version = 1 // of the format
)

// Names of a line's members that every line has. All others are fields of what
// was logged.
const (
	memberVersion = "v"
	memberTime    = "ts"
	memberLevel   = "level"
	memberMessage = "msg"
	memberTask    = "task"
	memberKind    = "kind"
	memberShard   = "shard"
	memberDropped = "dropped" // lines of the task that were dropped before this one
)

// Subject is where the lines of a task are stored.
func Subject(kind, task string) string { return root + kind + "." + collection.EncodeToken(task) }

// Entry is one line of a task's log.
type Entry struct {
	Seq     uint64         `json:"seq"` // of the line in the stream: where to go on reading
	Time    time.Time      `json:"ts"`
	Level   string         `json:"level"`
	Message string         `json:"msg"`
	Task    string         `json:"task"`
	Kind    string         `json:"kind"`
	Shard   string         `json:"shard"`
	Fields  map[string]any `json:"fields,omitempty"` // numbers are json.Number
}

// Severity is the line's level; one that is unknown counts as info.
func (e *Entry) Severity() zapcore.Level {
	level, err := zapcore.ParseLevel(e.Level)
	if err != nil {
		return zapcore.InfoLevel
	}
	return level
}

// FieldNames lists the fields, sorted.
func (e *Entry) FieldNames() []string { return slices.Sorted(maps.Keys(e.Fields)) }

// decode reads a stored line. What a newer weir added to it is a field.
func decode(data []byte) (e Entry, err error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(data, &members); err != nil {
		return e, fmt.Errorf("line of a log: %w", err)
	}
	var v int
	for name, into := range map[string]any{
		memberVersion: &v, memberTime: &e.Time, memberLevel: &e.Level, memberMessage: &e.Message,
		memberTask: &e.Task, memberKind: &e.Kind, memberShard: &e.Shard,
	} {
		if err := json.Unmarshal(members[name], into); err != nil {
			return e, fmt.Errorf("line of a log: member %s: %w", name, err)
		}
		delete(members, name)
	}
	for name, text := range members {
		value, err := plain(text)
		if err != nil {
			return e, fmt.Errorf("line of a log: member %s: %w", name, err)
		}
		if e.Fields == nil {
			e.Fields = map[string]any{}
		}
		e.Fields[name] = value
	}
	return e, nil
}
