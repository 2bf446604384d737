// Package journal is Weir's only door to JetStream. It carries bytes, headers,
// subjects and positions, and knows nothing of documents.
//
// What it guarantees:
//
//   - A Batch is appended whole or not at all, and at most once if one of its
//     messages carries an expected sequence (Outgoing.Expect): whoever wrote to
//     that subject in between makes the append fail with ErrFenced. Commit goes
//     on through lost replies, restarts of the server and changes of leader, and
//     comes back only with the truth or when its context ends.
//   - A Reader hands out the messages of one filter in the order of the stream,
//     each once, without gaps, from a position on, and goes on by itself after
//     any disturbance. What it has read ahead is bounded in bytes. A position
//     beyond the end of the stream is an error, never a wait.
//   - A Bucket keeps small values under keys, with compare-and-set, and changes
//     many keys in one step. Ordinary KV clients can read it.
//
// Trouble that passes by itself (the server is away, a leader changes, too much
// is open at once) is retried with growing pauses until the context of the call
// ends. Everything else is an error that says what happened and where; secrets
// never stand in one.
package journal
