package worker

import (
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// route is a way of documents through a task: a transform or binding, and the
// collection on its other side. What a derivation or capture writes has no name:
// it is combined before it is written.
type route struct{ name, collection string }

// flow counts documents on one route. Whoever counts takes it once, not for each
// document.
type flow struct{ docs, bytes atomic.Uint64 }

func (f *flow) add(bytes int) {
	f.docs.Add(1)
	f.bytes.Add(uint64(bytes))
}

// counters count what a task did since it was built.
type counters struct {
	quarantined, txns, restarts atomic.Uint64
	phases                      phases

	mu       sync.Mutex
	ins      map[route]*flow
	outs     map[route]*flow
	failures map[string]uint64 // by code
}

// read is the counter of what comes in by a transform or binding.
func (c *counters) read(name, collection string) *flow { return c.flow(&c.ins, name, collection) }

// wrote is the counter of what goes out.
func (c *counters) wrote(name, collection string) *flow { return c.flow(&c.outs, name, collection) }

func (c *counters) flow(of *map[route]*flow, name, collection string) *flow {
	c.mu.Lock()
	defer c.mu.Unlock()
	if *of == nil {
		*of = map[route]*flow{}
	}
	r := route{name, collection}
	if (*of)[r] == nil {
		(*of)[r] = &flow{}
	}
	return (*of)[r]
}

// failed counts a failure of a start.
func (c *counters) failed(code string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.failures == nil {
		c.failures = map[string]uint64{}
	}
	c.failures[code]++
}

// fill copies the counters into a status record.
func (c *counters) fill(to *Status) {
	to.Quarantined, to.Txns = c.quarantined.Load(), c.txns.Load()
	c.mu.Lock()
	defer c.mu.Unlock()
	for r, f := range c.ins {
		b := to.binding(r)
		b.In, b.InBytes = f.docs.Load(), f.bytes.Load()
		to.In, to.InBytes = to.In+b.In, to.InBytes+b.InBytes
		if to.Kind == KindDerivation {
			if to.Reads == nil {
				to.Reads = map[string]uint64{}
			}
			to.Reads[r.name] += b.In
		}
	}
	for r, f := range c.outs {
		b := to.binding(r)
		b.Out, b.OutBytes = f.docs.Load(), f.bytes.Load()
		to.Out, to.OutBytes = to.Out+b.Out, to.OutBytes+b.OutBytes
	}
}

// Phases of a transaction, in their order. The load and the store of a
// materialization are parts of its commit.
const (
	phaseOpen   = iota // from its first document on: reading and processing
	phaseStage         // reducing what it writes, and sending it as far as that can be
	phaseWait          // for the commit of the transaction before it
	phaseLoad          // of what the endpoint holds
	phaseStore         // of rows
	phaseCommit        // until it is durable and acknowledged
	phaseTotal         // all of it
	phaseCount
)

var phaseNames = [phaseCount]string{"open", "stage", "wait", "load", "store", "commit", "total"}

// PhaseBounds are the upper bounds of the buckets of phases, in seconds. An idle
// task commits in 2 ms; one that is busy closes its transactions after a second.
var PhaseBounds = []float64{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60}

// phases are the histograms of a task's transactions.
type phases [phaseCount]histogram

func (p *phases) observe(phase int, took time.Duration) { p[phase].observe(took) }

// histogram counts durations by bucket.
type histogram struct {
	buckets [16]atomic.Uint64 // one for each of PhaseBounds, and one for what is longer
	nanos   atomic.Int64
}

func (h *histogram) observe(took time.Duration) {
	at, _ := slices.BinarySearch(PhaseBounds, took.Seconds())
	h.buckets[at].Add(1)
	h.nanos.Add(int64(took))
}

// Histogram says how long a phase of transactions took.
type Histogram struct {
	Count   uint64
	Sum     float64  // seconds
	Buckets []uint64 // cumulated, one for each of PhaseBounds
}

func (h *histogram) read() Histogram {
	out := Histogram{Sum: time.Duration(h.nanos.Load()).Seconds(), Buckets: make([]uint64, len(PhaseBounds))}
	for i := range h.buckets {
		out.Count += h.buckets[i].Load()
		if i < len(out.Buckets) {
			out.Buckets[i] = out.Count
		}
	}
	return out
}

// Measure is what can be measured of a task, for who collects metrics.
type Measure struct {
	Status
	Phases   map[string]Histogram // those that happened
	Failures map[string]uint64    // by code
	Restarts uint64               // starts after a failure
	Dropped  uint64               // lines of its log
}

// Measures measures all tasks, in the order of Status.
func (w *Worker) Measures() []Measure {
	w.mu.Lock()
	tasks := make([]*task, 0, len(w.tasks))
	for _, key := range slices.Sorted(maps.Keys(w.tasks)) {
		tasks = append(tasks, w.tasks[key])
	}
	w.mu.Unlock()
	out := make([]Measure, len(tasks))
	for i, t := range tasks {
		c := &t.env.counters
		m := Measure{Status: t.status(w.options.ID), Phases: map[string]Histogram{}, Restarts: c.restarts.Load()}
		for phase := range phaseNames {
			if h := c.phases[phase].read(); h.Count > 0 {
				m.Phases[phaseNames[phase]] = h
			}
		}
		c.mu.Lock()
		m.Failures = maps.Clone(c.failures)
		c.mu.Unlock()
		if w.options.Logs != nil {
			m.Dropped = w.options.Logs.Dropped(t.kind, t.env.task)
		}
		out[i] = m
	}
	return out
}
