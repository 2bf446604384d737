package erasure

import (
	"fmt"
	"maps"
	"slices"

	"weir/catalog"
)

// remains lists what holds the key, or may, and is not erased.
func (e *erasing) remains(deletion bool) {
	if e.unread > 0 {
		e.remain(fmt.Sprintf("%d quarantined documents of %s that are no JSON: whose they are cannot be told", e.unread, e.target.Name),
			"look at them with `weir quarantine list --collection "+e.target.Name+" --rule json`, and drop those of the key")
	}
	for _, name := range slices.Sorted(maps.Keys(e.shuffled)) {
		e.remain(name, "set or delete it by a document that the derivation makes so of, or publish the derivation with raised backfill counters and a new name to compute it anew")
	}
	for i := range e.records {
		e.reader(&e.records[i], deletion)
	}
	if deletion {
		e.remain("the deletion itself, which holds the key, in "+e.target.Name, "erase the key again once the destinations have read it (`weir status`)")
	}
	e.remain("backups of the server, mirrors, and streams that source from "+e.target.StreamName(), "remove them by their own means")
}

func (e *erasing) remain(what, do string) {
	e.report.Remains = append(e.report.Remains, Remain{What: what, Do: do})
}

// reader notes what a task that reads the collection keeps.
func (e *erasing) reader(r *catalog.Record, deletion bool) {
	switch {
	case r.Collection != nil && r.Collection.Derive != nil:
		reads := slices.ContainsFunc(r.Collection.Derive.Transforms, func(t catalog.Transform) bool { return t.Source.Name == e.target.Name })
		if !reads {
			return
		}
		e.remain("documents that "+r.Collection.Name+" derived from it", "`weir erase "+r.Collection.Name+" --key ...` for the keys that it has there")
		if r.Collection.Derive.Using.SQLite != nil {
			e.remain("the database of "+r.Collection.Name, "let a document of the source change or remove its rows, or publish the derivation under a new name to compute it anew")
		}
	case r.Materialization != nil:
		reads := slices.ContainsFunc(r.Materialization.Bindings, func(b catalog.MaterializationBinding) bool { return b.Source.Name == e.target.Name })
		switch {
		case !reads:
		case deletion:
			e.remain("the rows of "+r.Materialization.Name+" until it has read the deletion; tables with delta updates keep their rows", "look at the destination")
		default:
			e.remain("the rows of "+r.Materialization.Name+" at its destination", "remove them there, or erase with --deletion, a document that the schema reduces to a deletion")
		}
	}
}
