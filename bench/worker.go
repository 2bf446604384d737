package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime/pprof"
	"strings"

	"weir/journal"
	"weir/journal/server"
	"weir/sinks"
	"weir/sinks/postgres"
	"weir/sinks/sqlite"
	"weir/sources"
	"weir/sources/http"
	"weir/worker"
)

// workerWord as the first argument makes bench a worker and nothing else.
const workerWord = "worker"

// serveWorker runs a worker until its standard input ends. Each line that it
// reads, "<kind> <task> <source> <sequence>", it answers when that task has
// committed the source through that sequence.
func serveWorker(url, dir, profile string, in io.Reader, out io.Writer) (err error) {
	if profile != "" {
		f, err := os.Create(profile)
		if err != nil {
			return err
		}
		defer f.Close()
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	ctx, cancel := context.WithCancel(context.Background())
	conn, err := journal.Connect(ctx, journal.Options{Plain: true, URL: url, Name: "weir bench worker", MaxBatch: server.MaxBatch})
	if err != nil {
		cancel()
		return err
	}
	defer conn.Close()
	w, err := worker.New(ctx, worker.Options{
		Conn: conn, Sinks: sinks.Registry{"postgres": postgres.New(), "sqlite": sqlite.New()}, Sources: sources.Registry{"http": http.New()},
		DataDir: dir, TempDir: dir,
	})
	if err != nil {
		cancel()
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- w.Run(ctx) }()
	defer func() {
		cancel()
		err = errors.Join(err, <-ended)
	}()
	fmt.Fprintln(out, readyPrefix)
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		var kind, task, source string
		var seq uint64
		if _, err := fmt.Sscan(lines.Text(), &kind, &task, &source, &seq); err != nil {
			return err
		}
		wrote, err := awaitTask(ctx, w, kind, task, source, seq)
		if err != nil {
			fmt.Fprintln(out, strings.ReplaceAll(err.Error(), "\n", " "))
			continue
		}
		fmt.Fprintln(out, doneWord, wrote.documents, wrote.txns)
	}
	return lines.Err()
}

// doneWord says that a task has committed what was waited for. Behind it stands
// what it wrote.
const doneWord = "done"

// written is how much a task wrote: documents, or rows of a table, each the
// reduced documents of a key in one transaction.
type written struct{ documents, txns int }

func awaitTask(ctx context.Context, w *worker.Worker, kind, task, source string, seq uint64) (wrote written, err error) {
	var failed error
	err = w.Wait(ctx, func(all []worker.Status) bool {
		for _, s := range all {
			if s.Kind != kind || s.Task != task {
				continue
			}
			if s.Why != nil {
				failed = errors.New(s.Why.Message)
				return true
			}
			for key, at := range s.Positions {
				if strings.HasSuffix(key, "/"+source) && at >= seq {
					wrote = written{int(s.Out), int(s.Txns)}
					return true
				}
			}
		}
		return false
	})
	return wrote, errors.Join(err, failed)
}

// workerProcess is a worker in a process of its own, so that its CPU and
// memory can be told from those of the server and of this process.
type workerProcess struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

func startWorker(ctx context.Context, url, dir, profile string, log io.Writer) (*workerProcess, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("start worker: %w", err)
	}
	w := &workerProcess{cmd: exec.CommandContext(context.WithoutCancel(ctx), program, workerWord, url, dir, profile)}
	w.cmd.Stderr = log
	if w.in, err = w.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := w.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	w.out = bufio.NewReader(out)
	if err := w.cmd.Start(); err != nil {
		return nil, err
	}
	if line, err := w.out.ReadString('\n'); err != nil {
		return nil, errors.Join(fmt.Errorf("start worker: it said %q", line), err, w.close())
	}
	return w, nil
}

func (w *workerProcess) pid() int { return w.cmd.Process.Pid }

// await returns when a task has committed its source through a sequence, with
// what it wrote until then.
func (w *workerProcess) await(kind, task, source string, seq uint64) (wrote written, err error) {
	if _, err := fmt.Fprintln(w.in, kind, task, source, seq); err != nil {
		return wrote, err
	}
	line, err := w.out.ReadString('\n')
	if err != nil {
		return wrote, fmt.Errorf("worker: %w", err)
	}
	if _, err := fmt.Sscan(line, new(string), &wrote.documents, &wrote.txns); err != nil || !strings.HasPrefix(line, doneWord+" ") {
		return wrote, errors.New(strings.TrimSpace(line))
	}
	return wrote, nil
}

func (w *workerProcess) close() error { return errors.Join(w.in.Close(), w.cmd.Wait()) }
