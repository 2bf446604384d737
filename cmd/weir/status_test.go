package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"weir/worker"
)

// Texts are broken between words; a word that is longer than a line is broken
// itself; what is longer than four lines is cut.
func TestBlock(t *testing.T) {
	for _, c := range []struct {
		name, text, want string
		width            int
	}{
		{"nothing", "", "", 40},
		{"blanks", " \n\t ", "", 40},
		{"a word", "because", "          why because\n", 40},
		{"lines and blanks are blanks", "one\n  two\tthree ", "          why one two three\n", 40},
		{"as long as the line", "1234567890 1234567890 123", "          why 1234567890 1234567890 123\n", 40},
		{"one more", "1234567890 1234567890 1234", "          why 1234567890 1234567890\n              1234\n", 40},
		{"runes, not bytes", "äöüäöüäöüä äöüäöüäöüä äöü", "          why äöüäöüäöüä äöüäöüäöüä äöü\n", 40},
		{"a long word", "x 123456789012345678901234567 y", "          why x\n              1234567890123456789012345\n              67 y\n", 40},
		{"too much", strings.Repeat("1234567890 ", 9), "          why" + strings.Repeat("              1234567890 1234567890\n", 4)[13:], 40},
	} {
		var b strings.Builder
		block(&b, "why", c.text, c.width)
		if b.String() != c.want {
			t.Errorf("%s:\n%swant\n%s", c.name, b.String(), c.want)
		}
	}
}

func tasks() []worker.Status {
	retry := time.Date(2026, 1, 2, 3, 4, 5, 0, time.Local)
	return []worker.Status{
		{Task: "acmeCo/totals", Kind: worker.KindDerivation, State: worker.StateRunning, In: 12000, Out: 300, Lag: 7, LagSeconds: 131.5},
		{Task: "acmeCo/große", Kind: worker.KindDerivation, State: worker.StateFailed, In: 1, Why: &worker.Why{
			Code: "module", Message: "TypeError: Cannot read property 'x' of undefined", File: "totals.js", Line: 3,
			Collection: "acmeCo/orders", Seq: 17, Subject: "weir.doc.acmeCo/orders.7.o-1", Document: `{"id":"o-1"}`,
			Fix: "mend the module and publish it",
		}},
		{Task: "acmeCo/db", Kind: worker.KindMaterialization, State: worker.StateRetrying, Retry: &retry, Why: &worker.Why{
			Message: "commit: database is locked", Fix: "end the program that holds it",
		}},
		{Task: "acmeCo/off", Kind: worker.KindCapture, State: worker.StateDisabled},
	}
}

// drawn draws a table as a terminal of the width shows it, without colours.
func drawn(t *table, width int) string {
	s := &sheet{width: width}
	s.table(t)
	return s.b.String()
}

func TestStatusTable(t *testing.T) {
	want := `TASK           KIND             STATE        IN  OUT  LAG  BEHIND
acmeCo/totals  derivation       running   12000  300    7   2 min
acmeCo/große   derivation       failed        1    0    0     0 s
          why TypeError: Cannot read property 'x' of
              undefined
           at totals.js:3
           in acmeCo/orders at sequence 17
              weir.doc.acmeCo/orders.7.o-1
     document {"id":"o-1"}
          fix mend the module and publish it
acmeCo/db      materialization  retrying      0    0    0     0 s
          why commit: database is locked
          fix end the program that holds it
     again at 03:04:05
acmeCo/off     capture          disabled      0    0    0     0 s
`
	if got := drawn(statusTable(tasks(), nil, 0, 60), 70); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

// With an earlier status it shows documents a second; a task that is new or
// was published anew counts from 0 again.
func TestStatusRates(t *testing.T) {
	before := map[string]worker.Status{}
	for _, s := range tasks()[:2] {
		s.In, s.Out = s.In/2, s.Out/2
		before[statusName(s)] = s
	}
	all := tasks()
	all[1].Why, all[2].Why, all[2].Retry = nil, nil, nil
	all[1].In, all[1].Out = 4, 8
	before[statusName(all[1])] = worker.Status{In: 5} // more than now
	want := `TASK           KIND             STATE     IN/S  OUT/S  LAG  BEHIND
acmeCo/totals  derivation       running   3000     75    7   2 min
acmeCo/große   derivation       failed       2      4    0     0 s
acmeCo/db      materialization  retrying     0      0    0     0 s
acmeCo/off     capture          disabled     0      0    0     0 s
`
	if got := drawn(statusTable(all, before, 2*time.Second, 60), 70); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

// What a message says already is not said twice.
func TestStatusSaysItOnce(t *testing.T) {
	all := tasks()[1:2]
	all[0].Why.Message = `totals.js:3: at sequence 17 {"id":"o-1"} is wrong`
	want := `TASK          KIND        STATE   IN  OUT  LAG  BEHIND
acmeCo/große  derivation  failed   1    0    0     0 s
          why totals.js:3: at sequence 17 {"id":"o-1"} is wrong
          fix mend the module and publish it
`
	if got := drawn(statusTable(all, nil, 0, 80), 80); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

// Where standard output is no terminal, the screen says when it is ready, and
// then only what goes wrong and what is well again.
func TestScreenElsewhere(t *testing.T) {
	var out bytes.Buffer
	s := &screen{out: &out, url: "nats://127.0.0.1:4222"}
	well := tasks()[:1]
	step := func(want string, all []worker.Status, draw func([]worker.Status)) {
		t.Helper()
		out.Reset()
		draw(all)
		if out.String() != want {
			t.Errorf("got\n%swant\n%s", out.String(), want)
		}
	}
	step("ready nats://127.0.0.1:4222\n", well, s.ready)
	step("", well, s.show)
	ill := tasks()[:1]
	ill[0].State, ill[0].Why = worker.StateRetrying, &worker.Why{Message: "locked"}
	step("retrying derivation acmeCo/totals: locked\n", ill, s.show)
	step("", ill, s.show)
	ill[0].Why = &worker.Why{Message: "read-only"}
	step("retrying derivation acmeCo/totals: read-only\n", ill, s.show)
	step("running derivation acmeCo/totals\n", well, s.show)
	step("", well, s.show)
	step("", well, s.end)
}

// On a terminal each drawing takes the place of the one before.
func TestScreenTerminal(t *testing.T) {
	var out bytes.Buffer
	s := &screen{out: &out, url: "nats://127.0.0.1:4222", data: "/data", log: "/data/weir.log", terminal: true}
	all := tasks()[3:]
	head, row := "TASK        KIND     STATE     IN  OUT  LAG  BEHIND\n", "acmeCo/off  capture  disabled   0    0    0     0 s\n"
	s.ready(all)
	got := out.String()
	if !strings.HasPrefix(got, "ready nats://127.0.0.1:4222\ndata  /data\nlog   /data/weir.log\n\n") || !strings.HasSuffix(got, "Ctrl-C stops.\n") {
		t.Errorf("ready:\n%q", got)
	}
	out.Reset()
	s.show(all)
	rates := strings.NewReplacer("IN  OUT", "IN/S  OUT/S", "0    0    0", "0      0    0")
	if want := "\x1b[3A\x1b[J" + rates.Replace(head) + strings.Replace(rates.Replace(row), "disabled   0", "disabled     0", 1) + "Ctrl-C stops.\n"; out.String() != want {
		t.Errorf("show:\n%q\nwant\n%q", out.String(), want)
	}
	out.Reset()
	s.end(all)
	if !strings.HasPrefix(out.String(), "\x1b[3A\x1b[J") || !strings.HasSuffix(out.String(), "stopped; started again it goes on from here\n") {
		t.Errorf("end:\n%q", out.String())
	}
}

// A task that waits for a readDelay says until when the first document does.
func TestStatusWaits(t *testing.T) {
	due := time.Date(2026, 1, 2, 3, 4, 5, 0, time.Local)
	late := tasks()[:1]
	late[0].Waits = map[string]time.Time{
		"b.v0/0-1/acmeCo/orders": due.Add(time.Hour), "a.v0/0-1/acmeCo/orders": due, "c.v0/0-1/acmeCo/orders": due.Add(time.Minute),
	}
	want := `TASK           KIND        STATE       IN  OUT  LAG  BEHIND
acmeCo/totals  derivation  running  12000  300    7   2 min
  waits until 2026-01-02 03:04:05 for a readDelay
`
	if got := drawn(statusTable(late, nil, 0, 60), 60); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

func TestBehind(t *testing.T) {
	for seconds, want := range map[float64]string{0: "0 s", 3.9: "3 s", 119: "119 s", 120: "2 min", 7199: "119 min", 7200: "2 h", 47 * 3600: "47 h", 48 * 3600: "2 d"} {
		if got := behind(seconds); got != want {
			t.Errorf("%g seconds are %s, want %s", seconds, got, want)
		}
	}
}
