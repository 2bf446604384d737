package controlplane

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"weir/catalog"
	"weir/collection"
	"weir/fault"
	"weir/journal"
)

// HistoryBucket keeps what was published: an entry for each publication, and
// each spec that one wrote or replaced, once, by the hash of its record.
const HistoryBucket = "weir_history"

// Keys of the bucket begin so.
const (
	entryPrefix = "publication"
	specPrefix  = "spec"
)

// changesInPart is how many changes one message of an entry holds.
const changesInPart = 1000

// entry is what the history keeps of a publication, or a part of it.
type entry struct {
	catalog.Publication
	Part    int          `json:"part,omitempty"` // 0: the first one, and the only one that has what stands above
	Changes []specChange `json:"changes"`

	keys map[string]uint64 // of its parts in the bucket, with their revisions
}

// specChange is one spec's record before and after, each by its hash; empty:
// there is none.
type specChange struct {
	Key    string `json:"key"`
	Before string `json:"before,omitempty"`
	After  string `json:"after,omitempty"`
	// Catalog is what the spec was of before, where the publication is not of it.
	Catalog string `json:"catalog,omitempty"`
}

// openHistory opens the bucket, and makes it if there is none.
func openHistory(ctx context.Context, conn *journal.Conn) (*journal.Bucket, error) {
	bucket, err := conn.EnsureBucket(ctx, journal.BucketConfig{Name: HistoryBucket, Description: "what was published"})
	if err != nil {
		return nil, fmt.Errorf("bucket of the history: %w", err)
	}
	return bucket, nil
}

// keepHistory writes the publication's entry before the publication itself. One
// that is then refused is not in the chain of publications, and so not in the
// history.
func (d *Draft) keepHistory(ctx context.Context) error {
	bucket, err := openHistory(ctx, d.conn)
	if err != nil {
		return err
	}
	if err := trimHistory(ctx, d.conn, bucket); err != nil {
		return err
	}
	known := map[string]bool{} // publications that have an entry, and so their specs
	var batch []journal.Change
	var changes []specChange
	kept := map[string]bool{}
	keep := func(r catalog.Record) (string, error) {
		text, hash, err := encodeSpec(r)
		if err == nil && !kept[hash] && !known[r.Publication] {
			kept[hash] = true
			batch = append(batch, journal.Change{Key: specPrefix + "." + hash, Value: text})
		}
		return hash, err
	}
	for _, key := range slices.Sorted(maps.Keys(d.changes)) {
		change := specChange{Key: key}
		if old, ok := d.was.records[key]; ok {
			if err := lookUp(ctx, bucket, old.Publication, known); err != nil {
				return err
			}
			if change.Before, err = keep(old); err != nil {
				return err
			}
			if old.Catalog != d.own.Catalog {
				change.Catalog = old.Catalog
			}
		}
		if now := d.changes[key]; now != nil {
			if change.After, err = keep(*now); err != nil {
				return err
			}
		}
		changes = append(changes, change)
	}
	parts, err := entryParts(d.own, changes)
	if err != nil {
		return err
	}
	for some := range slices.Chunk(append(batch, parts...), d.conn.MaxBatch()-1) {
		if _, err := bucket.Apply(ctx, some); err != nil {
			return fmt.Errorf("write the history: %w", err)
		}
	}
	return nil
}

// encodeSpec gives a record as the history keeps it, and its hash.
func encodeSpec(r catalog.Record) (text []byte, hash string, err error) {
	if text, err = json.Marshal(r); err != nil {
		return nil, "", fmt.Errorf("encode %s: %w", r.Name(), err)
	}
	sum := sha256.Sum256(text)
	return text, hex.EncodeToString(sum[:16]), nil
}

// lookUp notes whether a publication has an entry.
func lookUp(ctx context.Context, bucket *journal.Bucket, id string, known map[string]bool) error {
	if _, asked := known[id]; asked {
		return nil
	}
	_, err := bucket.Get(ctx, entryPrefix+"."+id)
	known[id] = err == nil
	if err != nil && !errors.Is(err, journal.ErrNoKey) {
		return fmt.Errorf("read the history: %w", err)
	}
	return nil
}

// entryParts encodes an entry, the first part last: it stands for all.
func entryParts(own catalog.Publication, changes []specChange) ([]journal.Change, error) {
	var parts []journal.Change
	for some := range slices.Chunk(changes, changesInPart) {
		e := entry{Publication: own, Part: len(parts), Changes: some}
		key := entryPrefix + "." + own.ID
		if e.Part > 0 {
			e.Publication = catalog.Publication{V: own.V, ID: own.ID}
			key += fmt.Sprintf(".%d", e.Part)
		}
		text, err := json.Marshal(e)
		if err != nil {
			return nil, fmt.Errorf("encode the history: %w", err)
		}
		parts = append(parts, journal.Change{Key: key, Value: text})
	}
	slices.Reverse(parts)
	return parts, nil
}

// PublicationInfo is a publication of the history.
type PublicationInfo struct {
	catalog.Publication
	Specs []SpecRef `json:"specs"` // sorted by name
}

// SpecRef is what a publication did to one spec.
type SpecRef struct {
	Action string       `json:"action"` // Create, Change or Remove
	Kind   catalog.Kind `json:"kind"`
	Name   string       `json:"name"`

	change specChange
}

// History gives the publications, newest first; if a catalog is named, those of
// it, and those that removed specs of it or took them over.
func History(ctx context.Context, conn *journal.Conn, ofCatalog string) ([]PublicationInfo, error) {
	chain, err := readChain(ctx, conn)
	if err != nil {
		return nil, err
	}
	out := []PublicationInfo{}
	for _, e := range chain {
		if ofCatalog == "" || e.touches(ofCatalog) {
			out = append(out, e.info())
		}
	}
	return out, nil
}

// touches says whether a publication is of a catalog, or changed specs of it.
func (e entry) touches(root string) bool {
	return e.Catalog == root || slices.ContainsFunc(e.Changes, func(c specChange) bool { return c.Catalog == root })
}

// info gives an entry as it is shown.
func (e entry) info() PublicationInfo {
	p := PublicationInfo{Publication: e.Publication}
	for _, c := range e.Changes {
		ref := SpecRef{Action: Change, change: c}
		kind, name, _ := strings.Cut(c.Key, ".")
		ref.Kind, ref.Name = catalog.Kind(kind), nameOf(name)
		switch {
		case c.Before == "":
			ref.Action = Create
		case c.After == "":
			ref.Action = Remove
		}
		p.Specs = append(p.Specs, ref)
	}
	slices.SortFunc(p.Specs, func(a, b SpecRef) int { return strings.Compare(a.Name+" "+string(a.Kind), b.Name+" "+string(b.Kind)) })
	return p
}

// nameOf gives the catalog name in a record's key.
func nameOf(key string) string {
	if name, err := collection.DecodeKVKey(key); err == nil {
		return name
	}
	return key
}

// readChain gives the entries of the publications that took place and are kept,
// newest first.
func readChain(ctx context.Context, conn *journal.Conn) ([]entry, error) {
	_, now, err := openPublished(ctx, conn)
	if err != nil {
		return nil, err
	}
	history, err := openHistory(ctx, conn)
	if err != nil {
		return nil, err
	}
	all, err := readEntries(ctx, history)
	if err != nil {
		return nil, err
	}
	return takeChain(all, now.newest.ID), nil
}

// readEntries gives the entries of the history by their publications.
func readEntries(ctx context.Context, history *journal.Bucket) (map[string]entry, error) {
	all := map[string]entry{}
	err := history.Scan(ctx, entryPrefix, func(kv journal.Entry) error {
		var e entry
		if err := json.Unmarshal(kv.Value, &e); err != nil {
			return fmt.Errorf("%s: %w", kv.Key, err)
		}
		if e.V < 1 || e.V > catalog.RecordVersion {
			return fault.New(fault.NewerFormat, "", "%s has format version %d, but this weir reads up to %d", kv.Key, e.V, catalog.RecordVersion)
		}
		whole := all[e.ID]
		whole.Changes = append(whole.Changes, e.Changes...)
		if e.Part == 0 {
			whole.Publication = e.Publication
		}
		if whole.keys == nil {
			whole.keys = map[string]uint64{}
		}
		whole.keys[kv.Key] = kv.Revision
		all[e.ID] = whole
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the history: %w", err)
	}
	return all, nil
}

// takeChain takes from the entries those of a publication and of all before it.
func takeChain(all map[string]entry, id string) (chain []entry) {
	for {
		e, ok := all[id]
		if !ok {
			return chain
		}
		chain = append(chain, e)
		delete(all, id) // no record can make this endless
		id = e.Previous
	}
}

// Compared is one spec of a publication, before and after.
type Compared struct {
	SpecRef
	Changes []string        `json:"changes,omitempty"` // in words
	Before  *catalog.Record `json:"before,omitempty"`
	After   *catalog.Record `json:"after,omitempty"`
}

// PublicationDetail is a publication with its specs.
type PublicationDetail struct {
	catalog.Publication
	Specs []Compared `json:"specs"`
}

// ShowPublication gives a publication with its specs. id may be the beginning of
// an identifier that no other one has.
func ShowPublication(ctx context.Context, conn *journal.Conn, id string) (PublicationDetail, error) {
	chain, err := readChain(ctx, conn)
	if err != nil {
		return PublicationDetail{}, err
	}
	at, err := findPublication(chain, id)
	if err != nil {
		return PublicationDetail{}, err
	}
	history, err := openHistory(ctx, conn)
	if err != nil {
		return PublicationDetail{}, err
	}
	detail := PublicationDetail{Publication: chain[at].Publication}
	for _, ref := range chain[at].info().Specs {
		c := Compared{SpecRef: ref}
		if c.Before, err = readSpec(ctx, history, ref.change.Before); err != nil {
			return detail, err
		}
		if c.After, err = readSpec(ctx, history, ref.change.After); err != nil {
			return detail, err
		}
		if c.Before != nil && c.After != nil {
			c.Changes = Differences(*c.Before, *c.After)
		}
		detail.Specs = append(detail.Specs, c)
	}
	return detail, nil
}

// findPublication finds a publication by its identifier or the beginning of it.
func findPublication(chain []entry, id string) (int, error) {
	var found []int
	for i, e := range chain {
		if e.ID == id {
			return i, nil
		}
		if id != "" && strings.HasPrefix(e.ID, id) {
			found = append(found, i)
		}
	}
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(found) > 1:
		return 0, fault.New(fault.NotFound, "give more of the identifier; `weir history` lists them", "%d publications begin with %s", len(found), id)
	}
	if len(chain) > 0 && chain[len(chain)-1].Previous != "" {
		return 0, fault.New(fault.NotFound, "`weir history` lists those that are kept", "there is no publication %s, or it is not kept any more: the newest %d are", id, len(chain))
	}
	return 0, fault.New(fault.NotFound, "`weir history` lists those that are kept", "there is no publication %s", id)
}

func readSpec(ctx context.Context, history *journal.Bucket, hash string) (*catalog.Record, error) {
	if hash == "" {
		return nil, nil //nolint:nilnil // no hash, no spec: the publication did not find or leave one
	}
	kv, err := history.Get(ctx, specPrefix+"."+hash)
	if err != nil {
		return nil, fmt.Errorf("read the history: %w", err)
	}
	r, err := catalog.DecodeRecord(kv.Value)
	if err != nil {
		return nil, fmt.Errorf("history: %w", err)
	}
	return &r, nil
}
