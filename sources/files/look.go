package files

import (
	"bufio"
	"cmp"
	"container/heap"
	"context"
	"path"
	"strings"
	"time"

	"go.uber.org/zap"

	"weir/internal/objects"
	"weir/schema"
)

// binding is one of the session's bindings.
type binding struct {
	index    int
	stateKey string
	resource resource
	progress *progress
	kinds    func(name string) kind
	meta     bool // documents say where they were

	floor     int64               // time of the oldest file without a record that the last look left to a later one
	unsettled map[string]sighting // files of a directory that somebody may be writing
}

func newBinding(index int, stateKey string, r resource, key []string, shape *schema.Shape, p *progress) *binding {
	if p == nil {
		p = &progress{}
	}
	if p.Files == nil {
		p.Files = map[string]*record{}
	}
	return &binding{index: index, stateKey: stateKey, resource: r, progress: p, kinds: kindsOf(shape), meta: wantsMeta(key, shape)}
}

// compression tells how a file is compressed: as its binding says, by its
// suffix, or, when that does not tell the format either, by how it begins.
func (b *binding) compression(ctx context.Context, store *objects.Store, key string) (objects.Compression, error) {
	if c := b.resource.Compression; c != "" && c != "auto" {
		return c, nil
	}
	if c, _ := objects.CompressionOf(key); c != objects.None || bySuffix[strings.ToLower(path.Ext(key))] != "" {
		return c, nil
	}
	r, err := store.Read(ctx, key, 0)
	if err != nil {
		return "", &storeError{err}
	}
	defer r.Close()
	return objects.Sniff(bufio.NewReader(storeReader{r}))
}

// mostCandidates is how many files one look takes up: what is beyond is found
// by a later look.
const mostCandidates = 10_000

// candidates are the oldest files of a look, the youngest on top.
type candidates []candidate

func (c candidates) Len() int { return len(c) }
func (c candidates) Less(i, j int) bool {
	return c[j].compare(&c[i]) < 0
}
func (c candidates) Swap(i, j int) { c[i], c[j] = c[j], c[i] }
func (c *candidates) Push(x any)   { *c = append(*c, x.(candidate)) }
func (c *candidates) Pop() any {
	last := (*c)[len(*c)-1]
	*c = (*c)[:len(*c)-1]
	return last
}

// compare orders files by their age.
func (f *candidate) compare(other *candidate) int {
	return cmp.Or(f.object.Changed.Compare(other.object.Changed), strings.Compare(f.object.Key, other.object.Key), cmp.Compare(f.binding, other.binding))
}

// look lists the files of a binding and adds those that have something to read.
func (s *session) look(ctx context.Context, b *binding, found *candidates) error {
	now := s.now()
	unsettled := map[string]sighting{}
	folders := objects.Folders{Into: b.resource.pattern.mayHold, Denied: s.passOver}
	err := s.store.ListFolders(ctx, b.resource.pattern.prefix, folders, func(o objects.Object) error {
		if !b.resource.pattern.matches(o.Key) {
			return nil
		}
		r := b.progress.Files[o.Key]
		changed := o.Changed.UnixNano()
		switch {
		case r == nil && changed <= b.progress.Mark:
			return nil
		case r != nil && r.done && r.version == o.Version && r.size == o.Size:
			if r.changed != changed { // another owner, say: it must not look new once the record is gone
				r.changed = changed
				s.change.set(b.stateKey, o.Key, r)
			}
			return nil
		}
		c := candidate{binding: b.index, object: o, settled: true}
		if s.store.Local() {
			c.settled = s.settled(b, o, now, unsettled)
		}
		if !c.settled && b.resource.isWhole(o.Key) {
			b.leave(&c)
			return nil
		}
		heap.Push(found, c)
		if len(*found) > mostCandidates {
			left := heap.Pop(found).(candidate)
			s.bindings[left.binding].leave(&left)
		}
		return nil
	})
	if err != nil {
		return &storeError{err}
	}
	b.unsettled = unsettled
	return nil
}

// passOver tells once of a folder that may not be read.
func (s *session) passOver(folder string, err error) {
	if !s.denied[folder] {
		s.denied[folder] = true
		s.log.Warn("a folder may not be read and is passed over: allow it, or give the binding a narrower match", zap.String("folder", s.store.Name(folder)), zap.Error(err))
	}
}

// leave leaves a file to a later look.
func (b *binding) leave(c *candidate) {
	if b.progress.Files[c.object.Key] == nil {
		b.floor = min(b.floor, c.object.Changed.UnixNano())
	}
}

// sighting is when a version of a file was seen first.
type sighting struct {
	version string
	at      time.Time
}

// settled says whether a file was left alone for long enough: by its own time,
// or, should that lie in the future, since it was seen first.
func (s *session) settled(b *binding, o objects.Object, now time.Time, unsettled map[string]sighting) bool {
	if now.Sub(o.Written) >= s.settle {
		return true
	}
	seen, ok := b.unsettled[o.Key]
	if !ok || seen.version != o.Version {
		seen = sighting{o.Version, now}
	}
	if now.Sub(seen.at) >= s.settle {
		return true
	}
	unsettled[o.Key] = seen
	return false
}

// isWhole says whether a file is read as a whole, so that nothing of it is
// read before it is complete. By its name alone: what its beginning tells of
// its compression is found when it is read.
func (r *resource) isWhole(key string) bool {
	c, _ := objects.CompressionOf(key)
	f, err := r.formatOf(key)
	return c != objects.None || r.Compression == objects.Gzip || r.Compression == objects.Zstd || err == nil && !f.grows()
}
