package worker

import (
	"context"
	"errors"
	"strings"
	"time"

	"weir/catalog"
	"weir/collection"
	"weir/journal"
)

// end is where what a task reads ends: what its position's key ends with, and
// how many readers there are to it.
type end struct {
	seq     uint64
	readers int
}

// Ends gives how far the sources of a published task are stored now, and so
// what says of a later status of it that it has processed all of that.
func Ends(ctx context.Context, conn *journal.Conn, r catalog.Record, known func(name string) (*collection.Collection, error)) (func(Status) bool, error) {
	ends := map[string]end{}
	for _, one := range sourcesOf(r) {
		from := one.source
		c, err := known(from.Name)
		if err != nil {
			return nil, err
		}
		s, err := newSource("/"+from.Name, from, c)
		if err != nil {
			return nil, err
		}
		for _, part := range s.selection.Split(maxFeeds) {
			m, err := conn.Last(ctx, c.StreamName(), part.Filter())
			if errors.Is(err, journal.ErrNoMessage) {
				continue
			}
			if err != nil {
				return nil, err
			}
			key := s.positionKey(part)
			ends[key] = end{seq: m.Seq, readers: ends[key].readers + 1}
		}
	}
	return func(s Status) bool {
		for suffix, end := range ends {
			readers := 0
			for key, seq := range s.Positions {
				if strings.HasSuffix(key, suffix) && seq >= end.seq {
					readers++
				}
			}
			if readers < end.readers {
				return false
			}
		}
		return true
	}, nil
}

// taskSource is what a task reads by one transform or binding.
type taskSource struct {
	source    catalog.Source
	transform string // its name; empty for a binding
	delay     time.Duration
}

// sourcesOf lists what a task reads, once for each of its transforms or bindings.
func sourcesOf(r catalog.Record) []taskSource {
	var out []taskSource
	switch {
	case r.Disabled():
	case r.Collection != nil && r.Collection.Derive != nil:
		for _, t := range r.Collection.Derive.Transforms {
			if !t.Disable {
				delay, _ := catalog.ParseDelay(t.ReadDelay) // the catalog was checked
				out = append(out, taskSource{t.Source, t.Name, delay})
			}
		}
	case r.Materialization != nil:
		for _, b := range r.Materialization.Bindings {
			if !b.Disable {
				out = append(out, taskSource{source: b.Source})
			}
		}
	}
	return out
}
