package worker

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"
)

// script is a reader and a writer that tell what the loop does with them.
type script struct {
	steps  int   // that idle takes
	inputs []int // for each, after how many steps of idle it is there
	said   []string
	nudge  chan struct{}
	stop   chan struct{}
	staged func() // nil: nobody asks
}

func (s *script) tell(format string, args ...any) {
	s.said = append(s.said, fmt.Sprintf(format, args...))
}

func (s *script) idles() int {
	n := 0
	for _, said := range s.said {
		if said == "idle" {
			n++
		}
	}
	return n
}

func (s *script) next() (int, bool, error) {
	if len(s.inputs) == 0 || s.idles() < s.inputs[0] {
		return 0, false, nil
	}
	in := s.inputs[0]
	s.inputs = s.inputs[1:]
	return in, true, nil
}

func (s *script) wake() <-chan struct{} { return s.nudge }

func (s *script) add(_ context.Context, in int) (verdict, error) {
	s.tell("add %d", in)
	return more, nil
}

func (s *script) stage(context.Context) (func(context.Context) error, error) {
	s.tell("stage")
	if s.staged != nil {
		s.staged()
	}
	return func(context.Context) error { return nil }, nil
}

func (s *script) idle(context.Context) (bool, error) {
	s.tell("idle")
	s.steps--
	if s.steps == 0 && len(s.inputs) == 0 {
		close(s.stop)
	}
	return s.steps > 0, nil
}

// TestIdleGivesWay lets idle have several steps to do: inputs that come
// between two of them are processed before the next one, and what is left is
// done afterwards.
func TestIdleGivesWay(t *testing.T) {
	s := &script{steps: 5, inputs: []int{2, 3}, nudge: make(chan struct{}), stop: make(chan struct{})}
	l := loop[int]{env: &env{ages: &ages{}}, in: s, out: s, maxAge: time.Hour, rest: time.Millisecond}
	if err := l.run(t.Context(), s.stop); err != nil {
		t.Fatal(err)
	}
	want := "idle idle add 2 stage idle add 3 stage idle idle"
	if got := strings.Join(s.said, " "); !strings.HasPrefix(got, want) {
		t.Errorf("the loop did\n%s, want\n%s", got, want)
	}
}

// TestDrainEndsIdle stops a loop whose idle has steps left: they are done.
func TestDrainEndsIdle(t *testing.T) {
	s := &script{steps: 4, nudge: make(chan struct{}), stop: make(chan struct{})}
	stopped := make(chan struct{})
	close(stopped)
	l := loop[int]{env: &env{ages: &ages{}}, in: s, out: s, maxAge: time.Hour, rest: time.Hour}
	if err := l.run(t.Context(), stopped); err != nil {
		t.Fatal(err)
	}
	if s.steps != 0 {
		t.Errorf("%d steps were left", s.steps)
	}
}

// TestTransactionsWait gives a loop a least age of transactions: what is there
// is gathered, and written when the loop stops, or when the age is reached.
func TestTransactionsWait(t *testing.T) {
	run := func(s *script, l loop[int], want string) {
		t.Helper()
		l.env, l.in, l.out, l.maxAge = &env{ages: &ages{}}, s, s, time.Hour
		if err := l.run(t.Context(), s.stop); err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(s.said, " "); !strings.HasPrefix(got, want) {
			t.Errorf("the loop did\n%s, want\n%s", got, want)
		}
	}
	s := &script{steps: 1, inputs: []int{0, 0, 0}, nudge: make(chan struct{}), stop: make(chan struct{})}
	run(s, loop[int]{minAge: time.Hour, rest: time.Millisecond}, "add 0 add 0 add 0 idle stage")
	s = &script{steps: -1, inputs: []int{0, 0}, nudge: make(chan struct{}, 1), stop: make(chan struct{})}
	s.staged = func() { close(s.stop) }
	run(s, loop[int]{minAge: 10 * time.Millisecond, rest: time.Hour}, "add 0 add 0 stage")
}
