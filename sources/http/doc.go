// Package http is a source of documents that others send: webhooks, and
// programs that post JSON. Each binding has a path below the endpoint's
// address; captures of one process that name the same address share one
// listener.
//
// A request is all or nothing. Its documents are checked when it comes, by the
// code that every writer of the collection uses, so the answer names what is
// wrong with which of them, and no request can fail the task or another
// request. Requests that come at the same time share a transaction. One is
// answered with success only once its documents are durable; memory is bounded
// in bytes, and what exceeds it is refused until there is room.
//
// A request that carries an idempotency key is written once, however often it
// comes within a window: the keys are records of the capture, durable in the
// same step as the documents. Without a key a request that is sent again,
// because its answer was lost, is written again.
//
// States of a request: it is read and checked by its own goroutine, queued,
// handed out by Pull, and answered by Acknowledge. Closing the session answers
// all that were not acknowledged with 503: they may have been written.
package http
