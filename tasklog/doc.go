// Package tasklog keeps what tasks log in the stream weir_logs, so that it can
// be read wherever they run.
//
// A worker gives each task a zap core of a Writer. What is logged there goes
// through a queue of bounded bytes and is stored by one goroutine, many lines
// at once. Logging never waits: what a task logs beyond its rate, and what the
// queue has no room for while the server is away, is dropped, counted, and told
// of by the next line that is stored. So the lines are a help for people, and
// never a ledger: at most once, and after an answer that was lost perhaps twice.
//
// A line is one JSON object on the subject weir.log.<kind>.<task>:
//
//	{"v":1,"ts":"...","level":"warn","msg":"task retries","task":"acmeCo/db","kind":"materialization","shard":"0-1","txn":7,...}
//
// The stream is bounded by age, bytes and lines of a task.
package tasklog
