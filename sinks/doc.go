// Package sinks is what a materialization's connector is written against:
// the Sink and Session interfaces in the steps of the connector protocol
// (spec, validate, apply, open, then load, store and commit), the registry
// that names the sinks of a binary, and the pure functions that decide which
// locations of a collection's documents become which fields of a resource.
//
// What a sink promises, package sinkstest checks: the rows of a transaction
// and its checkpoint become durable together or not at all, a second Open of
// a shard fences the first, and what was stored is loaded as it was.
//
// The package knows neither NATS nor the transaction loop; it moves no
// documents itself.
package sinks
