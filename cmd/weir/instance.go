package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"

	"weir/controlplane"
	"weir/fault"
	"weir/journal"
	"weir/journal/server"
	"weir/monitor"
	"weir/secrets"
	"weir/tasklog"
	"weir/worker"
)

// runner holds the flags of the commands that run tasks: up, dev and serve.
type runner struct {
	connection
	web     web
	secrets secretFlags
	data    string
}

// instance is a weir that runs. Its parts are made in the order of prepare, open
// or embed, serve, work; what fails between them is the command's to report.
type instance struct {
	web        *web
	problems   io.Writer
	data       string
	catalog    string // root of the catalog that it runs; empty: whatever is published
	connectors controlplane.Connectors
	screen     *screen

	conn    *journal.Conn
	log     *zap.Logger
	monitor *monitor.Monitor
	ends    []func() // of what was started
}

// prepare makes the data directory, which belongs to root unless the user named
// one, and finds secrets there as the command allows.
func (r *runner) prepare(root string, allowed func(data string) secrets.Store, out, problems io.Writer) (*instance, error) {
	data, err := dataDir(r.data, root)
	if err != nil {
		return nil, err
	}
	store, err := r.secrets.store(allowed(data))
	if err != nil {
		return nil, err
	}
	return &instance{
		web: &r.web, problems: problems, data: data,
		connectors: controlplane.Connectors{Sinks: sinkRegistry(), Sources: sourceRegistry(), DataDir: data, Secrets: store},
		screen:     &screen{out: out, data: data, terminal: isTerminal(out)},
	}, nil
}

// open connects to a server that is there.
func (i *instance) open(ctx context.Context, to *connection, role string, log *zap.Logger) (err error) {
	i.log = log
	if i.conn, err = to.open(ctx, role, log); err != nil {
		return err
	}
	i.screen.url = i.conn.URL()
	i.ends = append(i.ends, i.conn.Close)
	return nil
}

// embed starts a server in the data directory and connects to it.
func (i *instance) embed(ctx context.Context, port int, log *zap.Logger) error {
	i.log = log
	s, err := server.Start(server.Options{StoreDir: filepath.Join(i.data, "nats"), Port: port, Log: log})
	if err != nil {
		return &environmentError{err}
	}
	i.conn, err = journal.Connect(ctx, journal.Options{URL: s.URL(), InProcess: s.Raw(), Name: "weir/" + version + " up", MaxBatch: server.MaxBatch, Log: log})
	if err != nil {
		s.Stop()
		return &environmentError{err}
	}
	i.screen.url = s.URL()
	i.ends = append(i.ends, s.Stop, i.conn.Close)
	return nil
}

// role is what a process is there for.
type role struct {
	works    bool // it runs tasks
	controls bool // it answers for the control plane: API and pages
}

var everything = role{works: true, controls: true}

// serve starts the listener with metrics and health, and API and pages with the
// control plane.
func (i *instance) serve(ctx context.Context, r role) error {
	pages, err := i.web.start(ctx, i.data, i.problems, i.log)
	if err != nil {
		return err
	}
	i.ends = append(i.ends, pages.stop)
	i.screen.pages = pages.line
	i.monitor = pages.monitor(i.conn, r.works)
	if !r.controls {
		return nil
	}
	stopAPI, err := pages.serveAPI(ctx, i.conn, i.screen.url, i.connectors, i.log)
	if err != nil {
		return err
	}
	i.ends = append(i.ends, stopAPI)
	return nil
}

// work runs a worker as watch does. What its tasks log is kept on the server.
func (i *instance) work(ctx context.Context) error {
	logs := tasklog.NewWriter(i.conn)
	defer func() {
		soon, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastLines)
		defer cancel()
		logs.Close(soon)
	}()
	k := i.connectors
	w, err := worker.New(ctx, worker.Options{
		Conn: i.conn, Sinks: k.Sinks, Sources: k.Sources, Secrets: k.Secrets, Catalog: i.catalog,
		DataDir: i.data, TempDir: i.data, Version: version, Log: i.log, Logs: logs,
	})
	if err != nil {
		return err
	}
	i.monitor.Watch(w)
	return watch(ctx, w, i.screen)
}

// stop ends what was started, the last first.
func (i *instance) stop() {
	for _, end := range slices.Backward(i.ends) {
		end()
	}
}

// lastLines is how long the last lines of tasks may take to be stored.
const lastLines = 2 * time.Second

// watch runs the worker, says when it is ready, and shows what it does until
// the context ends and every task has drained.
func watch(ctx context.Context, w *worker.Worker, s *screen) error {
	var running sync.WaitGroup
	ended := make(chan error, 1)
	running.Add(1)
	go func() {
		defer running.Done()
		ended <- w.Run(ctx)
	}()
	defer running.Wait()
	settling, settled := context.WithCancel(ctx)
	defer settled()
	go func() { // ends with settled at the latest
		select {
		case err := <-ended: // before it has started its tasks
			ended <- err
			settled()
		case <-settling.Done():
		}
	}()
	if err := w.Settled(settling); err != nil {
		if errors.Is(err, context.Canceled) {
			return <-ended
		}
		return err
	}
	settled()
	s.ready(w.Status())
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case err := <-ended:
			s.end(w.Status())
			return err
		case <-tick.C:
			s.show(w.Status())
		}
	}
}

// dataDir gives the data directory, made if it is not there: the one that the
// user named, or one that belongs to this catalog.
func dataDir(named, root string) (string, error) {
	if named == "" {
		state, err := stateDir()
		if err != nil {
			return "", err
		}
		sum := sha256.Sum256([]byte(root))
		named = filepath.Join(state, filepath.Base(root)+"-"+hex.EncodeToString(sum[:4]))
	}
	abs, err := filepath.Abs(named)
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(abs, 0o750); err != nil {
		return "", &environmentError{fault.New(fault.File, "name another directory with --data, or give this user the right to write there", "data directory: %w", err)}
	}
	return abs, nil
}
