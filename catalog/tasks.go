package catalog

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Kind is a kind of task.
type Kind string

// The kinds of tasks that a catalog describes.
const (
	KindCapture         Kind = "capture"
	KindDerivation      Kind = "derivation"
	KindMaterialization Kind = "materialization"
)

// Task is something that runs: a capture, a derivation (named as its
// collection) or a materialization. No two tasks of a catalog share a name.
type Task struct {
	Kind    Kind
	Name    string
	Disable bool
	Hash    string // of the spec, see Collection.Hash
}

// Tasks returns the catalog's tasks, sorted by name.
func (c *Catalog) Tasks() []Task {
	var tasks []Task
	for name, spec := range c.Captures {
		tasks = append(tasks, Task{KindCapture, name, spec.Disable, spec.Hash()})
	}
	for name, spec := range c.Collections {
		if spec.Derive != nil {
			tasks = append(tasks, Task{KindDerivation, name, spec.Derive.Disable, spec.Hash()})
		}
	}
	for name, spec := range c.Materializations {
		tasks = append(tasks, Task{KindMaterialization, name, spec.Disable, spec.Hash()})
	}
	slices.SortFunc(tasks, func(a, b Task) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Kind, b.Kind))
	})
	return tasks
}

// Names returns the keys of one of the catalog's maps, sorted.
func Names[V any](entities map[string]V) []string {
	return slices.Sorted(maps.Keys(entities))
}

// Reader is one use of a collection by a task.
type Reader struct {
	Kind      Kind // KindDerivation or KindMaterialization
	Task      string
	Transform string // of a derivation
	Binding   int    // index in the task's transforms or bindings
}

// Readers returns what reads the collection, by task name and binding. What is
// disabled does not read.
func (c *Catalog) Readers(collection string) []Reader {
	var readers []Reader
	for name, spec := range c.Collections {
		if spec.Derive == nil || spec.Derive.Disable {
			continue
		}
		for i, t := range spec.Derive.Transforms {
			if t.Source.Name == collection && !t.Disable {
				readers = append(readers, Reader{KindDerivation, name, t.Name, i})
			}
		}
	}
	for name, spec := range c.Materializations {
		for i, b := range spec.Bindings {
			if b.Source.Name == collection && !b.Disable && !spec.Disable {
				readers = append(readers, Reader{KindMaterialization, name, "", i})
			}
		}
	}
	slices.SortFunc(readers, func(a, b Reader) int {
		return cmp.Or(cmp.Compare(a.Task, b.Task), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Binding, b.Binding))
	})
	return readers
}

// Admits says whether a document of a time is between the source's bounds, both
// of which are inclusive.
func (s *Source) Admits(t time.Time) bool {
	return (s.NotBefore == nil || !t.Before(*s.NotBefore)) && (s.NotAfter == nil || !t.After(*s.NotAfter))
}

// Hash is the SHA-256 of the spec's JSON without its origin, in hex: two specs
// of the same hash mean the same. A derivation's hash changes with its code once
// its module is bundled, or inline.
func (c Collection) Hash() string {
	c.Origin = Origin{}
	c.Derive = c.Derive.withoutPlaces()
	return hash(c)
}

// Hash is the SHA-256 of the spec's JSON without its origin, in hex.
func (c Capture) Hash() string {
	c.Origin = Origin{}
	return hash(c)
}

// Hash is the SHA-256 of the spec's JSON without its origin, in hex.
func (m Materialization) Hash() string {
	m.Origin = Origin{}
	return hash(m)
}

// Hash is the SHA-256 of the test's JSON without its origins, in hex.
func (t Test) Hash() string {
	t.Origin = Origin{}
	t.Steps = slices.Clone(t.Steps)
	for i := range t.Steps {
		t.Steps[i].Origin = Origin{}
	}
	return hash(t)
}

func hash(spec any) string {
	text, err := json.Marshal(spec)
	if err != nil {
		// A spec holds strings, numbers and JSON that was checked when it was read.
		panic(fmt.Sprintf("hash of %T: %v", spec, err))
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// ParseInterval reads a capture's interval: a whole number of seconds, minutes,
// hours or days ("30s", "5m", "2h", "1d").
func ParseInterval(text string) (time.Duration, error) { return parseDuration("interval", text) }

// ParseDelay reads a transform's readDelay, which is written as an interval; an
// empty one is none.
func ParseDelay(text string) (time.Duration, error) {
	if text == "" {
		return 0, nil
	}
	return parseDuration("readDelay", text)
}

func parseDuration(what, text string) (time.Duration, error) {
	units := map[byte]time.Duration{'s': time.Second, 'm': time.Minute, 'h': time.Hour, 'd': 24 * time.Hour}
	if len(text) < 2 || strings.Trim(text[:len(text)-1], "0123456789") != "" || units[text[len(text)-1]] == 0 {
		return 0, fmt.Errorf("%s %q is not a number followed by s, m, h or d", what, text)
	}
	unit := units[text[len(text)-1]]
	n, err := strconv.ParseInt(text[:len(text)-1], 10, 64)
	if err != nil || n > int64(maxInterval/unit) {
		return 0, fmt.Errorf("%s %q is longer than ten years", what, text)
	}
	return time.Duration(n) * unit, nil
}

const maxInterval = 3650 * 24 * time.Hour
