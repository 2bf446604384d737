// Package erasure removes one key of a collection from where Weir keeps it:
// the collection's stream, what waits for its inbox, and quarantine. Messages
// are overwritten in the server's store, not only marked as gone.
//
// What it cannot remove it names: what was derived from the key, registers and
// databases of derivations, and the rows of destinations, with what to do
// about each.
//
// Erasing the same key again is safe, and removes what was stored since.
package erasure
