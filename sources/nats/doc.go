// Package nats captures messages of NATS: of a JetStream stream, or of a core
// subject.
//
// Of a stream every message that matches is captured once: the position is
// the sequence of the last one, it is the capture's state, and it becomes
// durable with the documents. The consumer on the server is a cursor of this
// start alone. Messages that the stream discarded before they were read, and a
// stream that was made again, are errors, never passed over.
//
// Of a core subject a message is captured at most once: the server keeps
// nothing, so what is published while nobody listens, or was not durable when
// the capture ended, is gone.
//
// What is read ahead is bounded in bytes. Any trouble of the connection ends
// the session with an error that passes by itself, and the next one goes on
// behind the last durable message.
package nats
