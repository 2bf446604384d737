package controlplane

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"weir/catalog"
	"weir/collection"
	"weir/fault"
	"weir/journal"
)

// catalogBucket is where the control plane and workers meet.
const catalogBucket = "weir_catalog"

// checkpointBucket is where workers keep the checkpoints of tasks without
// registers.
const checkpointBucket = "weir_checkpoints"

// IdentityRule is what a catalog may be called. No name is an absolute path.
var IdentityRule = regexp.MustCompile(`^[\p{L}\p{N}][\p{L}\p{N}\-_.]*(/[\p{L}\p{N}\-_.]+)*$`)

// Options of a publication.
type Options struct {
	Catalog string            // what the catalog is known by, a path or a name: for records
	Prune   bool              // what an earlier publication of the same catalog wrote, and is gone from it, stops
	Build   string            // version of weir, for the streams' metadata
	By      string            // who publishes, for the history
	Message string            // why, for the history
	Actions map[string]string // what endpoints say would be done, by task; see Connectors.Examine

	reverts string // the publication that is brought back
}

// Published says what a publication did. Names are sorted.
type Published struct {
	ID        string   `json:"id"` // empty when nothing changed
	Created   []string `json:"created,omitempty"`
	Changed   []string `json:"changed,omitempty"`
	Removed   []string `json:"removed,omitempty"`
	Unchanged []string `json:"unchanged,omitempty"`
}

// ErrConcurrent is a publication that somebody else's came before.
var ErrConcurrent = errors.New("somebody else published at the same time")

// Publish makes a built catalog the published one: streams first, then the
// records in one step. It refuses what would break a collection that is
// there. The error is catalog.Errors when the catalog is at fault.
func Publish(ctx context.Context, conn *journal.Conn, c *catalog.Catalog, o Options) (Published, error) {
	d, err := NewDraft(ctx, conn, c, o)
	if err != nil {
		return Published{}, err
	}
	return d.Publish(ctx)
}

// Draft is a publication that is checked and not applied yet.
type Draft struct {
	conn    *journal.Conn
	options Options
	bucket  *journal.Bucket
	was     published
	want    map[string]catalog.Record  // what the publication is of, by key
	changes map[string]*catalog.Record // nil removes
	streams map[string]streamState     // of the wanted collections, by key
	done    Published
	own     catalog.Publication
	batch   []journal.Change // empty: nothing changes
}

// published is what is published at one moment.
type published struct {
	records  map[string]catalog.Record // by key
	controls map[string]bool           // keys of controls
	newest   catalog.Publication       // the zero value: none yet
	revision uint64                    // of the newest publication's record
}

// NewDraft checks everything that can be checked before the first stream is
// made. The error is catalog.Errors when the catalog is at fault, a
// *DependentsError when others depend on what would go.
func NewDraft(ctx context.Context, conn *journal.Conn, c *catalog.Catalog, o Options) (*Draft, error) {
	return newDraft(ctx, conn, o, func(was published) (want map[string]catalog.Record, gone []string, err error) {
		want = records(c, o)
		for key, old := range was.records {
			if _, ok := want[key]; !ok && o.Prune && old.Catalog == o.Catalog {
				gone = append(gone, key)
			}
		}
		return want, gone, nil
	})
}

// newDraft makes a draft of what wish asks for: records to be there, and keys
// to be gone.
func newDraft(ctx context.Context, conn *journal.Conn, o Options, wish func(was published) (want map[string]catalog.Record, gone []string, err error)) (*Draft, error) {
	d := &Draft{conn: conn, options: o}
	var err error
	if d.bucket, d.was, err = openPublished(ctx, conn); err != nil {
		return nil, err
	}
	var gone []string
	if d.want, gone, err = wish(d.was); err != nil {
		return nil, err
	}
	if d.streams, err = carryBlocks(ctx, conn, d.bucket, d.was.records, d.want); err != nil {
		return nil, err
	}
	if err := checkMigrations(ctx, conn, d.was.records, d.want); err != nil {
		return nil, err
	}
	if d.done, d.changes, err = compare(d.was.records, d.want, gone); err != nil || len(d.changes) == 0 {
		return d, err
	}
	if err := d.checkDependents(); err != nil {
		return nil, err
	}
	return d, d.encode()
}

// Publish makes the streams and writes the records, which is refused when
// somebody else published since the draft was made (ErrConcurrent).
func (d *Draft) Publish(ctx context.Context) (Published, error) {
	if err := ensureStreams(ctx, d.conn, d.want, d.options); err != nil || len(d.batch) == 0 {
		return d.done, err
	}
	if err := d.keepHistory(ctx); err != nil {
		return d.done, err
	}
	_, err := d.bucket.Apply(ctx, d.batch)
	if errors.Is(err, journal.ErrConflict) {
		return d.done, ErrConcurrent
	}
	if err != nil {
		return d.done, fmt.Errorf("write the publication: %w", err)
	}
	return d.done, nil
}

// after gives what is published once the draft is.
func (d *Draft) after() map[string]catalog.Record {
	out := maps.Clone(d.was.records)
	for key, r := range d.changes {
		if r == nil {
			delete(out, key)
		} else {
			out[key] = *r
		}
	}
	return out
}

// Unpublish removes the records of a root's specs: their tasks stop, their
// streams stay.
func Unpublish(ctx context.Context, conn *journal.Conn, root string) (Published, error) {
	return Publish(ctx, conn, &catalog.Catalog{}, Options{Catalog: root, Prune: true})
}

// Records gives every published spec.
func Records(ctx context.Context, conn *journal.Conn) ([]catalog.Record, error) {
	_, all, err := openPublished(ctx, conn)
	if err != nil {
		return nil, err
	}
	out := make([]catalog.Record, 0, len(all.records))
	for _, key := range slices.Sorted(maps.Keys(all.records)) {
		out = append(out, all.records[key])
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

// openPublished opens the bucket of the catalog, and reads what is published.
func openPublished(ctx context.Context, conn *journal.Conn) (*journal.Bucket, published, error) {
	bucket, err := openCatalog(ctx, conn)
	if err != nil {
		return nil, published{}, err
	}
	now, err := readPublished(ctx, bucket)
	return bucket, now, err
}

// readPublished reads what is published.
func readPublished(ctx context.Context, bucket *journal.Bucket) (published, error) {
	p := published{records: map[string]catalog.Record{}, controls: map[string]bool{}}
	err := bucket.Scan(ctx, "", func(e journal.Entry) (err error) {
		switch {
		case e.Key == catalog.PublicationKey:
			p.revision = e.Revision
			err = json.Unmarshal(e.Value, &p.newest)
		case strings.HasPrefix(e.Key, catalog.ControlPrefix):
			p.controls[e.Key] = true
		default:
			p.records[e.Key], err = catalog.DecodeRecord(e.Value)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", e.Key, err)
		}
		return nil
	})
	if err != nil {
		return p, fmt.Errorf("read the published catalog: %w", err)
	}
	return p, nil
}

// records gives the records of a catalog by their keys.
func records(c *catalog.Catalog, o Options) map[string]catalog.Record {
	out := map[string]catalog.Record{}
	add := func(r catalog.Record) {
		r.V, r.Catalog = catalog.RecordVersion, o.Catalog
		out[recordKey(r)] = r
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

func recordKey(r catalog.Record) string { return string(r.Kind()) + "." + collection.KVKey(r.Name()) }

// compare says what differs between what is published and what is wanted. It
// asks nobody and changes nothing.
func compare(was, want map[string]catalog.Record, gone []string) (Published, map[string]*catalog.Record, error) {
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
	for _, key := range gone {
		old := was[key]
		p.Removed = append(p.Removed, old.Name())
		changes[key] = nil
	}
	for _, names := range [][]string{p.Created, p.Changed, p.Removed, p.Unchanged} {
		slices.Sort(names)
	}
	if len(faults) > 0 {
		return p, nil, faults
	}
	return p, changes, nil
}

// encode makes the batch: the records, the controls of tasks that go, and, last,
// the publication's own, which holds only while the newest publication is the
// one that the draft was made after.
func (d *Draft) encode() error {
	now := time.Now().UTC()
	id := catalog.NewPublicationID(now)
	for _, key := range slices.Sorted(maps.Keys(d.changes)) {
		change := journal.Change{Key: key}
		if r := d.changes[key]; r != nil {
			r.Publication = id
			text, err := json.Marshal(r)
			if err != nil {
				return fmt.Errorf("encode %s: %w", r.Name(), err)
			}
			if limit := d.conn.MaxPayload() - 1024; len(text) > limit {
				return fault.New(fault.TooLarge, "make the schemas or the module smaller, or raise the server's max_payload", "%s takes %d bytes with its schemas and its bundled module, but the server takes messages of at most %d", r.Name(), len(text), limit)
			}
			change.Value = text
		}
		d.batch = append(d.batch, change)
	}
	// Behind all records: whoever sees that a control is gone has seen that its
	// task is, or has become another.
	d.batch = append(d.batch, d.controlsThatGo()...)
	if most := d.conn.MaxBatch() - 1; len(d.batch) > most {
		return fault.New(fault.BatchTooLarge, "publish parts of the catalog one after the other", "the publication changes %d specs, but this server takes %d in one step", len(d.changes), most)
	}
	d.own = catalog.Publication{
		V: catalog.RecordVersion, ID: id, Time: now, Catalog: d.options.Catalog, Changed: append(slices.Clone(d.done.Created), d.done.Changed...), Removed: d.done.Removed,
		Previous: d.was.newest.ID, By: d.options.By, Message: d.options.Message, Reverts: d.options.reverts,
	}
	own, err := json.Marshal(d.own)
	if err != nil {
		return fmt.Errorf("encode publication: %w", err)
	}
	d.done.ID = id
	d.batch = append(d.batch, journal.Change{Key: catalog.PublicationKey, Value: own, Expect: &d.was.revision})
	return nil
}

// controlsThatGo removes what is wanted of tasks that are no more.
func (d *Draft) controlsThatGo() []journal.Change {
	var gone []journal.Change
	for _, key := range slices.Sorted(maps.Keys(d.changes)) {
		old, known := d.was.records[key]
		if !known {
			continue
		}
		now := d.changes[key]
		control := collection.ControlKey(string(old.TaskKind()), old.Name())
		if (now == nil || now.TaskKind() != old.TaskKind()) && d.was.controls[control] {
			gone = append(gone, journal.Change{Key: control})
		}
	}
	return gone
}
