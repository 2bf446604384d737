// Package sources is what a capture's connector is written against: the
// Source and Session interfaces in the steps of the connector protocol (spec,
// discover, validate, apply, open, then documents, checkpoints and
// acknowledgements), and the registry that names the sources of a binary.
//
// A source reads and says how far it has read; it never decides when that is
// durable. Its caller writes documents and state in one atomic step, and only
// then acknowledges. What a source promises, package sourcestest checks:
// opened with a state, it goes on exactly behind the documents which that
// state covers.
package sources
