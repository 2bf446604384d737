package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"syscall"
	"time"
)

// row is a line of the table: something that is run once in each round.
type row struct {
	Name string
	// Limits names the rows that this one is held against; none for a limit.
	Limits []string
	// Times names the row whose cost this one's is given in multiples of, and
	// Most is how many there should be at most.
	Times string
	Most  float64
	Large bool // takes minutes: runs only when -rows asks for it
	Run   func(context.Context, *meter) (sample, error)
}

// sample is what one run of a row gave.
type sample struct {
	Documents int
	Elapsed   time.Duration
	Client    time.Duration // CPU of the processes that did the row's work
	Server    time.Duration // CPU of the NATS server
	Peak      int64         // highest memory of a worker process in bytes, 0 where there is none
	Latencies []time.Duration
}

func (s sample) rate() float64 { return float64(s.Documents) / s.Elapsed.Seconds() }

// perDocument is CPU time as microseconds a document.
func (s sample) perDocument(cpu time.Duration) float64 {
	return float64(cpu.Nanoseconds()) / 1e3 / float64(s.Documents)
}

// meter holds what rows are to do and measures it.
type meter struct {
	Documents int           // of a throughput row
	Paced     int           // of a latency row
	Pause     time.Duration // between two documents of a latency row
	Server    []int         // process ids of the NATS server, if known
	Workers   []int         // process ids that do the row's work; none: this process does
}

// measure runs f, which moves n documents, and takes time and CPU.
func (m *meter) measure(n int, f func() error) (sample, error) {
	before, err := m.cpu()
	if err != nil {
		return sample{}, err
	}
	start := time.Now()
	if err := f(); err != nil {
		return sample{}, err
	}
	s := sample{Documents: n, Elapsed: time.Since(start)}
	after, err := m.cpu()
	if err != nil {
		return sample{}, err
	}
	s.Client, s.Server = after.client-before.client, after.server-before.server
	for _, pid := range m.Workers {
		peak, err := peakMemory(pid)
		if err != nil {
			return sample{}, err
		}
		s.Peak = max(s.Peak, peak)
	}
	return s, nil
}

// warmUp is how many documents a latency row moves before it is measured:
// the first ones pay for connections, files and code that is not yet in memory.
const warmUp = 20

// paced sends a document each pause and takes the time until it is received.
// The time counts from the moment at which the document was due, so a slow
// answer is charged to the documents that had to wait behind it, too.
func (m *meter) paced(ctx context.Context, send func(i int) error, receive func() error) (sample, error) {
	for i := range warmUp {
		if err := errors.Join(send(i), receive()); err != nil {
			return sample{}, fmt.Errorf("warm up: %w", err)
		}
	}
	latencies := make([]time.Duration, 0, m.Paced)
	s, err := m.measure(m.Paced, func() error {
		start := time.Now()
		for i := range m.Paced {
			due := start.Add(time.Duration(i) * m.Pause)
			if err := sleepUntil(ctx, due); err != nil {
				return err
			}
			if err := send(i); err != nil {
				return fmt.Errorf("send: %w", err)
			}
			if err := receive(); err != nil {
				return fmt.Errorf("receive: %w", err)
			}
			latencies = append(latencies, time.Since(due))
		}
		return nil
	})
	s.Latencies = latencies
	return s, err
}

func sleepUntil(ctx context.Context, due time.Time) error {
	timer := time.NewTimer(time.Until(due))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

type cpuTimes struct{ client, server time.Duration }

func (m *meter) cpu() (cpuTimes, error) {
	server, err := cpuOf(m.Server)
	if err != nil {
		return cpuTimes{}, err
	}
	client := ownCPU()
	if len(m.Workers) > 0 {
		if client, err = cpuOf(m.Workers); err != nil {
			return cpuTimes{}, err
		}
	}
	return cpuTimes{client: client, server: server}, nil
}

func ownCPU() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err) // the arguments are constant
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// runRounds runs each row once a round, so that a row and its limits meet the
// same weather. progress is told of every run.
func runRounds(ctx context.Context, rows []row, rounds int, m *meter, progress func(round int, r row, s sample)) (map[string][]sample, error) {
	samples := make(map[string][]sample, len(rows))
	for round := range rounds {
		for _, r := range rows {
			s, err := r.Run(ctx, m)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", r.Name, err)
			}
			samples[r.Name] = append(samples[r.Name], s)
			progress(round, r, s)
		}
	}
	return samples, nil
}

// median of values in any order; 0 of none.
func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}

// quantile q of sorted durations, the next higher one between two; 0 of none.
func quantile(sorted []time.Duration, q float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	i := int(q * float64(len(sorted)))
	return sorted[min(i, len(sorted)-1)]
}
