package files

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// stateVersion is the format of the state.
const stateVersion = 1

// state is what the worker keeps for the capture.
type state struct {
	V        int                  `json:"v"`
	Bindings map[string]*progress `json:"bindings,omitempty"` // by state key
}

// progress is how far the files of a binding were read. Each file has a record,
// until there are too many: then the oldest files that are done lose theirs,
// and Mark says until when all was read. A file without a record whose name or
// content is older than Mark is one of them.
type progress struct {
	Mark  int64              `json:"mark,omitempty"` // of Object.Changed, in nanoseconds
	Files map[string]*record `json:"files,omitempty"`
}

// record is how far a file was read.
type record struct {
	offset  int64 // behind the last document, in the content without its compression
	line    int64 // lines before offset
	size    int64 // of the file, when it was looked at
	changed int64 // the file's time, which orders files
	version string
	head    string // hash of the beginning: of a file that grows, or of one that is read as a whole and not done
	headLen int64
	done    bool // all of this version was read
}

// MarshalJSON writes a record as an array: there may be many.
func (r *record) MarshalJSON() ([]byte, error) {
	return json.Marshal([]any{r.offset, r.line, r.size, r.changed, r.version, r.headLen, r.head, r.done})
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (r *record) UnmarshalJSON(text []byte) error {
	fields := []any{&r.offset, &r.line, &r.size, &r.changed, &r.version, &r.headLen, &r.head, &r.done}
	n := len(fields)
	if err := json.Unmarshal(text, &fields); err != nil {
		return err
	}
	if len(fields) != n {
		return fmt.Errorf("a file's record has %d members, not %d", len(fields), n)
	}
	return nil
}

// How many records are kept. A file that is younger than recent keeps its own
// as long as there are fewer than mostRecords: its like may still be on their
// way, with a time before its own.
const (
	keptRecords = 256
	mostRecords = 1024
	recent      = time.Hour
)

// fold gives up the records of the oldest files that are done, and sets the
// mark behind them. floor is the time of the oldest file that has no record and
// was not read yet: everything before it is known. Records of a time go
// together. gone are the names whose records went.
func (p *progress) fold(now time.Time, floor int64) (gone []string) {
	if len(p.Files) <= keptRecords {
		return nil
	}
	names := slices.SortedFunc(maps.Keys(p.Files), func(a, b string) int {
		if c := p.Files[a].changed - p.Files[b].changed; c != 0 {
			return int(c>>63)*2 + 1
		}
		return strings.Compare(a, b)
	})
	young := now.Add(-recent).UnixNano()
	for i, name := range names {
		r := p.Files[name]
		left := len(names) - i
		if !r.done || r.changed >= floor || left <= keptRecords || r.changed > young && left <= mostRecords {
			break
		}
		gone = append(gone, name)
	}
	// Not in the middle of a time: who has the mark's time counts as read.
	for len(gone) > 0 && len(gone) < len(names) && p.Files[names[len(gone)]].changed == p.Files[gone[len(gone)-1]].changed {
		gone = gone[:len(gone)-1]
	}
	for _, name := range gone {
		p.Mark = p.Files[name].changed
		delete(p.Files, name)
	}
	return gone
}

// parseState reads a state; nil is that of the first start.
func parseState(text json.RawMessage) (s state, err error) {
	if len(text) > 0 {
		if err := json.Unmarshal(text, &s); err != nil {
			return s, fmt.Errorf("files: the state is damaged: %w", err)
		}
		if s.V != stateVersion {
			return s, fmt.Errorf("files: the state has format %d, this weir knows %d: it was written by a newer one", s.V, stateVersion)
		}
	}
	return s, nil
}

// change collects what a batch changes, as a merge patch of the state.
type change struct {
	files map[string]map[string]*record // by state key and name; nil: removed
	marks map[string]int64
}

func (c *change) set(stateKey, name string, r *record) {
	if c.files == nil {
		c.files = map[string]map[string]*record{}
	}
	if c.files[stateKey] == nil {
		c.files[stateKey] = map[string]*record{}
	}
	if r != nil {
		copied := *r
		r = &copied
	}
	c.files[stateKey][name] = r
}

func (c *change) mark(stateKey string, at int64) {
	if c.marks == nil {
		c.marks = map[string]int64{}
	}
	c.marks[stateKey] = at
}

func (c *change) empty() bool { return len(c.files) == 0 && len(c.marks) == 0 }

func (c *change) patch() (json.RawMessage, error) {
	type binding struct {
		Mark  int64              `json:"mark,omitempty"`
		Files map[string]*record `json:"files,omitempty"`
	}
	bindings := map[string]binding{}
	for key, files := range c.files {
		bindings[key] = binding{Mark: c.marks[key], Files: files}
	}
	for key, mark := range c.marks {
		if _, ok := bindings[key]; !ok {
			bindings[key] = binding{Mark: mark}
		}
	}
	return json.Marshal(map[string]any{"v": stateVersion, "bindings": bindings})
}
