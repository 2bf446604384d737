package controlplane

import (
	"context"
	"maps"
	"slices"

	"weir/journal"
)

// keptPublications is how many publications the history keeps, the newest ones.
const keptPublications = 1000

// trimHistory makes room for one more publication: it removes the entries of those
// that are too old and of those that were refused, and the specs that no other
// entry names. It may run while others publish.
func trimHistory(ctx context.Context, conn *journal.Conn, history *journal.Bucket) error {
	_, now, err := openPublished(ctx, conn)
	if err != nil {
		return err
	}
	rest, err := readEntries(ctx, history)
	if err != nil {
		return err
	}
	chain := takeChain(rest, now.newest.ID)
	kept, gone := chain, takeRefused(rest, chain)
	if most := keptPublications - 1; len(chain) > most {
		kept = chain[:most]
		old := slices.Clone(chain[most:])
		slices.Reverse(old) // the oldest first: what is left is one chain at any time
		gone = append(gone, old...)
	}
	if len(gone) == 0 {
		return nil
	}
	needed, err := specsOf(slices.Concat(kept, slices.Collect(maps.Values(rest))), now)
	if err != nil {
		return err
	}
	return forget(ctx, history, gone, needed)
}

// takeRefused takes from the entries that are in no chain those that will never
// be in one: others published after the same publication. What is left may be
// a publication that somebody is about to make.
func takeRefused(rest map[string]entry, chain []entry) (refused []entry) {
	followed := map[string]bool{}
	for _, e := range chain {
		followed[e.Previous] = true
	}
	for _, id := range slices.Sorted(maps.Keys(rest)) {
		if e := rest[id]; !e.Time.IsZero() && followed[e.Previous] { // its first part has been read
			refused = append(refused, e)
			delete(rest, id)
		}
	}
	return refused
}

// specsOf gives the hashes of specs that entries name and of those that are
// published: whoever publishes now may name these without writing them again.
func specsOf(entries []entry, now published) (map[string]bool, error) {
	needed := map[string]bool{}
	for _, e := range entries {
		for _, c := range e.Changes {
			needed[c.Before], needed[c.After] = true, true
		}
	}
	for _, r := range now.records {
		_, hash, err := encodeSpec(r)
		if err != nil {
			return nil, err
		}
		needed[hash] = true
	}
	return needed, nil
}

// forget removes entries, each behind the specs that nothing else needs. A spec
// that was written again since its entry was is somebody else's and stays.
func forget(ctx context.Context, history *journal.Bucket, gone []entry, needed map[string]bool) error {
	for _, e := range gone {
		through := slices.Max(slices.Collect(maps.Values(e.keys)))
		for _, c := range e.Changes {
			for _, hash := range []string{c.Before, c.After} {
				if hash == "" || needed[hash] {
					continue
				}
				if err := history.Erase(ctx, specPrefix+"."+hash, through); err != nil {
					return err
				}
			}
		}
		for key, revision := range e.keys {
			if err := history.Erase(ctx, key, revision); err != nil {
				return err
			}
		}
	}
	return nil
}
