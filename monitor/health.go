package monitor

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"weir/journal"
	"weir/worker"
)

// Monitor answers about one process.
type Monitor struct {
	conn    *journal.Conn
	version string
	works   bool // there is a worker, or will be
	worker  atomic.Pointer[worker.Worker]
	settled atomic.Bool // the worker's tasks have started once
	now     func() time.Time
}

// New makes a monitor of a process that uses the connection; works says whether
// it runs tasks, once Watch has been told of the worker.
func New(conn *journal.Conn, version string, works bool) *Monitor {
	return &Monitor{conn: conn, version: version, works: works, now: time.Now}
}

// Watch is told of the process's worker.
func (m *Monitor) Watch(w *worker.Worker) { m.worker.Store(w) }

// check is one thing that health depends on.
type check struct {
	Name   string `json:"name"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail"`
}

// Live is the handler of /livez: 200 while the worker's loops turn. It says
// nothing of NATS, nor of any task: starting again would help neither.
func (m *Monitor) Live() http.Handler {
	return m.answer("live", func() []check {
		w := m.worker.Load()
		if w == nil {
			return []check{{"process", true, "it answers"}}
		}
		silent := m.now().Sub(w.Turned())
		return []check{{"worker", silent < hung, fmt.Sprintf("its loop turned %s ago", silent.Round(time.Millisecond))}}
	})
}

// hung is how long the worker's loop may take for a turn: a turn waits for the
// server for seconds when that is away.
const hung = time.Minute

// Ready is the handler of /readyz: 200 while there is a connection to NATS, and
// since every task was started, or could not be.
func (m *Monitor) Ready() http.Handler {
	return m.answer("ready", func() []check {
		nats := check{"nats", m.conn.Connected(), "connected to " + m.conn.URL()}
		if !nats.OK {
			nats.Detail = "not connected; it is tried again for ever"
		}
		if !m.works {
			return []check{nats}
		}
		return []check{nats, m.tasks()}
	})
}

func (m *Monitor) tasks() check {
	w := m.worker.Load()
	if w == nil {
		return check{"tasks", false, "the worker has not started yet"}
	}
	all := w.Status()
	by := map[worker.State]int{}
	for _, s := range all {
		by[s.State]++
	}
	var parts []string
	for _, state := range worker.States() {
		if by[state] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", by[state], state))
		}
	}
	if len(parts) == 0 {
		parts = []string{"none"}
	}
	if w.Seen() && by[worker.StatePending] == 0 {
		m.settled.Store(true)
	}
	return check{"tasks", m.settled.Load(), strings.Join(parts, ", ")}
}

// answer gives 200 or 503, in one word or, with ?verbose, as JSON with what was
// looked at.
func (m *Monitor) answer(what string, look func() []check) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		checks, ok := look(), true
		for _, c := range checks {
			ok = ok && c.OK
		}
		code, word := http.StatusOK, "ok\n"
		if !ok {
			code, word = http.StatusServiceUnavailable, "not "+what+"\n"
		}
		if !r.URL.Query().Has("verbose") {
			w.Header().Set("Content-Type", "text/plain; charset=utf-8")
			w.WriteHeader(code)
			_, _ = w.Write([]byte(word)) // whoever asked may be gone
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(code)
		_ = json.NewEncoder(w).Encode(map[string]any{what: ok, "checks": checks})
	})
}
