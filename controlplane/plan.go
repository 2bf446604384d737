package controlplane

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"weir/catalog"
	"weir/collection"
)

// Plan says in words what a publication would do. It holds no settings of
// endpoints.
type Plan struct {
	Catalog   string       `json:"catalog"`
	Newest    string       `json:"newest,omitempty"`    // the newest publication when the draft was made: what is planned holds while it is
	Reverts   string       `json:"reverts,omitempty"`   // the publication that would be brought back
	Specs     []SpecChange `json:"specs"`               // sorted by name
	Unchanged []string     `json:"unchanged,omitempty"` // specs of the same catalog
	Tasks     []TaskChange `json:"tasks"`               // sorted by name
	GoOn      []string     `json:"goOn,omitempty"`      // tasks that are not disturbed, whoever's they are
}

// What becomes of specs and tasks.
const (
	Create  = "create"
	Change  = "change"
	Remove  = "remove"
	Start   = "start"
	Restart = "restart"
	Stop    = "stop"
)

// SpecChange is what becomes of one spec.
type SpecChange struct {
	Action  string       `json:"action"` // Create, Change or Remove
	Kind    catalog.Kind `json:"kind"`   // collection, capture or materialization
	Name    string       `json:"name"`
	Changes []string     `json:"changes,omitempty"` // what differs, of a spec that is changed
	Effects []string     `json:"effects,omitempty"` // what that does to streams, tables and state
}

// TaskChange is what becomes of one task.
type TaskChange struct {
	Action string       `json:"action"` // Start, Restart or Stop
	Kind   catalog.Kind `json:"kind"`   // capture, derivation, materialization or inbox
	Name   string       `json:"name"`
	Why    string       `json:"why,omitempty"`
}

// Empty says whether there is nothing to publish.
func (p *Plan) Empty() bool { return len(p.Specs) == 0 }

// Plan says in words what Publish would do.
func (d *Draft) Plan() Plan {
	p := Plan{Catalog: d.options.Catalog, Newest: d.was.newest.ID, Reverts: d.options.reverts, Specs: []SpecChange{}, Unchanged: d.done.Unchanged, Tasks: []TaskChange{}}
	for _, key := range byName(d.changes, d.was.records) {
		p.Specs = append(p.Specs, d.specChange(key))
	}
	after := d.after()
	keys := map[string]*catalog.Record{}
	for key := range d.was.records {
		keys[key] = nil
	}
	for key, r := range after {
		keys[key] = &r
	}
	for _, key := range byName(keys, d.was.records) {
		p.task(key, d.was.records, after)
	}
	return p
}

// byName sorts the keys of records by the records' names.
func byName(changes map[string]*catalog.Record, was map[string]catalog.Record) []string {
	name := func(key string) string {
		if r := changes[key]; r != nil {
			return r.Name()
		}
		r := was[key]
		return r.Name()
	}
	return slices.SortedFunc(maps.Keys(changes), func(a, b string) int {
		if by := strings.Compare(name(a), name(b)); by != 0 {
			return by
		}
		return strings.Compare(a, b)
	})
}

func (d *Draft) specChange(key string) SpecChange {
	old, known := d.was.records[key]
	now := d.changes[key]
	switch {
	case now == nil:
		return SpecChange{Action: Remove, Kind: old.Kind(), Name: old.Name(), Effects: removed(old)}
	case !known:
		return SpecChange{Action: Create, Kind: now.Kind(), Name: now.Name(), Effects: d.effects(key, nil, now)}
	}
	return SpecChange{Action: Change, Kind: now.Kind(), Name: now.Name(), Changes: Differences(old, *now), Effects: d.effects(key, &old, now)}
}

// task says what becomes of the task of one key.
func (p *Plan) task(key string, was, after map[string]catalog.Record) {
	old, known := was[key]
	now, stays := after[key]
	add := func(action string, r catalog.Record, why string) {
		p.Tasks = append(p.Tasks, TaskChange{Action: action, Kind: r.TaskKind(), Name: r.Name(), Why: why})
	}
	switch {
	case !stays:
		add(Stop, old, "")
		return
	case !known:
		add(Start, now, "")
		return
	case old.TaskKind() != now.TaskKind():
		add(Stop, old, "it becomes a "+string(now.TaskKind()))
		add(Start, now, "")
		return
	}
	switch {
	case old.Disabled() && now.Disabled():
	case now.Disabled():
		add(Stop, now, "it is disabled")
	case old.Disabled():
		add(Start, now, "it is disabled no more")
	case old.Hash() != now.Hash():
		add(Restart, now, "it changed")
	default:
		for _, name := range now.BuiltFrom() {
			of := collectionKey(name)
			before, after := was[of], after[of]
			if before.Hash() != after.Hash() {
				add(Restart, now, "collection "+name+" changed")
				return
			}
		}
		if now.TaskKind() != catalog.KindInbox {
			p.GoOn = append(p.GoOn, now.Name())
		}
	}
}

func collectionKey(name string) string {
	return string(catalog.KindCollection) + "." + collection.KVKey(name)
}

// removed says what stays of a spec that goes.
func removed(r catalog.Record) []string {
	switch {
	case r.Collection != nil:
		return []string{"its stream stays, with all documents"}
	case r.Materialization != nil:
		return []string{"what it wrote stays at its endpoint"}
	}
	return nil
}

// effects says what a spec does to streams, tables and state.
func (d *Draft) effects(key string, old, now *catalog.Record) []string {
	var out []string
	switch {
	case now.Collection != nil:
		out = d.streamEffects(key, old, now.Collection)
		var before *catalog.Derivation
		if old != nil {
			before = old.Collection.Derive
		}
		out = append(out, derivationEffects(before, now.Collection.Derive)...)
	case now.Capture != nil:
		for i, b := range now.Capture.Bindings {
			if old != nil && i < len(old.Capture.Bindings) && b.Backfill > old.Capture.Bindings[i].Backfill {
				out = append(out, "binding "+strconv.Itoa(i)+" captures its resource from the beginning")
			}
		}
	case now.Materialization != nil:
		out = materializationEffects(old, now.Materialization)
	}
	if action := d.options.Actions[now.Name()]; action != "" {
		out = append(out, "at the endpoint: "+strings.Join(strings.Fields(action), " "))
	}
	if old != nil && old.Catalog != now.Catalog {
		out = append(out, "it belongs to this catalog from now on; it was published from "+old.Catalog)
	}
	return out
}

func (d *Draft) streamEffects(key string, old *catalog.Record, now *catalog.Collection) []string {
	var out []string
	name := collection.StreamName(now.Name)
	switch s := d.streams[key]; {
	case s.found && old == nil:
		out = append(out, "stream "+name+" is there already, with "+strconv.FormatUint(s.messages, 10)+" messages: the collection begins with them")
	case s.lost:
		out = append(out, "stream "+name+" is gone: it is made again, empty")
	case !s.found:
		out = append(out, "stream "+name+" is made")
	}
	if old != nil && (old.Collection.Derive == nil) != (now.Derive == nil) {
		if now.Derive == nil {
			out = append(out, "anybody can publish to it: it is not derived any more")
		} else {
			out = append(out, "nobody else can publish to it: it is derived")
		}
	}
	return out
}

// derivationEffects says what becomes of a derivation's state and of what it
// has read.
func derivationEffects(old, now *catalog.Derivation) []string {
	if now == nil {
		return nil
	}
	read := map[string]bool{}
	var out []string
	if old != nil {
		out = stateEffects(old, now)
		for _, t := range old.Transforms {
			read[position(t)] = true
		}
	}
	for _, t := range now.Transforms {
		if !read[position(t)] && !t.Disable {
			out = append(out, "transform "+t.Name+" reads "+t.Source.Name+" from its beginning")
		}
	}
	return out
}

// position is what a transform's progress belongs to.
func position(t catalog.Transform) string {
	return t.Name + " " + strconv.Itoa(t.Backfill) + " " + t.Source.Name
}

func stateEffects(old, now *catalog.Derivation) []string {
	was, is := old.State(), now.State()
	switch {
	case was == is:
		return nil
	case is == catalog.StateNone:
		return []string{"its " + string(was) + " are dropped"}
	case was == catalog.StateNone:
		return []string{"its " + string(is) + " start empty: what was read before is not in them"}
	}
	return []string{"its " + string(was) + " are dropped, its " + string(is) + " start empty: what was read before is not in them"}
}

// materializationEffects says which bindings read their collections anew.
func materializationEffects(old *catalog.Record, now *catalog.Materialization) []string {
	was := map[string]int{}
	if old != nil {
		for _, b := range old.Materialization.Bindings {
			was[b.Source.Name+" "+string(b.Resource)] = b.Backfill
		}
	}
	var out []string
	for i, b := range now.Bindings {
		before, known := was[b.Source.Name+" "+string(b.Resource)]
		if !b.Disable && (!known || before != b.Backfill) {
			out = append(out, "binding "+strconv.Itoa(i)+" reads "+b.Source.Name+" from its beginning")
		}
	}
	return out
}
