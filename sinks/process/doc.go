// Package process materializes through a connector that is a program of its
// own (`endpoint: { local: { command: [...] } }`), which speaks the
// materialize protocol of package connector on standard input and output.
//
// What it guarantees is the connector's to say. One that keeps Weir's
// checkpoint with its rows, and gives it when it is opened, is exactly once:
// it says so by a runtimeCheckpoint in opened, even an empty one. For any other
// the checkpoint is kept by whoever opened the session, in one step with the
// state that the connector gives for it, and before the connector is told:
// exactly once if it applies then, again when it is asked again, what its state
// names; else at least once.
//
// A connector is fenced by what it does at its endpoint: it says "fenced off"
// in the error that it ends with. Where the owner keeps the state, keeping it
// is the fence.
package process
