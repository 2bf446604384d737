package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// options of a run, as given on the command line.
type options struct {
	documents, paced, keys, rounds int
	registers, rows                int
	batches                        []int
	seed                           uint64
	only                           string
	examples                       []string
	json, profile                  string
	url                            string
	pids                           []int
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if errors.Is(err, flag.ErrHelp) {
		os.Exit(2)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out, log io.Writer) (err error) {
	if len(args) == 2 && args[0] == serverWord {
		return serveNATS(args[1], os.Stdin, out)
	}
	if len(args) == 4 && args[0] == workerWord {
		return serveWorker(args[1], args[2], args[3], os.Stdin, out)
	}
	o, err := parse(args, log)
	if err != nil {
		return err
	}
	if o.url == "" {
		s, err := startServer(ctx, log)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, s.close()) }()
		o.url, o.pids = s.url, []int{s.pid()}
	}
	docs := newOrders(o.keys, o.seed)
	l, err := newLimits(o.url, docs)
	if err != nil {
		return err
	}
	defer l.close()

	dir, err := os.MkdirTemp("", "weir-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	weir, err := newWeirRows(ctx, o.url, dir, o.profile, docs, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, weir.close()) }()

	all := l.rows(o.batches)
	for _, size := range o.batches {
		all = append(all, sqliteRow(docs, size))
	}
	all = append(all, weir.rows(o.batches)...)
	chain, err := chainRows(o.seed)
	if err != nil {
		return err
	}
	pg := &postgresRows{weir: weir, orders: docs, large: o.rows, seed: o.seed, log: log}
	defer func() { err = errors.Join(err, pg.close()) }()
	large := &registerRows{n: o.registers, weir: weir, log: log}
	all = slices.Concat(all, pg.rows(), chain, large.rows())
	rows := selectRows(all, o.only)
	if len(rows) == 0 {
		return fmt.Errorf("no row's name holds %q", o.only)
	}
	m := &meter{Documents: o.documents, Paced: o.paced, Pause: 10 * time.Millisecond, Server: o.pids}
	samples, err := runRounds(ctx, rows, o.rounds, m, func(round int, r row, s sample) {
		fmt.Fprintf(log, "round %d: %-45s %9.0f/s\n", round+1, r.Name, s.rate())
	})
	if err != nil {
		return err
	}
	fallbacks, err := fallbacks(o.examples...)
	if err != nil {
		return fmt.Errorf("examples: %w", err)
	}
	r := report{Fallbacks: fallbacks, Documents: o.documents, Keys: o.keys, Bytes: docs.meanSize(), Rounds: o.rounds}
	for _, row := range rows {
		r.Rows = append(r.Rows, newRowReport(row, samples))
	}
	return write(r, o.json, out)
}

func parse(args []string, log io.Writer) (options, error) {
	var o options
	var batches, pids, examples string
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.SetOutput(log)
	f.IntVar(&o.documents, "documents", 200_000, "documents of a throughput row")
	f.IntVar(&o.paced, "paced", 500, "documents of a latency row, 100 a second")
	f.IntVar(&o.keys, "keys", 20_000, "distinct keys")
	f.IntVar(&o.registers, "registers", 5_000_000, "registers of the rows of registers, which run only when -rows asks for them")
	f.IntVar(&o.rows, "postgres-keys", 1_000_000, "documents, each with a key of its own, of PostgreSQL's large rows, which run only when -rows asks for them")
	f.IntVar(&o.rounds, "rounds", 3, "how often each row is run")
	f.Uint64Var(&o.seed, "seed", 1, "of the documents")
	f.StringVar(&batches, "batches", "1000,4000", "sizes of the limits' atomic batches, markers included")
	f.StringVar(&o.only, "rows", "", "run only rows whose name holds this text, and their limits")
	f.StringVar(&examples, "examples", "examples/orders,examples/wordcount", "catalogs whose schemas are looked at for what is not lowered")
	f.StringVar(&o.json, "json", "", "write the report as JSON to this file, - for standard output")
	f.StringVar(&o.profile, "profile", "", "write a CPU profile of the worker process to this file")
	f.StringVar(&o.url, "nats", "", "NATS server to measure on; the default is one that bench starts, as Weir does")
	f.StringVar(&pids, "server-pid", "", "its process ids, to measure its CPU")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	o.examples = strings.FieldsFunc(examples, func(r rune) bool { return r == ',' })
	var err error
	if o.batches, err = numbers(batches); err != nil {
		return o, fmt.Errorf("-batches: %w", err)
	}
	if o.pids, err = numbers(pids); err != nil {
		return o, fmt.Errorf("-server-pid: %w", err)
	}
	if o.documents < 1 || o.registers < 1 || o.rows < 1 || o.keys < 1 || o.rounds < 1 || o.paced < 1 || slices.ContainsFunc(o.batches, func(n int) bool { return n < 2 }) {
		return o, errors.New("-documents, -registers, -postgres-keys, -keys, -rounds and -paced are at least 1, each of -batches at least 2")
	}
	return o, nil
}

func numbers(list string) ([]int, error) {
	var out []int
	for field := range strings.FieldsFuncSeq(list, func(r rune) bool { return r == ',' || r == ' ' }) {
		n, err := strconv.Atoi(field)
		if err != nil {
			return nil, fmt.Errorf("%q is no number", field)
		}
		out = append(out, n)
	}
	return out, nil
}

// selectRows keeps the rows whose name holds text, with the rows that they are
// held against. Without a text it leaves out the large ones.
func selectRows(rows []row, text string) []row {
	wanted := make(map[string]bool)
	for _, r := range rows {
		if strings.Contains(r.Name, text) && (!r.Large || text != "") {
			wanted[r.Name], wanted[r.Times] = true, true
			for _, limit := range r.Limits {
				wanted[limit] = true
			}
		}
	}
	return slices.DeleteFunc(rows, func(r row) bool { return !wanted[r.Name] })
}

// write gives the table to out, and the JSON form to the file that was asked for.
func write(r report, file string, out io.Writer) error {
	if file == "-" {
		return r.writeJSON(out)
	}
	if err := r.writeTable(out); err != nil || file == "" {
		return err
	}
	f, err := os.Create(file)
	if err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	return errors.Join(r.writeJSON(f), f.Close())
}
