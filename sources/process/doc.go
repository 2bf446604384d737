// Package process captures through a connector that is a program of its own
// (`endpoint: { local: { command: [...] } }`), which speaks the capture
// protocol of package connector on standard input and output.
//
// It guarantees what every source does: documents become durable with the
// state of the checkpoint behind them, in one step, and the program is opened
// with that state again. So captures are exactly once if the program gives
// again what is behind the state that it is opened with, and at most once if
// it does not. It runs one program for each question, and one for each
// session; what these do at an endpoint is theirs.
package process
