// Package nats materializes collections into NATS: into a JetStream stream
// under a subject made of the document's fields, into a key-value bucket, or to
// whoever listens to a core subject.
//
// Where the stream allows it, a transaction is one atomic batch: documents and
// the shard's checkpoint, which is the last message on
// weir.sink.<stream>.<task>.<shard> and must follow the one that the session
// knows. So a session that was opened since fences this one, and every
// transaction takes effect once. The stream allows it with AllowAtomicPublish,
// that subject among its own, and no limit that could discard the checkpoint.
//
// Elsewhere a stream gets its documents at least once, each with a
// Nats-Msg-Id, and a core subject whatever is listening: at most once for it.
//
// In standard mode a subject stands for a key: its newest message is the
// document, and one without a payload says that it is deleted.
package nats
