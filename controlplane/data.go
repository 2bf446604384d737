package controlplane

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"weir/catalog"
	"weir/collection"
	"weir/fault"
	"weir/journal"
)

// Data is what is kept under the name of a collection.
type Data struct {
	Name      string
	Gone      bool // its stream is gone; what is left is state of its tasks
	Documents uint64
	Bytes     uint64
	Tasks     []string // that wrote it or may write it, by their names, sorted
}

// deletingMark is in the metadata of a stream while it is deleted with its data.
const deletingMark = "weir.deleting"

// Data gives what the collections hold that the draft removes.
func (d *Draft) Data(ctx context.Context) ([]Data, error) {
	var out []Data
	for _, key := range byName(d.changes, d.was.records) {
		r := d.was.records[key]
		if d.changes[key] != nil || r.Kind() != catalog.KindCollection {
			continue
		}
		data, err := dataOf(ctx, d.conn, r.Name())
		if err != nil {
			return nil, err
		}
		if data == nil {
			continue
		}
		for _, writer := range d.was.records {
			if writer.Capture != nil && slices.Contains(writer.Writes(), r.Name()) {
				data.Tasks = append(data.Tasks, writer.Name())
			}
		}
		slices.Sort(data.Tasks)
		data.Tasks = slices.Compact(data.Tasks)
		out = append(out, *data)
	}
	return out, nil
}

// Leftovers parts names into those that are published and what is left of the
// others: a collection that was removed keeps its data. A name of which nothing
// is left is a *NameError, unless nothing but leftovers is named: then it is one
// of a deletion that is repeated.
func Leftovers(ctx context.Context, conn *journal.Conn, names []string) (here []string, left []Data, err error) {
	bucket, err := openCatalog(ctx, conn)
	if err != nil {
		return nil, nil, err
	}
	now, err := readPublished(ctx, bucket)
	if err != nil {
		return nil, nil, err
	}
	var unknown []string
	for _, name := range names {
		if len(keysOf(now.records, name)) > 0 {
			here = append(here, name)
			continue
		}
		data, err := dataOf(ctx, conn, name)
		if err != nil {
			return nil, nil, err
		}
		if data == nil {
			unknown = append(unknown, name)
			continue
		}
		left = append(left, *data)
	}
	if len(unknown) > 0 && (len(here) > 0 || len(left) == 0) {
		return nil, nil, unknownName(now.records, unknown[0])
	}
	return here, left, nil
}

// dataOf gives what is kept under the name of a collection; nil is nothing.
func dataOf(ctx context.Context, conn *journal.Conn, name string) (*Data, error) {
	info, err := conn.StreamInfo(ctx, collection.StreamName(name))
	if errors.Is(err, journal.ErrNoStream) {
		left, err := stateLeft(ctx, conn, name)
		if err != nil || !left {
			return nil, err
		}
		return &Data{Name: name, Gone: true, Tasks: []string{name}}, nil
	}
	if err != nil || info.Metadata[catalogNameMark] != name {
		return nil, err
	}
	s, err := streamStats(ctx, conn, name, info)
	if err != nil {
		return nil, err
	}
	markers, err := conn.Subjects(ctx, info.Name, collection.MarkersFilter(name))
	if err != nil {
		return nil, err
	}
	_, tasks, err := writersState(name, markers)
	if err != nil {
		return nil, err
	}
	tasks = append(tasks, name) // its inbox
	slices.Sort(tasks)
	return &Data{Name: name, Documents: s.Documents, Bytes: s.Bytes, Tasks: slices.Compact(tasks)}, nil
}

// stateLeft says whether tasks of a collection left something although its
// stream is gone. What a capture keeps belongs to the stream that it writes, as
// long as that is there.
func stateLeft(ctx context.Context, conn *journal.Conn, name string) (bool, error) {
	keys, err := stateKeys(ctx, conn, name)
	if err != nil {
		return false, err
	}
	streams, err := conn.Streams(ctx)
	if err != nil {
		return false, err
	}
	inferred, err := hasKey(ctx, conn, catalog.InferredBucket, collection.KVKey(name))
	if err != nil {
		return false, err
	}
	left := inferred || len(keys) > 0
	for _, s := range streams {
		if bucket, is := strings.CutPrefix(s.Name, "KV_"); is {
			left = left || slices.Contains(stateBuckets(name), bucket)
			continue
		}
		of := s.Metadata[catalogNameMark]
		if of == "" {
			continue
		}
		markers, err := conn.Subjects(ctx, s.Name, strings.TrimSuffix(collection.MarkersFilter(of), ">")+collection.EncodeToken(name)+".>")
		if err != nil || len(markers) > 0 {
			return false, err
		}
	}
	return left, nil
}

// stateKeys gives the keys of the checkpoints of a collection's own tasks.
func stateKeys(ctx context.Context, conn *journal.Conn, name string) (keys []string, err error) {
	b, err := conn.Bucket(ctx, checkpointBucket)
	if errors.Is(err, journal.ErrNoStream) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	for _, prefix := range []string{collection.KVKey(name), "inbox." + collection.KVKey(name)} {
		err := b.Scan(ctx, prefix, func(e journal.Entry) error {
			if shard := strings.TrimPrefix(e.Key, prefix+"."); !strings.Contains(shard, ".") {
				keys = append(keys, e.Key)
			}
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("read the checkpoints: %w", err)
		}
	}
	return keys, nil
}

// stateBuckets names the buckets that a task may have.
func stateBuckets(task string) []string {
	var names []string
	for _, kind := range []string{collection.RegistersBucket, collection.DatabaseBucket, collection.RecordsBucket} {
		names = append(names, collection.StateBucket(kind, task))
	}
	return names
}

// DeleteData deletes the stream of a collection that is not published any more,
// with all that tasks keep about it: without its markers their checkpoints would
// be ahead of it for ever. No task of it may run.
//
// The stream goes last, since its markers name those tasks: what was interrupted
// can be repeated. Until then it is marked, so that nobody publishes a collection
// of which half is there.
func DeleteData(ctx context.Context, conn *journal.Conn, name string) error {
	records, err := Records(ctx, conn)
	if err != nil {
		return err
	}
	if len(slices.DeleteFunc(records, func(r catalog.Record) bool { return r.Kind() != catalog.KindCollection || r.Name() != name })) > 0 {
		return fault.New(fault.Dependents, "remove it from what is published first", "%s is published", name)
	}
	stream := collection.StreamName(name)
	err = conn.Mark(ctx, stream, deletingMark, "true")
	if errors.Is(err, journal.ErrNoStream) {
		return deleteState(ctx, conn, name, nil)
	}
	if err != nil {
		return err
	}
	markers, err := conn.Subjects(ctx, stream, collection.MarkersFilter(name))
	if err != nil {
		return err
	}
	if err := deleteState(ctx, conn, name, markers); err != nil {
		return err
	}
	if err := conn.DeleteStream(ctx, stream); err != nil && !errors.Is(err, journal.ErrNoStream) {
		return err
	}
	return nil
}

// deleteState deletes what is kept about a collection beside its stream: by its
// own tasks, and by those that wrote markers.
func deleteState(ctx context.Context, conn *journal.Conn, name string, markers map[string]uint64) error {
	if err := deleteKeys(ctx, conn, catalog.InferredBucket, collection.KVKey(name)); err != nil {
		return err
	}
	keys, tasks, err := writersState(name, markers)
	if err != nil {
		return err
	}
	own, err := stateKeys(ctx, conn, name)
	if err != nil {
		return err
	}
	for _, task := range append(tasks, name) {
		for _, bucket := range stateBuckets(task) {
			if err := conn.DeleteBucket(ctx, bucket); err != nil && !errors.Is(err, journal.ErrNoStream) {
				return err
			}
		}
	}
	return deleteKeys(ctx, conn, checkpointBucket, append(keys, own...)...)
}

// writersState gives the keys of the checkpoints of all who wrote markers, and
// the names of those that are tasks with buckets of their own.
func writersState(name string, markers map[string]uint64) (keys, tasks []string, err error) {
	prefix := strings.TrimSuffix(collection.MarkersFilter(name), ">")
	for subject := range markers {
		token, shard, _ := strings.Cut(strings.TrimPrefix(subject, prefix), ".")
		if token == "~inbox" {
			keys = append(keys, "inbox."+collection.KVKey(name)+"."+shard)
			continue
		}
		if strings.HasPrefix(token, "~") {
			continue // an entrance, which has none
		}
		task, err := collection.DecodeToken(token)
		if err != nil {
			return nil, nil, err
		}
		keys, tasks = append(keys, collection.KVKey(task)+"."+shard), append(tasks, task)
	}
	return keys, tasks, nil
}

// hasKey says whether a bucket is there and has a key.
func hasKey(ctx context.Context, conn *journal.Conn, bucket, key string) (bool, error) {
	b, err := conn.Bucket(ctx, bucket)
	if err == nil {
		_, err = b.Get(ctx, key)
	}
	if errors.Is(err, journal.ErrNoStream) || errors.Is(err, journal.ErrNoKey) {
		return false, nil
	}
	return err == nil, err
}

// deleteKeys deletes keys of a bucket, where there are any.
func deleteKeys(ctx context.Context, conn *journal.Conn, bucket string, keys ...string) error {
	b, err := conn.Bucket(ctx, bucket)
	if errors.Is(err, journal.ErrNoStream) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, key := range keys {
		if err := b.Delete(ctx, key); err != nil {
			return fmt.Errorf("delete %s of %s: %w", key, bucket, err)
		}
	}
	return nil
}
