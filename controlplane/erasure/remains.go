package erasure

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"weir/catalog"
	"weir/collection"
	"weir/document"
	"weir/journal"
)

// mostKeys bounds how many registers of a derivation a report names.
const mostKeys = 20

// remains lists what holds the key, or may, and is not erased.
func (e *erasing) remains(ctx context.Context, deletion bool) error {
	if e.unread > 0 {
		e.remain(fmt.Sprintf("%d quarantined documents of %s that are no JSON: whose they are cannot be told", e.unread, e.target.Name),
			"look at them with `weir quarantine list --collection "+e.target.Name+" --rule json`, and drop those of the key")
	}
	if n := len(e.garbled); n > 0 {
		e.remain(fmt.Sprintf("%d messages in the stream of %s that are no JSON: whose they are cannot be told (the first: sequence %d)", n, e.target.Name, e.garbled[0]),
			"look at them with `nats stream get '"+e.target.StreamName()+"' SEQUENCE`, and erase those of the key with `nats stream rmm '"+e.target.StreamName()+"' SEQUENCE`")
	}
	e.saidElsewhere()
	for _, h := range e.holders {
		e.shared(h)
	}
	for i := range e.records {
		if err := e.reader(ctx, &e.records[i], deletion); err != nil {
			return err
		}
	}
	if deletion {
		e.remain("the deletion itself, which holds the key, in "+e.target.Name, "erase the key again once the destinations have read it (`weir status`)")
	}
	if e.target.Spec.Derive == nil || len(e.holders) > 0 || len(e.tellers) > 0 {
		e.remain("bytes on the server's disk that it gives to nobody any more: of documents that an inbox had moved, and of former values of registers and status records",
			"nothing reads them; they go when the server rewrites or removes the files that they are in")
	}
	e.remain("backups of the server, mirrors, and streams that source from "+e.target.StreamName(), "remove them by their own means")
	return nil
}

func (e *erasing) remain(what, do string) {
	e.report.Remains = append(e.report.Remains, Remain{What: what, Do: do})
}

// waits notes that a task was asked, and has not answered.
func (e *erasing) waits(h *holder, why string) {
	do := "see why with `weir status " + h.spec.Name + "`; it erases them when it starts"
	if why == "it is paused" {
		do = "`weir resume " + h.spec.Name + "`: it erases them when it starts"
	}
	e.remain(fmt.Sprintf("registers of %s (%d keys): they wait for %s to run (%s)", h.spec.Name, len(h.keys), h.spec.Name, why), do+"; erase the key again to see that they are gone")
}

// shared names the registers that are made from documents of other keys too,
// and those whose bytes cannot be overwritten.
func (e *erasing) shared(h *holder) {
	switch {
	case h.bucket == nil: // it never ran, and holds nothing
		return
	case h.alone:
		if !h.bucket.Overwrites() {
			e.remain("bytes of the registers of "+h.spec.Name+" on the server's disk: their bucket was made by an older weir, and its values cannot be overwritten",
				"they go when the server rewrites the files that they are in")
		}
		return
	}
	keys := slices.Sorted(maps.Keys(h.keys))
	for _, key := range keys[:min(len(keys), mostKeys)] {
		if text, err := document.AppendKeyJSON(nil, []byte(key)); err == nil {
			e.remain("register "+string(text)+" of "+h.spec.Name+", which documents of other keys may have made too",
				"set or delete it by a document that the derivation makes so of (`register.delete()`), or publish the derivation under a new name to compute all anew, and remove this one with `weir delete --with-data`")
		}
	}
	if more := len(keys) - mostKeys; more > 0 {
		e.remain(fmt.Sprintf("%d more registers of %s", more, h.spec.Name), "the same")
	}
}

// reader notes what a task that reads the collection keeps.
func (e *erasing) reader(ctx context.Context, r *catalog.Record, deletion bool) error {
	switch {
	case r.Collection != nil && r.Collection.Derive != nil:
		reads := slices.ContainsFunc(r.Collection.Derive.Transforms, func(t catalog.Transform) bool { return t.Source.Name == e.target.Name })
		if reads {
			return e.derived(ctx, r.Collection)
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
	return nil
}

// derived notes what a derivation keeps beside registers.
func (e *erasing) derived(ctx context.Context, spec *catalog.Collection) error {
	e.remain("documents that "+spec.Name+" derived from it", "`weir erase "+spec.Name+" --key ...` for the keys that it has there")
	if spec.Derive.Using.SQLite != nil {
		e.remain("the database of "+spec.Name+", whose pages hold rows of many keys",
			"give it a lambda that deletes the key's rows (`delete from ... where ... = $id`), and publish a document that calls it; or publish the derivation under a new name, which computes the database anew from what is left, and remove this one with `weir delete --with-data`")
		return nil
	}
	newest, err := e.conn.Last(ctx, collection.StreamName(spec.Name), collection.TxnFilter(spec.Name, spec.Name))
	if errors.Is(err, journal.ErrNoMessage) || errors.Is(err, journal.ErrNoStream) {
		return nil
	}
	if err != nil {
		return err
	}
	var marker struct {
		State json.RawMessage `json:"state"`
	}
	if err := json.Unmarshal(newest.Data, &marker); err != nil {
		return fmt.Errorf("newest marker of %s: %w", spec.Name, err)
	}
	if len(marker.State) > 0 {
		e.remain("the state of "+spec.Name+"'s class, which is kept as a whole",
			"let its next `startCommit` leave the key out; or publish the derivation under a new name to compute it anew, and remove this one with `weir delete --with-data`")
	}
	return nil
}
