package http

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"slices"
	"sync/atomic"
	"time"

	"weir/sources"
)

const (
	headerTimeout  = 10 * time.Second // for a request's header to come
	bodyTimeout    = time.Minute      // for all of a request to come
	idleTimeout    = 2 * time.Minute  // of a connection between requests
	maxHeader      = 64 << 10         // bytes
	maxConnections = 4096             // more wait in the system's queue
)

// listener serves the captures that name one address. Its routes are changed
// by the source, under the source's lock, as a new table each time.
type listener struct {
	address string
	tls     tlsFiles
	socket  net.Listener
	server  *http.Server
	served  chan struct{} // closed when the server has ended
	table   atomic.Pointer[table]
}

// attach gives a session its routes, at a listener that is there or is made.
func (h *Source) attach(ctx context.Context, s *session) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.replace(s.task)
	l := h.listeners[s.settings.listen]
	if l != nil && l.tls != s.settings.tls {
		if owner := l.owner(); owner != "" {
			return fmt.Errorf("http: captures %s and %s listen on %s, but with different tls: give them the same, or another address", owner, s.task, l.address)
		}
		h.close(l)
		l = nil
	}
	if l == nil {
		var err error
		if l, err = listen(ctx, s.settings); err != nil {
			return err
		}
		h.listeners[s.settings.listen] = l
	}
	kept, err := l.others(s)
	if err != nil {
		return err
	}
	for i, b := range s.bindings {
		kept = append(kept, &route{session: s, binding: i, task: s.task, pattern: b.pattern})
	}
	l.table.Store(newTable(kept))
	s.detach = func() { h.detach(l, s) }
	return nil
}

// replace ends the session of a task that has another one now: that is what
// the catalog or the lease says, whatever became of the former owner.
func (h *Source) replace(task string) {
	for _, l := range h.listeners {
		for _, r := range l.table.Load().all() {
			if r.task == task && r.session != nil {
				h.park(l, r.session)
				r.session.fail(errors.New("http: another session of this capture was opened"))
			}
		}
	}
}

// others gives the routes that stay when a session gets its own, and refuses
// paths that another capture has.
func (l *listener) others(s *session) ([]*route, error) {
	mine := map[string]bool{}
	for i := range s.bindings {
		mine[s.bindings[i].pattern.shape()] = true
	}
	var kept []*route
	for _, r := range l.table.Load().all() {
		switch {
		case r.task == s.task:
		case !mine[r.pattern.shape()]:
			kept = append(kept, r)
		case r.session != nil:
			return nil, fmt.Errorf("http: path %s of %s belongs to capture %s: give the binding of %s another path, or another address", r.pattern.text, l.address, r.task, s.task)
		}
	}
	return kept, nil
}

// owner is a capture that runs at the listener.
func (l *listener) owner() string {
	for _, r := range l.table.Load().all() {
		if r.session != nil {
			return r.task
		}
	}
	return ""
}

// detach takes a session from its listener, which stays for a while.
func (h *Source) detach(l *listener, s *session) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.park(l, s)
}

// park leaves a session's routes without it, until they are swept away.
func (h *Source) park(l *listener, s *session) {
	var routes []*route
	found := false
	for _, r := range l.table.Load().all() {
		if r.session == s {
			found = true
			r = &route{task: r.task, pattern: r.pattern, until: time.Now().Add(h.linger)}
		}
		routes = append(routes, r)
	}
	if !found {
		return
	}
	l.table.Store(newTable(routes))
	time.AfterFunc(h.linger, func() { h.sweep(l) })
}

// sweep removes routes that nobody came back to, and a listener without any.
func (h *Source) sweep(l *listener) {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := time.Now()
	routes := slices.DeleteFunc(l.table.Load().all(), func(r *route) bool { return r.session == nil && !r.until.After(now) })
	l.table.Store(newTable(routes))
	if len(routes) == 0 && h.listeners[l.address] == l {
		h.close(l)
	}
}

// close ends a listener. Nobody's session is there any more.
func (h *Source) close(l *listener) {
	_ = l.server.Close() // connections are cut: what they wait for is over
	<-l.served
	delete(h.listeners, l.address)
}

// listen opens the address and serves it.
func listen(ctx context.Context, s *settings) (*listener, error) {
	l := &listener{address: s.listen, tls: s.tls, served: make(chan struct{})}
	var config tls.Config
	if s.tls != (tlsFiles{}) {
		c := &certificate{files: s.tls}
		if _, err := c.get(nil); err != nil {
			return nil, fmt.Errorf("http: tls: %w", err)
		}
		config = tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: c.get, NextProtos: []string{"h2", "http/1.1"}}
	}
	var lc net.ListenConfig
	socket, err := lc.Listen(ctx, "tcp", s.listen)
	if err != nil {
		err = fmt.Errorf("http: listen on %s: %w: end what listens there, or choose another address", s.listen, err)
		if errors.Is(err, os.ErrPermission) {
			return nil, err
		}
		return nil, sources.Transient(err)
	}
	l.socket = socket
	l.table.Store(newTable(nil))
	l.server = &http.Server{
		Handler: l, ReadHeaderTimeout: headerTimeout, ReadTimeout: bodyTimeout, WriteTimeout: bodyTimeout + maxTimeout + headerTimeout,
		IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeader, TLSConfig: &config,
		ErrorLog: log.New(io.Discard, "", 0), // of connections that strangers break
	}
	limited := &limitedListener{Listener: socket, room: make(chan struct{}, maxConnections), closed: make(chan struct{})}
	go func() { // close waits for served
		defer close(l.served)
		if s.tls != (tlsFiles{}) {
			err = l.server.ServeTLS(limited, "", "")
		} else {
			err = l.server.Serve(limited)
		}
		l.ended(err)
	}()
	return l, nil
}

// ended tells the sessions that the server has, unless it was told to.
func (l *listener) ended(err error) {
	if errors.Is(err, http.ErrServerClosed) {
		return
	}
	for _, r := range l.table.Load().all() {
		if r.session != nil {
			r.session.fail(sources.Transient(fmt.Errorf("http: serve %s: %w", l.address, err)))
		}
	}
}
