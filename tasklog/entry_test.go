package tasklog

import (
	"testing"
	"time"

	"go.uber.org/zap"
)

func TestTheNextLineTellsOfWhatWasDropped(t *testing.T) {
	now := time.Date(2026, 11, 26, 0, 0, 0, 0, time.UTC)
	w := &Writer{now: func() time.Time { return now }, tasks: map[string]*admission{}, wake: make(chan struct{}, 1)}
	log := zap.New(w.Core("derivation", "acmeCo/a", "0-1"))
	for range burst + 3 {
		log.Info("line")
	}
	now = now.Add(time.Second)
	log.Info("later")
	if len(w.queue) != burst+1 {
		t.Fatalf("%d lines are kept", len(w.queue))
	}
	e, err := decode(w.queue[burst].data)
	if err != nil {
		t.Fatal(err)
	}
	if e.Message != "later" || e.Fields["dropped"] == nil || e.Fields["dropped"].(interface{ String() string }).String() != "3" {
		t.Errorf("%+v", e)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"v":1,"ts":"2026-11-26T00:00:00Z","level":"info","msg":"m","task":"acmeCo/a","kind":"capture","shard":"0-1","seq":12345678901234567890}`))
	f.Add([]byte(`{"v":1,"ts":"2026-11-26T00:00:00Z"}`))
	f.Add([]byte(`{"ts":1}`))
	f.Add([]byte(`[]`))
	f.Fuzz(func(t *testing.T, data []byte) {
		e, err := decode(data)
		if err != nil {
			return
		}
		for _, name := range e.FieldNames() {
			if name == memberTask || name == memberMessage {
				t.Errorf("the field %s is a member of every line", name)
			}
		}
	})
}
