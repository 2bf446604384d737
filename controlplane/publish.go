package controlplane

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"weir/catalog"
	"weir/collection"
	"weir/journal"
)

// catalogBucket is where the control plane and workers meet.
const catalogBucket = "weir_catalog"

// newBlock is the distance of the first sequences of a stream and of the one
// made again in its place: a sequence is never used twice.
const newBlock = 1 << 40

// Options of a publication.
type Options struct {
	Catalog string // the root file or directory, for records
	Prune   bool   // what an earlier publication of the same root wrote, and is gone from it, stops
	Build   string // version of weir, for the streams' metadata
}

// Published says what a publication did. Names are sorted.
type Published struct {
	ID        string   `json:"id"` // empty when nothing changed
	Created   []string `json:"created,omitempty"`
	Changed   []string `json:"changed,omitempty"`
	Removed   []string `json:"removed,omitempty"`
	Unchanged []string `json:"unchanged,omitempty"`
}

// Publish makes a built catalog the published one: streams first, then the
// records in one step. It refuses what would break a collection that is
// there. The error is catalog.Errors when the catalog is at fault.
func Publish(ctx context.Context, conn *journal.Conn, c *catalog.Catalog, o Options) (Published, error) {
	d, err := newDraft(ctx, conn, c, o)
	if err != nil {
		return d.done, err
	}
	return d.done, d.apply(ctx, conn, o)
}

// draft is a publication that is checked and not applied yet.
type draft struct {
	done   Published
	bucket *journal.Bucket
	want   map[string]catalog.Record // by key
	batch  []journal.Change          // empty: nothing changed
}

// newDraft checks everything that can be checked before the first stream is
// made.
func newDraft(ctx context.Context, conn *journal.Conn, c *catalog.Catalog, o Options) (d draft, err error) {
	if d.bucket, err = openCatalog(ctx, conn); err != nil {
		return d, err
	}
	was, revision, err := readRecords(ctx, d.bucket)
	if err != nil {
		return d, err
	}
	d.want = records(c, o)
	if err := carryBlocks(ctx, conn, d.bucket, was, d.want); err != nil {
		return d, err
	}
	if err := checkMigrations(ctx, conn, was, d.want); err != nil {
		return d, err
	}
	var changes map[string]*catalog.Record
	if d.done, changes, err = plan(was, d.want, o); err != nil || len(changes) == 0 {
		return d, err
	}
	d.batch, err = encode(conn, &d.done, changes, revision, o)
	return d, err
}

// apply makes the streams and writes the batch, which is refused when somebody
// else published since the draft was made.
func (d *draft) apply(ctx context.Context, conn *journal.Conn, o Options) error {
	if err := ensureStreams(ctx, conn, d.want, o); err != nil || len(d.batch) == 0 {
		return err
	}
	_, err := d.bucket.Apply(ctx, d.batch)
	if errors.Is(err, journal.ErrConflict) {
		return errors.New("somebody else published at the same time: look at what they changed, then publish again")
	}
	if err != nil {
		return fmt.Errorf("write the publication: %w", err)
	}
	return nil
}

// Unpublish removes the records of a root's specs: their tasks stop, their
// streams stay.
func Unpublish(ctx context.Context, conn *journal.Conn, root string) (Published, error) {
	return Publish(ctx, conn, &catalog.Catalog{}, Options{Catalog: root, Prune: true})
}

// Records gives every published spec.
func Records(ctx context.Context, conn *journal.Conn) ([]catalog.Record, error) {
	bucket, err := openCatalog(ctx, conn)
	if err != nil {
		return nil, err
	}
	all, _, err := readRecords(ctx, bucket)
	if err != nil {
		return nil, err
	}
	out := make([]catalog.Record, 0, len(all))
	for _, key := range slices.Sorted(maps.Keys(all)) {
		out = append(out, all[key])
	}
	return out, nil
}

func openCatalog(ctx context.Context, conn *journal.Conn) (*journal.Bucket, error) {
	bucket, err := conn.EnsureBucket(ctx, journal.BucketConfig{Name: catalogBucket, Description: "what is published"})
	if err != nil {
		return nil, fmt.Errorf("bucket of the catalog: %w", err)
	}
	return bucket, nil
}

// readRecords gives the published records by key, and the revision of the
// newest publication (0: none yet).
func readRecords(ctx context.Context, bucket *journal.Bucket) (map[string]catalog.Record, uint64, error) {
	was := map[string]catalog.Record{}
	var revision uint64
	err := bucket.Scan(ctx, "", func(e journal.Entry) error {
		if e.Key == catalog.PublicationKey {
			revision = e.Revision
			return nil
		}
		r, err := catalog.DecodeRecord(e.Value)
		if err != nil {
			return fmt.Errorf("%s: %w", e.Key, err)
		}
		was[e.Key] = r
		return nil
	})
	if err != nil {
		return nil, 0, fmt.Errorf("read the published catalog: %w", err)
	}
	return was, revision, nil
}

// records gives the records of a catalog by their keys.
func records(c *catalog.Catalog, o Options) map[string]catalog.Record {
	out := map[string]catalog.Record{}
	add := func(r catalog.Record) {
		r.V, r.Catalog = catalog.RecordVersion, o.Catalog
		out[string(r.Kind())+"."+collection.KVKey(r.Name())] = r
	}
	for _, spec := range c.Collections {
		add(catalog.Record{Collection: spec})
	}
	for _, spec := range c.Captures {
		add(catalog.Record{Capture: spec})
	}
	for _, spec := range c.Materializations {
		add(catalog.Record{Materialization: spec})
	}
	return out
}

// plan compares what is published with what is wanted. It asks nobody and
// changes nothing.
func plan(was map[string]catalog.Record, want map[string]catalog.Record, o Options) (Published, map[string]*catalog.Record, error) {
	var p Published
	var faults catalog.Errors
	changes := map[string]*catalog.Record{}
	for key, r := range want {
		old, ok := was[key]
		switch {
		case !ok:
			p.Created = append(p.Created, r.Name())
		case old.Hash() == r.Hash() && old.Block == r.Block && old.Catalog == r.Catalog:
			p.Unchanged = append(p.Unchanged, r.Name())
			continue
		default:
			p.Changed = append(p.Changed, r.Name())
			faults = append(faults, incompatible(old.Collection, r.Collection)...)
			faults = append(faults, redirected(old.Capture, r.Capture)...)
		}
		changes[key] = &r
	}
	for key, old := range was {
		if _, ok := want[key]; !ok && o.Prune && old.Catalog == o.Catalog {
			p.Removed = append(p.Removed, old.Name())
			changes[key] = nil
		}
	}
	for _, names := range [][]string{p.Created, p.Changed, p.Removed, p.Unchanged} {
		slices.Sort(names)
	}
	if len(faults) > 0 {
		return p, nil, faults
	}
	return p, changes, nil
}

// incompatible lists the changes of a collection that its stored documents
// forbid.
func incompatible(old, now *catalog.Collection) catalog.Errors {
	if old == nil || now == nil {
		return nil
	}
	at := fault(now.Origin, "collections", now.Name, errors.New(""))
	var faults catalog.Errors
	add := func(path, message string) {
		f := at
		f.Path += path
		f.Message = message
		f.Hint = "publish a new collection under another name, with a derivation `using: {copy: {}}` that reads this one"
		faults = append(faults, f)
	}
	if !slices.Equal(old.Key, now.Key) {
		add("/key", fmt.Sprintf("the key of a published collection cannot change: it is [%s], its documents are stored under it", strings.Join(old.Key, ", ")))
	} else {
		for i, was := range changedDefaults(old, now) {
			add("/key/"+strconv.Itoa(i), fmt.Sprintf("the default of %s in a published collection cannot change: documents without it are stored under %s", now.Key[i], was))
		}
	}
	if old.Partitions != now.Partitions {
		add("/partitions", fmt.Sprintf("the number of partitions of a published collection cannot change: it is %d", old.Partitions))
	}
	if was, is := logicalPartitions(old), logicalPartitions(now); was != is {
		add("/projections", fmt.Sprintf("the logical partitions of a published collection cannot change: they are %s, its documents are stored under them", was))
	}
	return faults
}

// redirected refuses another target of a capture: its connector's state stands
// in the markers of the collection that it wrote.
func redirected(old, now *catalog.Capture) catalog.Errors {
	if old == nil || now == nil {
		return nil
	}
	was := targets(old)
	for i, b := range now.Bindings {
		if len(was) == 0 || slices.Contains(was, b.Target) {
			continue
		}
		f := fault(now.Origin, "captures", now.Name, fmt.Errorf("the target of a published capture cannot change: it is %s, where the capture's progress is kept", strings.Join(was, ", ")))
		f.Path += fmt.Sprintf("/bindings/%d/target", i)
		f.Hint = "publish the capture under another name: it then starts from the beginning"
		return catalog.Errors{f}
	}
	return nil
}

func targets(c *catalog.Capture) []string {
	var names []string
	for _, b := range c.Bindings {
		names = append(names, b.Target)
	}
	return names
}

// logicalPartitions spells the logical partition fields of a collection with
// their locations.
func logicalPartitions(c *catalog.Collection) string {
	fields := c.PartitionFields()
	for i, name := range fields {
		fields[i] += " at " + c.Projections[name].Location
	}
	if len(fields) == 0 {
		return "none"
	}
	return strings.Join(fields, ", ")
}

// carryBlocks keeps the block of sequences of each collection. A stream that
// was published before and is gone is made again in the next block: a
// sequence is never used twice.
func carryBlocks(ctx context.Context, conn *journal.Conn, bucket *journal.Bucket, was, want map[string]catalog.Record) error {
	for key, r := range want {
		if r.Collection == nil {
			continue
		}
		info, err := conn.StreamInfo(ctx, collection.StreamName(r.Name()))
		switch old, known := was[key]; {
		case err == nil:
			r.Block = max(old.Block, info.First/newBlock)
		case !errors.Is(err, journal.ErrNoStream):
			return fmt.Errorf("stream of %s: %w", r.Name(), err)
		case known:
			r.Block = old.Block + 1
		default:
			if r.Block, err = removedAt(ctx, bucket, key); err != nil {
				return err
			}
		}
		want[key] = r
	}
	return nil
}

// removedAt gives the bucket's revision at which a record was removed, 0 when
// there never was one. Revisions grow with each publication, so no block that
// the collection had was as high.
func removedAt(ctx context.Context, bucket *journal.Bucket, key string) (uint64, error) {
	entry, err := bucket.Get(ctx, key)
	if err != nil && !errors.Is(err, journal.ErrNoKey) {
		return 0, fmt.Errorf("read the published catalog: %w", err)
	}
	return entry.Revision, nil
}

// ensureStreams makes the streams of the wanted collections, and the one of
// quarantined documents.
func ensureStreams(ctx context.Context, conn *journal.Conn, want map[string]catalog.Record, o Options) error {
	bad := journal.StreamConfig{Name: collection.BadStream, Subjects: []string{collection.BadSubjects}, Metadata: metadata("quarantine", o)}
	if _, err := conn.EnsureStream(ctx, bad); err != nil {
		return fmt.Errorf("stream of quarantined documents: %w", err)
	}
	for _, key := range slices.Sorted(maps.Keys(want)) {
		r := want[key]
		if r.Collection == nil {
			continue
		}
		c, err := collection.New(r.Collection)
		if err != nil {
			return err
		}
		config := journal.StreamConfig{
			Name: collection.StreamName(c.Name), Subjects: c.StreamSubjects(), FirstSeq: r.Block * newBlock,
			Metadata: metadata("collection", o),
		}
		config.Metadata["weir.catalog-name"] = c.Name
		if from, to := c.Transform(); from != "" {
			config.Transform = &journal.Transform{From: from, To: to}
		}
		if _, err := conn.EnsureStream(ctx, config); err != nil {
			return fmt.Errorf("stream of %s: %w", c.Name, err)
		}
	}
	return nil
}

// metadata marks a stream. The monitoring of the nats tools looks at it; Weir
// sets no thresholds there: how many messages and subjects are too many, and
// how many peers there should be, its operator knows, and what an operator adds
// to the metadata stays.
func metadata(kind string, o Options) map[string]string {
	return map[string]string{"weir.kind": kind, "weir.build": o.Build, "io.nats.monitor.enabled": "true"}
}

// encode gives the records and, last, the publication's own: one batch, which
// holds only while the newest publication is that of the revision.
func encode(conn *journal.Conn, p *Published, changes map[string]*catalog.Record, revision uint64, o Options) ([]journal.Change, error) {
	if most := conn.MaxBatch() - 1; len(changes) > most {
		return nil, fmt.Errorf("the publication changes %d specs, but this server takes %d in one step: publish parts of the catalog one after the other", len(changes), most)
	}
	now := time.Now().UTC()
	id := catalog.NewPublicationID(now)
	batch := make([]journal.Change, 0, len(changes)+1)
	for _, key := range slices.Sorted(maps.Keys(changes)) {
		change := journal.Change{Key: key}
		if r := changes[key]; r != nil {
			r.Publication = id
			text, err := json.Marshal(r)
			if err != nil {
				return nil, fmt.Errorf("encode %s: %w", r.Name(), err)
			}
			if limit := conn.MaxPayload() - 1024; len(text) > limit {
				return nil, fmt.Errorf("%s takes %d bytes with its schemas and its bundled module, but the server takes messages of at most %d: make them smaller, or raise max_payload", r.Name(), len(text), limit)
			}
			change.Value = text
		}
		batch = append(batch, change)
	}
	own, err := json.Marshal(catalog.Publication{V: catalog.RecordVersion, ID: id, Time: now, Catalog: o.Catalog, Changed: append(slices.Clone(p.Created), p.Changed...), Removed: p.Removed})
	if err != nil {
		return nil, fmt.Errorf("encode publication: %w", err)
	}
	p.ID = id
	return append(batch, journal.Change{Key: catalog.PublicationKey, Value: own, Expect: &revision}), nil
}

// Prepare makes what must be there before anything is published, so that
// workers and clients find it.
func Prepare(ctx context.Context, conn *journal.Conn) error {
	if _, err := openCatalog(ctx, conn); err != nil {
		return err
	}
	return ensureStreams(ctx, conn, nil, Options{})
}
