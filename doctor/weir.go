package doctor

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"weir/collection"
	"weir/journal"
	"weir/worker"
)

// Growth is what a collection takes on disk, and what of it is in quarantine.
type Growth struct {
	Collection string `json:"collection"`
	Messages   uint64 `json:"messages"` // documents, and a few of Weir's own
	Bytes      uint64 `json:"bytes"`
	PerDay     uint64 `json:"bytesPerDay"` // since its oldest message; 0 when it is too young to tell
	Replicas   int    `json:"replicas"`
	// Quarantined is how many of its documents are in quarantine; one that is kept
	// in parts counts as many.
	Quarantined uint64 `json:"quarantined"`
}

// youngest is the age of a stream's oldest message from which its growth says
// something.
const youngest = time.Hour

// ofStreams looks at the replicas of Weir's streams.
func (e *exam) ofStreams(ctx context.Context) {
	var err error
	if e.streams, err = e.conn.Streams(ctx); err != nil {
		e.broken("replicas", err, "allow this user `$JS.API.STREAM.>`")
		return
	}
	e.streams = slices.DeleteFunc(e.streams, func(s journal.StreamInfo) bool { return s.Metadata[journal.MetadataKind] == "doctor" })
	var alone, behind, forgetful []string
	for _, s := range e.streams {
		switch {
		case s.Offline > 0:
			behind = append(behind, s.Name)
		case s.Memory:
			forgetful = append(forgetful, s.Name)
		case e.server.Cluster != "" && s.Replicas == 1:
			alone = append(alone, s.Name)
		}
	}
	if len(behind) > 0 {
		e.add("replicas", Warn, "replicas are away or behind: "+few(behind), "one more that fails stops these streams", "look at the servers of the cluster: `nats server report jetstream`")
	}
	if len(forgetful) > 0 {
		e.add("replicas", Warn, "streams are in memory only: "+few(forgetful), "a server that starts again has lost them", "make them on disk")
	}
	if len(alone) > 0 {
		e.add("replicas", Warn, "streams have one replica on a cluster: "+few(alone), "the server that holds them is a single point of failure", "give them three: `nats stream edit NAME --replicas 3`")
	}
	if len(behind)+len(forgetful)+len(alone) == 0 {
		e.ok("replicas", "%s, each as it should be", plural(len(e.streams), "stream"))
	}
}

// ofGrowth measures the collections.
func (e *exam) ofGrowth(context.Context) {
	var total, daily uint64
	for _, s := range e.streams {
		if s.Metadata[journal.MetadataKind] != "collection" {
			continue
		}
		name := s.Metadata["weir.catalog-name"]
		if name == "" {
			name = s.Name
		}
		g := Growth{Collection: name, Messages: s.Messages, Bytes: s.Bytes, Replicas: s.Replicas}
		if age := e.now().Sub(s.FirstTime); s.Messages > 0 && age >= youngest {
			g.PerDay = uint64(float64(s.Bytes) / age.Hours() * 24)
		}
		total, daily = total+g.Bytes, daily+g.PerDay
		e.report.Collections = append(e.report.Collections, g)
	}
	slices.SortFunc(e.report.Collections, func(a, b Growth) int {
		return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), cmp.Compare(a.Collection, b.Collection))
	})
	text := fmt.Sprintf("%s hold %s", plural(len(e.report.Collections), "collection"), size(total))
	if daily > 0 {
		text += fmt.Sprintf(" and grow by %s a day", size(daily))
	}
	if free := e.server.Account.MaxStorage - int64(e.server.Account.Storage); e.server.Account.MaxStorage > 0 && daily > 0 {
		if days := float64(max(free, 0)) / float64(daily); days < 30 {
			e.add("growth", Warn, fmt.Sprintf("%s: the account's storage lasts for %.0f days", text, days), "a full server refuses writes, and tasks wait", "raise the account's storage, or see in the list which collections grow")
			return
		}
	}
	e.ok("growth", "%s", text)
}

// abandoned is the age from which a reader that asks for nothing is odd: the
// server removes it after two minutes.
const abandoned = 10 * time.Minute

// ofReaders looks for consumers that nobody reads.
func (e *exam) ofReaders(ctx context.Context) {
	var left []string
	readers := 0
	for _, s := range e.streams {
		if s.Metadata[journal.MetadataKind] != "collection" {
			continue
		}
		consumers, err := e.conn.Consumers(ctx, s.Name)
		if err != nil {
			e.broken("readers", err, "allow this user `$JS.API.CONSUMER.>`")
			return
		}
		for _, c := range consumers {
			if c.Metadata[journal.MetadataKind] != "reader" {
				continue
			}
			readers++
			if c.Waiting == 0 && c.Pending > 0 && e.now().Sub(c.Created) > abandoned {
				left = append(left, c.Name)
			}
		}
	}
	if len(left) > 0 {
		e.add("readers", Warn, "consumers have messages and nobody asks for them: "+few(left), "a task that stands still holds them, or a process that is gone did", "look at the tasks below; what nobody uses is removed by the server after two minutes")
		return
	}
	e.ok("readers", "%s", plural(readers, "reader"))
}

// ofQuarantine counts documents in quarantine, by collection.
func (e *exam) ofQuarantine(ctx context.Context) {
	i := slices.IndexFunc(e.streams, func(s journal.StreamInfo) bool { return s.Name == collection.BadStream })
	if i < 0 || e.streams[i].Messages == 0 {
		e.ok("quarantine", "no document is in quarantine")
		return
	}
	var held []string
	for j := range e.report.Collections {
		g := &e.report.Collections[j]
		waiting, err := e.conn.Waiting(ctx, collection.BadStream, collection.BadFilter(g.Collection), 0)
		if err != nil {
			e.broken("quarantine", err, "allow this user `$JS.API.STREAM.MSG.GET.>` and `$JS.API.CONSUMER.>`")
			return
		}
		if g.Quarantined = waiting.Messages; g.Quarantined > 0 {
			held = append(held, fmt.Sprintf("%d of %s", g.Quarantined, g.Collection))
		}
	}
	bad := e.streams[i]
	what := fmt.Sprintf("%s in quarantine, the newest of %s", plural(int(bad.Messages), "document"), bad.LastTime.Local().Format(time.DateTime))
	if len(held) > 0 {
		what += ": " + few(held)
	}
	e.add("quarantine", Warn, what, "they are in no collection until somebody mends or drops them", "`weir quarantine list` shows them and why")
}

// ofWorkers looks who runs tasks.
func (e *exam) ofWorkers(ctx context.Context) {
	signs, err := worker.ReadSigns(ctx, e.conn)
	if err != nil {
		e.broken("workers", err, "allow this user to read the bucket "+worker.StatusBucket)
		return
	}
	alive := 0
	for _, s := range signs {
		if !s.Alive {
			continue
		}
		alive++
		version := cmp.Or(s.Version, "of an unknown version")
		what := fmt.Sprintf("worker %s, weir %s, runs since %s", s.Worker, version, s.Started.Local().Format(time.DateTime))
		switch skew := s.Updated.Sub(s.Stored); {
		case skew.Abs() > skewed:
			e.add("workers", Warn, fmt.Sprintf("%s; its clock is %s %s the server's", what, skew.Abs().Round(time.Millisecond), aheadOrBehind(skew)),
				"lags and readDelays are told by these clocks", "let both machines follow the same time servers (NTP)")
		case s.Version != e.version:
			e.add("workers", Warn, fmt.Sprintf("%s; this is weir %s", what, e.version), "a newer weir may publish what an older one cannot run", "run the same version everywhere")
		default:
			e.ok("workers", "%s", what)
		}
	}
	if alive == 0 {
		e.add("workers", Warn, "no worker is alive", "nobody runs tasks", "start `weir up` or `weir serve`")
	}
}

// ofTasks looks at the tasks that do not run.
func (e *exam) ofTasks(ctx context.Context) {
	all, err := worker.ReadStatus(ctx, e.conn)
	if err != nil {
		e.broken("tasks", err, "allow this user to read the bucket "+worker.StatusBucket)
		return
	}
	count := map[worker.State]int{}
	for _, s := range all {
		count[s.State]++
		name := s.Kind + " " + s.Task
		why := &worker.Why{}
		if s.Why != nil {
			why = s.Why
		}
		switch s.State {
		case worker.StateFailed:
			e.add("tasks", Fail, fmt.Sprintf("%s failed: %s: %s", name, why.Code, why.Message), "it stands until somebody changes something", why.Fix)
		case worker.StateRetrying, worker.StatePending:
			e.add("tasks", Warn, strings.TrimSuffix(fmt.Sprintf("%s is %s: %s", name, s.State, why.Message), ": "), "its documents wait", cmp.Or(why.Fix, "`weir logs "+s.Task+"` shows more"))
		}
	}
	var parts []string
	for _, state := range worker.States() {
		if count[state] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", count[state], state))
		}
	}
	if len(parts) == 0 {
		parts = []string{"none is published"}
	}
	e.ok("tasks", "%s", strings.Join(parts, ", "))
}

// few names the first of many.
func few(names []string) string {
	const most = 5
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
