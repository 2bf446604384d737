// Command bench measures Weir against its limits, all of it in one run: on one
// server, which runs as a process of its own, row after row and round after
// round, so that each figure stands beside the limit that the same machine
// gave in the same minute.
//
//	go run ./bench                      # the whole table
//	go run ./bench -rows pipe -rounds 5 # rows whose name holds "pipe"
//	go run ./bench -rows chain          # what a document costs between reading and writing
//	go run ./bench -rows registers -rounds 1 # five million registers: takes minutes
//	go run ./bench -rows PostgreSQL     # with a million keys, too
//	go run ./bench -json -              # for programs
//	go run ./bench -nats URL -server-pid PID
//
// Limits (limits.go) are what a NATS client can do with Weir's ways of reading
// and writing when nothing happens in between; that file imports the NATS
// client and nothing of Weir, as postgres.go imports PostgreSQL's. Documents are orders of about 250 bytes, one for
// each of 20,000 keys, the same in each run.
//
// The rows of the chain need no server: their CPU is given in multiples of what
// parsing the same documents takes in the same round. The rows of registers run
// only when -rows asks for them, in worker processes of their own.
//
// CPU is that of the processes that do a row's work, the server's apart. On a
// machine whose cores server and worker share, rates of single rows say
// little: read the shares, and the limits beside the reference machine's.
package main
