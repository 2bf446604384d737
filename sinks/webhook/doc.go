// Package webhook is a sink that sends documents to an HTTP endpoint: each
// change once it is in the collection, in batches, as requests that the
// endpoint confirms with a status of 2xx.
//
// It is at least once: the worker keeps the checkpoint behind the endpoint's
// confirmations, so what was confirmed and not yet noted is sent again. Every
// request carries an idempotency key that is a function of its documents and
// of when they were stored: a request that is sent again as it was has the
// same key. Documents of a key stay in their order, since each lane of
// requests has keys of its own and sends one request at a time.
//
// Rows are kept until Commit, which sends them: the memory that they take is
// bounded by the worker's transactions. A refusal that lies with the content
// is followed down to the document that it is for.
package webhook
