// Package doctor examines a Weir from outside: the NATS server and what this
// user may do there, the streams and how they grow, the workers and their tasks.
// Each finding says what was found, why it matters, and what to do.
//
// It changes nothing that is there. What can only be tried is tried on a stream
// of its own, which is removed again.
package doctor
