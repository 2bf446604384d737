package journal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// BucketConfig is a bucket as its owner wants it.
type BucketConfig struct {
	Name        string // letters, digits, - and _
	Description string
	Memory      bool              // nothing on disk; for tests
	Metadata    map[string]string // MetadataKind is "bucket" unless it says otherwise
	Replicas    int               // 0 means 1 for a new bucket, unchanged for an old one
	History     int               // values that a new bucket keeps of each key; 0 means 1
	Erasable    bool              // a new bucket lets single values be overwritten; one that is there stays as it was made
}

// Bucket keeps the newest value of each of its keys, or some of the newest. It is safe for concurrent
// use. Keys are made of letters, digits and - / _ = joined by dots.
type Bucket struct {
	c      *Conn
	name   string
	stream string
	prefix string // of subjects, ends in a dot
	single bool   // it keeps one value of each key
	fixed  bool   // the server overwrites no single values of it
}

// Entry is what a bucket holds under a key.
type Entry struct {
	Key      string
	Value    []byte
	Revision uint64
	Created  time.Time
	Deleted  bool // the key is gone; Value is empty
}

// Change sets one key of a bucket.
type Change struct {
	Key    string
	Value  []byte  // nil deletes the key
	Expect *uint64 // revision that the key must have, 0 when it must be new
}

// EnsureBucket opens a bucket and makes it if there is none.
func (c *Conn) EnsureBucket(ctx context.Context, cfg BucketConfig) (*Bucket, error) {
	if cfg.Name == "" || strings.Trim(cfg.Name, bucketLetters) != "" {
		return nil, fmt.Errorf("bucket %q: its name may hold letters, digits, - and _ only", cfg.Name)
	}
	b := &Bucket{c: c, name: cfg.Name, stream: "KV_" + cfg.Name, prefix: "$KV." + cfg.Name + "."}
	stream := b.config(cfg)
	b.took(stream)
	_, err := c.ensure(ctx, stream, func(have jetstream.StreamConfig) jetstream.StreamConfig {
		b.took(have)
		want := have
		want.Description = stream.Description
		want.AllowAtomicPublish, want.AllowDirect, want.AllowRollup = true, true, false
		if cfg.Replicas > 0 {
			want.Replicas = cfg.Replicas
		}
		return want
	})
	if err != nil {
		return nil, fmt.Errorf("bucket %s: %w", cfg.Name, err)
	}
	return b, nil
}

// Bucket opens a bucket that is there. ErrNoStream when it is not.
func (c *Conn) Bucket(ctx context.Context, name string) (*Bucket, error) {
	b := &Bucket{c: c, name: name, stream: "KV_" + name, prefix: "$KV." + name + "."}
	info, err := c.streamInfo(ctx, b.stream)
	if err != nil {
		return nil, fmt.Errorf("bucket %s: %w", name, err)
	}
	b.took(info.Config)
	return b, nil
}

// took keeps what the settings of its stream mean for the bucket.
func (b *Bucket) took(s jetstream.StreamConfig) {
	b.single, b.fixed = s.MaxMsgsPerSubject == 1, s.DenyDelete
}

const bucketLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

// config gives a stream that KV clients take for a bucket. Unlike theirs it
// allows atomic batches, and no roll-up.
func (b *Bucket) config(cfg BucketConfig) jetstream.StreamConfig {
	metadata := map[string]string{MetadataKind: "bucket"}
	for name, value := range cfg.Metadata {
		metadata[name] = value
	}
	s := StreamConfig{Name: b.stream, Subjects: []string{b.prefix + ">"}, Metadata: metadata, Memory: cfg.Memory, Replicas: cfg.Replicas}.config()
	s.Description = cfg.Description
	s.MaxMsgsPerSubject = int64(max(cfg.History, 1))
	s.DenyDelete = !cfg.Erasable
	return s
}

// DeleteBucket removes a bucket with all that it holds. ErrNoStream when there
// is none.
func (c *Conn) DeleteBucket(ctx context.Context, name string) error {
	return c.DeleteStream(ctx, "KV_"+name)
}

// Name is the bucket's name.
func (b *Bucket) Name() string { return b.name }

var validKey = regexp.MustCompile(`^[-/_=a-zA-Z0-9]+(\.[-/_=a-zA-Z0-9]+)*$`)

func (b *Bucket) subject(key string) (string, error) {
	if !validKey.MatchString(key) {
		return "", fmt.Errorf("bucket %s: %q is no key: letters, digits and - / _ = joined by dots make one", b.name, key)
	}
	return b.prefix + key, nil
}

// Get gives the newest value of a key. ErrNoKey when it was never set or is
// deleted; the entry of a deleted key comes with the error, for its revision.
func (b *Bucket) Get(ctx context.Context, key string) (Entry, error) {
	subject, err := b.subject(key)
	if err != nil {
		return Entry{}, err
	}
	m, err := b.c.get(ctx, b.stream, map[string]any{"last_by_subj": subject})
	if errors.Is(err, ErrNoMessage) {
		return Entry{Key: key}, fmt.Errorf("key %s of bucket %s: %w", key, b.name, ErrNoKey)
	}
	if err != nil {
		return Entry{}, fmt.Errorf("key %s of bucket %s: %w", key, b.name, err)
	}
	e := Entry{Key: key, Value: m.Data, Revision: m.Seq, Created: m.Time, Deleted: m.header.Get(headerKV) != ""}
	if e.Deleted {
		e.Value = nil
		return e, fmt.Errorf("key %s of bucket %s: %w", key, b.name, ErrNoKey)
	}
	return e, nil
}

// Put sets a key whatever it holds, and gives its revision.
func (b *Bucket) Put(ctx context.Context, key string, value []byte) (uint64, error) {
	return b.set(ctx, Change{Key: key, Value: notNil(value)})
}

// Update sets a key that has the given revision, 0 when it must not be there.
// ErrConflict when it has another one.
//
// A key that was deleted still has a revision, which Get gives.
func (b *Bucket) Update(ctx context.Context, key string, value []byte, revision uint64) (uint64, error) {
	return b.set(ctx, Change{Key: key, Value: notNil(value), Expect: &revision})
}

// Delete removes a key, whatever it holds. One that is not there is no error.
func (b *Bucket) Delete(ctx context.Context, key string) error {
	_, err := b.set(ctx, Change{Key: key})
	return err
}

// Erase removes all trace of a key, that it was deleted too, unless its revision
// is above through: then somebody has set it since, and it stays. The bytes are
// overwritten in the server's store if the bucket was made erasable; else the
// server lets go of them. One that is not there is no error.
func (b *Bucket) Erase(ctx context.Context, key string, through uint64) error {
	e, err := b.Get(ctx, key)
	switch {
	case err != nil && !errors.Is(err, ErrNoKey):
		return err
	case e.Revision == 0 || e.Revision > through:
		return nil
	case b.fixed:
		return b.c.Purge(ctx, b.stream, b.prefix+key, e.Revision)
	}
	return b.c.Erase(ctx, b.stream, e.Revision)
}

// Overwrites says whether Erase overwrites what it removes.
func (b *Bucket) Overwrites() bool { return !b.fixed }

func notNil(value []byte) []byte {
	if value == nil {
		return []byte{}
	}
	return value
}

func (b *Bucket) set(ctx context.Context, change Change) (uint64, error) {
	return b.Apply(ctx, []Change{change})
}

// Apply makes changes of several keys in one step, all or none, and gives the
// revision of the last one; those before it have the revisions before it. No
// key may stand twice. ErrConflict when an expected revision does not hold.
// Errors are otherwise those of Batch.Commit.
func (b *Bucket) Apply(ctx context.Context, changes []Change) (last uint64, err error) {
	if len(changes) == 0 {
		return 0, fmt.Errorf("bucket %s: no changes", b.name)
	}
	batch := b.c.NewBatch(b.stream)
	var final Outgoing
	fenced := false
	for i, change := range changes {
		if final, err = b.outgoing(change); err == nil && i < len(changes)-1 {
			err = batch.Add(final)
		}
		if err != nil {
			batch.Abandon()
			return 0, fmt.Errorf("bucket %s: %w", b.name, err)
		}
		fenced = fenced || change.Expect != nil
	}
	var landed func(*Message) bool
	if fenced {
		landed = func(m *Message) bool {
			// Without an expectation of its own, an equal value proves nothing
			// but does no harm either: the earlier keys' expectations decide.
			return bytes.Equal(m.Data, final.Data) && (m.Header[headerKV] == final.Header[headerKV])
		}
	}
	ack, err := batch.Commit(ctx, final, landed)
	var lost *FencedError
	if errors.As(err, &lost) {
		return 0, fmt.Errorf("bucket %s: %w", b.name, &ConflictError{Subject: lost.Subject, Expected: lost.Expected})
	}
	if err != nil {
		return 0, fmt.Errorf("bucket %s: %w", b.name, err)
	}
	return ack.Last, nil
}

// outgoing gives a change as a KV client would write it.
func (b *Bucket) outgoing(change Change) (Outgoing, error) {
	subject, err := b.subject(change.Key)
	if err != nil {
		return Outgoing{}, err
	}
	m := Outgoing{Subject: subject, Data: change.Value, Expect: change.Expect}
	if change.Value == nil {
		m.Header = map[string]string{headerKV: "DEL"}
	}
	return m, nil
}

// filter is what reads the keys below a dotted prefix.
func (b *Bucket) filter(prefix string) (string, error) {
	if prefix == "" {
		return b.prefix + ">", nil
	}
	subject, err := b.subject(strings.TrimSuffix(prefix, "."))
	return subject + ".>", err
}

func (b *Bucket) entry(m *Message) Entry {
	e := Entry{Key: strings.TrimPrefix(m.Subject, b.prefix), Value: m.Data, Revision: m.Seq, Created: m.Time}
	if m.Header[headerKV] != "" {
		e.Deleted, e.Value = true, nil
	}
	return e
}

// readerConfig reads the last value of each key. Of a bucket that keeps no others
// that is all that is there: to ask for the last ones would make the server list
// all keys in memory first.
func (b *Bucket) readerConfig(prefix string) (ReaderConfig, error) {
	filter, err := b.filter(prefix)
	return ReaderConfig{Stream: b.stream, Filter: filter, Name: "scan", lastPerSubject: !b.single}, err
}

// Scan calls fn with the entry of every key below a dotted prefix, "" for all;
// deleted keys are left out. A key that is changed meanwhile may come twice,
// the newer value later. fn's error ends the scan.
func (b *Bucket) Scan(ctx context.Context, prefix string, fn func(Entry) error) error {
	cfg, err := b.readerConfig(prefix)
	if err != nil {
		return err
	}
	return b.c.readNow(ctx, cfg, func(m Message) (bool, error) {
		e := b.entry(&m)
		if e.Deleted {
			return true, nil
		}
		return true, fn(e)
	})
}

// History gives the entries of a key that the bucket still has, oldest first, deletions
// included.
func (b *Bucket) History(ctx context.Context, key string) (entries []Entry, err error) {
	subject, err := b.subject(key)
	if err != nil {
		return nil, err
	}
	err = b.c.readNow(ctx, ReaderConfig{Stream: b.stream, Filter: subject, Name: "history"}, func(m Message) (bool, error) {
		entries = append(entries, b.entry(&m))
		return true, nil
	})
	if err != nil {
		return nil, fmt.Errorf("history of key %s of bucket %s: %w", key, b.name, err)
	}
	return entries, nil
}

// Watch calls fn with the entry of every key below a dotted prefix, then once
// with an empty Entry ("that is all"), then with every change, deletions
// included, until ctx ends; that is no error. It goes on through lost
// connections; of changes made meanwhile it may see only the last one of a key.
func (b *Bucket) Watch(ctx context.Context, prefix string, fn func(Entry)) error {
	cfg, err := b.readerConfig(prefix)
	if err != nil {
		return err
	}
	cfg.Name = "watch"
	r, err := b.c.NewReader(ctx, cfg)
	if err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return fmt.Errorf("watch bucket %s: %w", b.name, err)
	}
	defer r.Close()
	complete := false
	for ctx.Err() == nil {
		m, ok, err := r.TryNext()
		switch {
		case err != nil:
			return fmt.Errorf("watch bucket %s: %w", b.name, err)
		case ok:
			if e := b.entry(&m); complete || !e.Deleted {
				fn(e)
			}
			continue
		case !complete && r.CaughtUp():
			complete = true
			fn(Entry{})
			continue
		}
		select {
		case <-ctx.Done():
		case <-r.notify:
		}
	}
	return nil
}
