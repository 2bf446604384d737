package ui

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"

	"go.uber.org/zap"
)

const (
	beat         = 15 * time.Second // between signs of life, for proxies
	writeTimeout = 30 * time.Second // of one event
	listPause    = 5 * time.Second  // between two readings of a list that is followed
	mostRows     = 200              // of a list that grows, in the browser
)

// stream sends events to one browser. Several goroutines may send.
type stream struct {
	w    http.ResponseWriter
	ctl  *http.ResponseController
	last uint64 // the browser's Last-Event-ID

	mu   sync.Mutex
	sent map[string]string // regions, as the browser has them
}

// events serves a page's events until the browser goes away or the listener
// stops.
func (u *UI) events(follow func(*visit, *stream) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s := &stream{w: w, ctl: http.NewResponseController(w), sent: map[string]string{}}
		s.last, _ = strconv.ParseUint(r.Header.Get("Last-Event-ID"), 10, 64) // 0: from the beginning
		h := w.Header()
		h.Set("Content-Type", "text/event-stream")
		h.Set("X-Accel-Buffering", "no") // of a proxy
		ctx, cancel := context.WithCancel(r.Context())
		defer cancel()
		var beating sync.WaitGroup
		beating.Go(func() {
			if s.keep(ctx) != nil {
				cancel() // the browser is gone
			}
		})
		defer beating.Wait()
		defer cancel()
		_ = s.ctl.SetReadDeadline(time.Time{}) // the request is read; an answer that goes on needs no limit on it
		err := follow(&visit{w: w, r: r.WithContext(ctx)}, s)
		if err != nil && ctx.Err() == nil {
			u.o.Log.Debug("events of a page", zap.String("path", r.URL.Path), zap.Error(err))
			_ = s.send("trouble", 0, map[string]string{"message": u.explain(err).Message}) // and the browser connects again
		}
	})
}

// keep writes a sign of life now and then.
func (s *stream) keep(ctx context.Context) error {
	tick := time.NewTicker(beat)
	defer tick.Stop()
	for {
		if err := s.write("event: alive\ndata:\n\n"); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func (s *stream) write(text string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.writeLocked(text)
}

func (s *stream) writeLocked(text string) error {
	if err := s.ctl.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	if _, err := s.w.Write([]byte(text)); err != nil {
		return err
	}
	return s.ctl.Flush()
}

// send sends an event; with an id the browser names it when it connects again.
func (s *stream) send(event string, id uint64, data any) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sendLocked(event, id, data)
}

func (s *stream) sendLocked(event string, id uint64, data any) error {
	text, err := json.Marshal(data) // one line, whatever is in it
	if err != nil {
		return err
	}
	line := ""
	if id > 0 {
		line = fmt.Sprintf("id: %d\n", id)
	}
	return s.writeLocked(fmt.Sprintf("%sevent: %s\ndata: %s\n\n", line, event, text))
}

// region sends a region of the page anew, if it has changed.
func (s *stream) region(id, html string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sent[id] == html {
		return nil
	}
	s.sent[id] = html
	return s.sendLocked("region", 0, map[string]string{"id": id, "html": html})
}

// rows sends rows for a list that grows, as one event: the sequence of the
// newest, and how many came, shown or not.
func (s *stream) rows(list, html string, id, came uint64) error {
	return s.send("rows", id, map[string]any{"id": list, "html": html, "came": came, "most": mostRows})
}

// regions renders parts of a page with each snapshot of the tasks, until the
// context ends.
func (u *UI) regions(ctx context.Context, s *stream, page string, render func(snapshot) (data any, parts []string, err error)) error {
	return u.live.watch(ctx, func(now snapshot) error {
		data, parts, err := render(now)
		if err != nil {
			return err
		}
		for _, part := range parts {
			if err := u.region(s, page, part, data); err != nil {
				return err
			}
		}
		return u.region(s, page, "in-quarantine", now.quarantined)
	})
}

func (u *UI) region(s *stream, page, part string, data any) error {
	html, err := u.pages.fragment(page, part, data)
	if err != nil {
		return err
	}
	return s.region(part, html)
}

// listed follows a page whose list is read anew now and then: it costs more than
// a look at the tasks.
func (u *UI) listed(v *visit, s *stream, page string, read func(*visit) (any, error)) error {
	var next time.Time
	return u.regions(v.r.Context(), s, page, func(now snapshot) (any, []string, error) {
		if now.at.Before(next) {
			return nil, nil, nil
		}
		next = now.at.Add(listPause)
		data, err := read(v)
		return data, []string{"list"}, err
	})
}
