package program

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
)

func observed(secrets ...string) (*logs, *observer.ObservedLogs) {
	core, all := observer.New(zapcore.DebugLevel)
	return newLogs(zap.New(core), secrets), all
}

func TestLogs(t *testing.T) {
	for line, want := range map[string]string{
		`plain text`: `info plain text map[]`,
		`{"level":"warn","msg":"slow","table":"orders","n":7,"ts":"2026-01-01"}`: `warn slow map[connector.n:7 connector.table:orders]`,
		`{"_level":"error","_msg":"broken","fields":{"at":[1]}}`:                 `error broken map[connector.at:[1]]`,
		`{"lvl":"trace","message":"in detail"}`:                                  `debug in detail map[]`,
		`{"level":"unheard","message":"what"}`:                                   `info what map[]`,
		`{"no":"message"}`:                                                       `info {"no":"message"} map[connector.no:message]`,
		`{"broken`:                                                               `info {"broken map[]`,
		`login with hunter2 as "q\"uote"`:                                        `info login with *** as "***" map[]`,
		`{"msg":"login with hunter2","password":"q\"uote"}`:                      `info login with *** map[connector.password:***]`,
		"bytes \xff":                     `info bytes ? map[]`,
		strings.Repeat("x", maxLine+100): `info ` + strings.Repeat("x", maxLine) + `... (101 bytes more) map[]`,
	} {
		l, all := observed("hunter2", `q"uote`, "a")
		l.follow(strings.NewReader(line + "\n\n"))
		if all.Len() != 1 {
			t.Errorf("%.80s: %d lines", line, all.Len())
			continue
		}
		e := all.All()[0]
		if got := fmt.Sprint(e.Level, " ", e.Message, " ", e.ContextMap()); got != want {
			t.Errorf("%.80s:\n got %.200s\nwant %.200s", line, got, want)
		}
	}
}

// TestLogRate: a program that logs without end is cut down, and how much is
// missing stands in the log.
func TestLogRate(t *testing.T) {
	l, all := observed()
	now := time.Unix(0, 0)
	l.now = func() time.Time { return now }
	for range 10*lineRate + 50 {
		l.handle("again", 0)
	}
	if all.Len() != 10*lineRate {
		t.Errorf("%d lines of a burst", all.Len())
	}
	now = now.Add(time.Second)
	l.handle("later", 0)
	last := all.All()[all.Len()-2:]
	if last[0].ContextMap()["dropped"] != int64(50) || last[1].Message != "later" {
		t.Errorf("%+v", last)
	}
}

func TestLast(t *testing.T) {
	l, _ := observed()
	for i := range 9 {
		l.handle(fmt.Sprint("line ", i), 0)
	}
	if got, want := l.last(), "line 4 | line 5 | line 6 | line 7 | line 8"; got != want {
		t.Errorf("%q", got)
	}
	l.handle(`{"level":"fatal","msg":"cannot go on","err":"disk full"}`, 0)
	l.handle("goodbye", 0)
	if got, want := l.last(), "cannot go on: disk full"; got != want {
		t.Errorf("%q", got)
	}
}

func TestSecrets(t *testing.T) {
	schema := `{"properties":{"pin":{"type":"string","secret":true},"deep":{"oneOf":[{"properties":{"code":{"airbyte_secret":true}}}]}}}`
	config := `{"pin":"1234","user":"me","deep":[{"code":"abcd","name":"n"}],"apiToken":"wxyz","credentials":{"any":"zzz9"}}`
	if got, want := fmt.Sprint(secretsOf([]byte(config), []byte(schema))), "[1234 abcd wxyz zzz9]"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	err := Safe(fmt.Errorf("login: %w", errSample), []string{"hunter2"})
	if err.Error() != "login: *** is wrong" {
		t.Errorf("%v", err)
	}
}

var errSample = fmt.Errorf("hunter2 is wrong")

// FuzzLogs: whatever stands on standard error, nothing secret comes through,
// and lines stay short.
func FuzzLogs(f *testing.F) {
	for _, seed := range []string{`{"level":"error","msg":"a","fields":{"b":1}}`, `{"fields":{}}`, `{"msg":{"a":"hunter2"}}`, "hunter2\n{}\nnull", "{\"msg\":\"hunt\\u0065r2\"}"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		l, all := observed("hunter2")
		l.follow(strings.NewReader(string(text)))
		for _, e := range all.All() {
			shown := fmt.Sprint(e.Message, e.ContextMap())
			if strings.Contains(shown, "hunter2") {
				t.Fatalf("%q shows %q", text, shown)
			}
			if len(shown) > 4*maxLine {
				t.Fatalf("a line of %d bytes", len(shown))
			}
		}
	})
}
