package http

import "time"

const (
	// gatherDocuments and gatherBytes are from where on a batch is worth being
	// sent while the former one commits.
	gatherDocuments = 256
	gatherBytes     = 256 << 10
	leastGather     = 5 * time.Millisecond
	mostGather      = 100 * time.Millisecond
)

// load is what requests amount to.
type load struct{ documents, bytes int }

// pace is what is known of how requests come and commits take.
type pace struct {
	queued   time.Time     // when the first request of the queue came
	handed   time.Time     // when a batch was handed out while none was
	commit   time.Duration // how long the last batch took to be durable
	answered time.Time     // when that was
	awaited  int           // requests that were answered then
	came     int           // requests since
}

// gather says how long requests may be left to gather. A commit costs the same
// for one document as for hundreds, and clients send their next request when
// the former is answered: a batch that begins while another commits would
// leave them in two halves, each of which waits for the other. So while little
// is queued it waits for the commit, and then for as many requests as that
// answered, half as long as the commit took at most. A request that comes
// alone waits for nothing.
func (s *session) gather(now time.Time) time.Duration {
	p := &s.pace
	switch {
	case s.queued.documents >= min(gatherDocuments, s.limits.Documents) || s.queued.bytes >= gatherBytes:
		return 0
	case len(s.handed) > 0:
		return p.queued.Add(min(max(2*p.commit, leastGather), mostGather)).Sub(now)
	case p.came >= p.awaited:
		return 0
	}
	return p.answered.Add(min(p.commit/2, mostGather)).Sub(now)
}
