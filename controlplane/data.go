package controlplane

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"weir/catalog"
	"weir/collection"
	"weir/journal"
)

// Data is what a collection holds.
type Data struct {
	Name      string `json:"name"`
	Documents uint64 `json:"documents"`
	Bytes     uint64 `json:"bytes"`
}

// Data gives what the collections hold that the draft removes.
func (d *Draft) Data(ctx context.Context) ([]Data, error) {
	var out []Data
	for _, key := range byName(d.changes, d.was.records) {
		r := d.was.records[key]
		if d.changes[key] != nil || r.Kind() != catalog.KindCollection {
			continue
		}
		info, err := d.conn.StreamInfo(ctx, collection.StreamName(r.Name()))
		if errors.Is(err, journal.ErrNoStream) {
			continue
		}
		if err != nil {
			return nil, err
		}
		s, err := streamStats(ctx, d.conn, r.Name(), info)
		if err != nil {
			return nil, err
		}
		out = append(out, Data{r.Name(), s.Documents, s.Bytes})
	}
	return out, nil
}

// DeleteData deletes the stream of a collection that is not published any more,
// with all that tasks keep about it: without its markers their checkpoints would
// be ahead of it for ever. No task of it may run.
func DeleteData(ctx context.Context, conn *journal.Conn, name string) error {
	records, err := Records(ctx, conn)
	if err != nil {
		return err
	}
	for _, r := range records {
		if r.Kind() == catalog.KindCollection && r.Name() == name {
			return fmt.Errorf("%s is published: remove it first", name)
		}
	}
	stream := collection.StreamName(name)
	markers, err := conn.Subjects(ctx, stream, collection.MarkersFilter(name))
	switch {
	case errors.Is(err, journal.ErrNoStream): // gone before the rest was
		markers = map[string]uint64{collection.TxnSubject(name, name, "0-1"): 1, collection.TxnSubject(name, "~inbox", "0-1"): 1}
	case err != nil:
		return err
	default:
		if err := conn.DeleteStream(ctx, stream); err != nil && !errors.Is(err, journal.ErrNoStream) {
			return err
		}
	}
	if err := deleteKeys(ctx, conn, catalog.InferredBucket, collection.KVKey(name)); err != nil {
		return err
	}
	keys, tasks, err := writersState(name, markers)
	if err != nil {
		return err
	}
	for _, task := range tasks {
		for _, kind := range []string{collection.RegistersBucket, collection.DatabaseBucket, collection.RecordsBucket} {
			if err := conn.DeleteBucket(ctx, collection.StateBucket(kind, task)); err != nil && !errors.Is(err, journal.ErrNoStream) {
				return err
			}
		}
	}
	return deleteKeys(ctx, conn, "weir_checkpoints", keys...)
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
