package doctor

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"weir/collection"
	"weir/journal"
	"weir/tasklog"
	"weir/worker"
)

// ofPermissions asks which of Weir's subjects this user may publish to.
func (e *exam) ofPermissions(ctx context.Context) {
	probe := "~doctor" // no catalog name holds a tilde
	needed := []struct{ subject, without string }{
		{strings.TrimSuffix(collection.DocFilter(probe), ">") + "0", "nothing can be written to collections"},
		{collection.TxnSubject(probe, probe, "0-1"), "tasks cannot commit"},
		{collection.PubSubject(probe), "documents cannot be published to collections"},
		{collection.BadSubject(probe, probe, 1, 0), "invalid documents cannot be put into quarantine"},
		{tasklog.Subject(worker.KindInbox, probe), "what tasks log is not kept"},
		{"$KV." + worker.CatalogBucket + ".doctor", "nothing can be published"},
		{"$KV." + worker.StatusBucket + ".doctor", "tasks cannot say what they do"},
		{"$KV." + worker.CheckpointBucket + ".doctor", "tasks cannot keep how far they are"},
	}
	denied := 0
	for _, n := range needed {
		err := e.conn.MayPublish(ctx, n.subject)
		var no *journal.DeniedError
		switch {
		case errors.As(err, &no):
			denied++
			e.add("permissions", Fail, err.Error(), n.without, "allow this user to publish to `weir.>`, `$KV.weir_*.>` and `$JS.API.>`")
		case err != nil:
			denied++
			e.broken("permissions", err, "look whether the server can be reached")
		}
	}
	if denied == 0 {
		e.ok("permissions", "this user may publish to all that Weir needs")
	}
}

// ofBatches makes a stream and tries on it what Weir's writers and readers do.
func (e *exam) ofBatches(ctx context.Context) {
	id := scratch()
	name, subject := "weir_doctor_"+id, "weir.doctor."+id
	before := e.now()
	_, err := e.conn.EnsureStream(ctx, journal.StreamConfig{Name: name, Subjects: []string{subject + ".>"}, Metadata: map[string]string{journal.MetadataKind: "doctor"}})
	if err != nil {
		e.broken("streams", err, "allow this user `$JS.API.STREAM.>`, and look at the limits of the account")
		return
	}
	defer func() {
		if err := e.conn.DeleteStream(context.WithoutCancel(ctx), name); err != nil {
			e.add("streams", Warn, "the stream of this examination was not removed: "+err.Error(), "it does no harm, and takes a name", "remove it: `nats stream rm "+name+"`")
		}
	}()
	asked := e.now()
	if info, err := e.conn.StreamInfo(ctx, name); err == nil {
		e.clock("clock", "the server", info.At, asked, e.now())
	}
	took, err := e.commit(ctx, name, subject, e.conn.MaxBatch())
	if errors.Is(err, journal.ErrBatchTooLarge) {
		e.add("batches", Fail, fmt.Sprintf("the server refuses batches of %d messages; it takes %d", e.conn.MaxBatch(), e.allowed(ctx, name, subject)),
			"Weir's writers fill batches", "start Weir with --max-batch and that number, or raise the server's jetstream limits batch max_msgs")
		return
	}
	if err == nil {
		err = e.readBack(ctx, name, subject)
	}
	if err != nil {
		e.broken("batches", err, "allow this user to publish to `weir.>` and `$JS.API.>`, and to subscribe to `_INBOX.>`")
		return
	}
	single, err := e.commit(ctx, name, subject, 2)
	if err != nil {
		e.broken("batches", err, "look at the server's log")
		return
	}
	e.ok("batches", "a stream was made in %s; %d messages were stored at once in %s, two in %s, and read back", asked.Sub(before).Round(time.Millisecond), e.conn.MaxBatch(), took.Round(100*time.Microsecond), single.Round(100*time.Microsecond))
}

// commit stores a batch.
func (e *exam) commit(ctx context.Context, stream, subject string, messages int) (time.Duration, error) {
	began := e.now()
	b := e.conn.NewBatch(stream)
	for i := range messages - 1 {
		if err := b.Add(journal.Outgoing{Subject: fmt.Sprintf("%s.%d", subject, i), Data: []byte("{}")}); err != nil {
			b.Abandon()
			return 0, err
		}
	}
	_, err := b.Commit(ctx, journal.Outgoing{Subject: subject + ".last", Data: []byte("{}")}, nil)
	if err != nil {
		b.Abandon()
	}
	return e.now().Sub(began), err
}

// allowed finds the largest batch, to the nearest power of two below.
func (e *exam) allowed(ctx context.Context, stream, subject string) int {
	for n := e.conn.MaxBatch() / 2; n > 1; n /= 2 {
		if _, err := e.commit(ctx, stream, subject, n); err == nil {
			return n
		}
	}
	return 0
}

func (e *exam) readBack(ctx context.Context, stream, subject string) error {
	n := 0
	err := e.conn.ReadAll(ctx, stream, subject+".>", 0, func(journal.Message) error {
		n++
		return nil
	})
	if err == nil && n < e.conn.MaxBatch() {
		err = fmt.Errorf("%d of %d messages came back", n, e.conn.MaxBatch())
	}
	return err
}

// nearly is the part of a limit above which it is time to act.
const nearly = 0.8

// ofLimits compares what is used with what the account and the disks allow.
func (e *exam) ofLimits(ctx context.Context) {
	a := e.server.Account
	full := func(what string, used, most float64, show func(float64) string, fix string) {
		part := used / most
		text := fmt.Sprintf("%s of %s %s are used", show(used), show(most), what)
		switch {
		case most <= 0:
		case part >= 1:
			e.add("limits", Fail, text, "nothing more can be made or stored", fix)
		case part >= nearly:
			e.add("limits", Warn, text, "beyond that nothing more can be made or stored", fix)
		default:
			e.ok("limits", "%s", text)
		}
	}
	bytes := func(n float64) string { return size(uint64(n)) }
	count := func(n float64) string { return fmt.Sprintf("%.0f", n) }
	full("storage of the account", float64(max(a.Storage, a.Reserved)), float64(a.MaxStorage), bytes, "raise the account's storage, or purge what is not needed")
	full("streams", float64(a.Streams), float64(a.MaxStreams), count, "raise the account's number of streams: each collection takes one")
	full("consumers", float64(a.Consumers), float64(a.MaxConsumers), count, "raise the account's number of consumers: each transform and binding takes one")
	for _, d := range e.conn.Disks(ctx) {
		full("storage of server "+d.Server, float64(max(d.Used, d.Reserved)), float64(d.Max), bytes, "raise max_file_store and make room on the disk, or purge what is not needed")
	}
	if a.MaxStorage < 0 && a.MaxStreams < 0 && a.MaxConsumers < 0 {
		e.ok("limits", "the account has no limits; %s on disk, %d streams, %d consumers", size(a.Storage), a.Streams, a.Consumers)
	}
}
