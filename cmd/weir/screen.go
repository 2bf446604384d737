package main

import (
	"fmt"
	"io"
	"regexp"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"weir/worker"
)

// screen shows what tasks do: on a terminal a few lines that are drawn again
// each second, elsewhere the line that says ready and each change of a state.
type screen struct {
	out      io.Writer
	url      string
	pages    string // where the pages are, empty without them
	data     string
	log      string // file, when logs do not go to standard error
	terminal bool

	mu      sync.Mutex // held while something is drawn: more than one goroutine tells
	message string     // above the tasks, on a terminal
	last    []worker.Status
	lines   int // drawn by the last show
	before  map[string]worker.Status
	at      time.Time
}

// tell shows a message: on a terminal above the tasks, in place of the one
// before.
func (s *screen) tell(message string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.terminal {
		fmt.Fprintln(s.out, message)
		return
	}
	s.message = message
	if s.lines > 0 {
		s.draw(s.last)
	}
}

// ready prints the line that scripts wait for.
func (s *screen) ready(all []worker.Status) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.changes(all)
	fmt.Fprintf(s.out, "ready %s\n", s.url)
	if s.pages != "" {
		fmt.Fprintf(s.out, "pages %s\n", s.pages)
	}
	if s.terminal {
		fmt.Fprintf(s.out, "data  %s\n", s.data)
		if s.log != "" {
			fmt.Fprintf(s.out, "log   %s\n", s.log)
		}
		fmt.Fprintln(s.out)
		s.draw(all)
	}
}

// show draws the status, or prints what has changed.
func (s *screen) show(all []worker.Status) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.terminal {
		s.changes(all)
		return
	}
	s.draw(all)
}

// draw draws the message and the status in place of those before.
func (s *screen) draw(all []worker.Status) {
	now := time.Now()
	var b strings.Builder
	if s.lines > 0 {
		fmt.Fprintf(&b, "\x1b[%dA\x1b[J", s.lines)
	}
	page := newSheet(s.out)
	page.table(statusTable(all, s.before, now.Sub(s.at), page.blockWidth()))
	text := page.b.String()
	if s.message != "" {
		text = s.fitting(s.message, strings.Count(text, "\n")) + "\n\n" + text
	}
	b.WriteString(text)
	b.WriteString("Ctrl-C stops.\n")
	s.lines = strings.Count(text, "\n") + 1
	fmt.Fprint(s.out, b.String())
	s.last = all
	s.remember(all, now)
}

// colorCodes are what colours a text and takes no room.
var colorCodes = regexp.MustCompile("\x1b\\[[0-9;]*m")

// fitting cuts a message to what the terminal has room for, beside other lines:
// what has scrolled away could not be drawn over.
func (s *screen) fitting(message string, others int) string {
	width, height := terminalSize(s.out)
	var out []string
	room := height - others - 4
	for line := range strings.Lines(message) {
		line = strings.TrimRight(line, "\n")
		plain := colorCodes.ReplaceAllString(line, "")
		if utf8.RuneCountInString(plain) < width {
			out = append(out, line)
			continue
		}
		runes := []rune(plain)
		for first := true; first || len(runes) > 0; first = false {
			n := min(len(runes), width-1)
			out, runes = append(out, string(runes[:n])), runes[n:]
		}
	}
	if room = max(room, 3); len(out) > room {
		out = append(out[:room-1], "...")
	}
	return strings.Join(out, "\n")
}

// end draws the last status.
func (s *screen) end(all []worker.Status) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.terminal {
		s.draw(all)
		fmt.Fprintln(s.out, "stopped; started again it goes on from here")
	}
}

// changes prints a line for each task whose trouble is new or over.
func (s *screen) changes(all []worker.Status) {
	for _, t := range all {
		old, known := s.before[statusName(t)]
		trouble := t.State == worker.StateFailed || t.State == worker.StateRetrying
		wasTrouble := old.State == worker.StateFailed || old.State == worker.StateRetrying
		switch {
		case trouble && (old.State != t.State || message(old) != message(t)):
			fmt.Fprintf(s.out, "%s %s %s: %s\n", t.State, t.Kind, t.Task, message(t))
		case known && wasTrouble && !trouble:
			fmt.Fprintf(s.out, "%s %s %s\n", t.State, t.Kind, t.Task)
		}
	}
	s.remember(all, time.Now())
}

func (s *screen) remember(all []worker.Status, now time.Time) {
	s.before, s.at = map[string]worker.Status{}, now
	for _, t := range all {
		s.before[statusName(t)] = t
	}
}

func statusName(t worker.Status) string { return t.Kind + " " + t.Task + " " + t.Shard }

func message(t worker.Status) string {
	if t.Why == nil {
		return ""
	}
	return t.Why.Message
}
