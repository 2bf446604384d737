package main

import (
	"weir/journal"
	"weir/monitor"
)

// monitor mounts what monitoring systems ask for, which needs no token. works
// says whether this process runs tasks.
func (p *pages) monitor(conn *journal.Conn, works bool) *monitor.Monitor {
	m := monitor.New(conn, version, works)
	if p.Listener != nil {
		p.Open("GET /metrics", m.Metrics())
		p.Open("GET /livez", m.Live())
		p.Open("GET /readyz", m.Ready())
	}
	return m
}
