package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"weir/controlplane"
	"weir/journal"
	"weir/journal/server"
	"weir/monitor"
	"weir/tasklog"
	"weir/worker"
)

// up holds the flags of `weir up`.
type up struct {
	connection
	web     web
	secrets secretFlags
	data    string
	port    int
}

func upCommand() *cobra.Command {
	u := &up{}
	c := &cobra.Command{
		Use:   "up CATALOG",
		Short: "Publish a catalog and keep it running, with a NATS server of its own",
		Long: `Publishes the catalog (a file, or a directory that holds a flow.yaml), runs its
tasks and shows what they do until Ctrl-C. Started again it goes on where it was.

The NATS server is embedded: JetStream on disk, every write synced. With --nats or
--context a server that is there is used instead. Any NATS client publishes
documents to weir.pub.<collection>.<key>, or without a key to weir.pub.<collection>.
The pages are at http://127.0.0.1:4280; the first start prints the address that logs in.

The catalog is the whole wish: what is gone from it stops, its streams stay.`,
		Example: `  weir up examples/orders
  weir up examples/orders --port 0 --data /var/lib/weir/orders
  nats pub weir.pub.acmeCo/orders '{"id": "o-1", ...}'`,
		Args: exactlyOne("CATALOG"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := u.check(cmd); err != nil {
				return err
			}
			return u.run(cmd.Context(), args[0], cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	u.upFlags(c)
	return c
}

// upFlags adds the flags of commands that run a catalog.
func (u *up) upFlags(c *cobra.Command) {
	u.flagsOr(c, "a server of its own")
	c.Flags().StringVar(&u.data, "data", "", "data directory; the default is one for each catalog under the user's state directory")
	c.Flags().IntVar(&u.port, "port", 4222, "port of the embedded NATS server; 0 picks one")
	u.secrets.flags(c, "any, from the data directory on")
	u.web.flags(c, "another port if taken")
}

// check refuses flags that say nothing or contradict each other.
func (u *up) check(cmd *cobra.Command) error {
	switch {
	case u.port < 0 || u.port > 65535:
		return &usageError{fmt.Errorf("--port %d is no port: 1 to 65535, or 0 to have one picked", u.port)}
	case u.given() && cmd.Flags().Changed("port"):
		return &usageError{errors.New("--port is for the embedded server, which --nats and --context replace: leave one out")}
	}
	return u.web.check(cmd)
}

func (u *up) run(ctx context.Context, path string, out, problems io.Writer) (err error) {
	root, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	c, err := build(ctx, path, u.logger(zapcore.WarnLevel))
	if err != nil {
		return err
	}
	u.printWarnings(problems, c)
	if u.data, err = dataDir(u.data, root); err != nil {
		return err
	}
	log, logFile, err := u.log(out)
	if err != nil {
		return err
	}
	conn, url, stop, err := u.connect(ctx, log)
	if err != nil {
		return err
	}
	defer stop()
	for _, warning := range conn.Warnings(ctx) {
		fmt.Fprintln(problems, "warning:", warning)
	}
	store, err := u.secrets.store(ownSecrets(u.data))
	if err != nil {
		return err
	}
	connectors := controlplane.Connectors{Sinks: sinkRegistry(), Sources: sourceRegistry(), DataDir: u.data, Secrets: store}
	warnUnresolved(problems, connectors, c)
	if err := connectors.Check(ctx, c); err != nil {
		return err
	}
	if _, err := controlplane.Publish(ctx, conn, c, controlplane.Options{Catalog: root, Prune: true, Build: version, By: whoIAm()}); err != nil {
		return err
	}
	pages, err := u.web.start(ctx, u.data, problems, log)
	if err != nil {
		return err
	}
	defer pages.stop()
	stopAPI, err := pages.serveAPI(ctx, conn, url, connectors, log)
	if err != nil {
		return err
	}
	defer stopAPI()
	options := workerOptions(conn, u.data, log)
	options.Catalog, options.Secrets = root, store
	return runWorker(ctx, options, pages.monitor(conn, true), &screen{out: out, url: url, pages: pages.line, data: u.data, log: logFile, terminal: isTerminal(out)})
}

// log gives the logger: while the screen shows the status, a file in the data
// directory, which lasts until the next start; else standard error.
func (u *up) log(out io.Writer) (log *zap.Logger, file string, err error) {
	if !isTerminal(out) || !isTerminal(os.Stderr) {
		return u.logger(zapcore.WarnLevel), "", nil
	}
	file = filepath.Join(u.data, "weir.log")
	f, err := os.Create(file)
	if err != nil {
		return nil, "", &environmentError{err}
	}
	return u.logTo(f, zapcore.InfoLevel), file, nil
}

// connect starts the embedded server, or uses the one that the user named.
// stop ends both, in that order: connection, then server.
func (u *up) connect(ctx context.Context, log *zap.Logger) (conn *journal.Conn, url string, stop func(), err error) {
	if u.given() {
		if conn, err = u.open(ctx, "up", log); err != nil {
			return nil, "", nil, err
		}
		return conn, conn.URL(), conn.Close, nil
	}
	s, err := server.Start(server.Options{StoreDir: filepath.Join(u.data, "nats"), Port: u.port, Log: log})
	if err != nil {
		return nil, "", nil, &environmentError{err}
	}
	conn, err = journal.Connect(ctx, journal.Options{URL: s.URL(), InProcess: s.Raw(), Name: "weir/" + version + " up", MaxBatch: server.MaxBatch, Log: log})
	if err != nil {
		s.Stop()
		return nil, "", nil, &environmentError{err}
	}
	return conn, s.URL(), func() {
		conn.Close()
		s.Stop()
	}, nil
}

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

// runWorker runs a worker as watch does. What its tasks log is kept on the
// server.
func runWorker(ctx context.Context, o worker.Options, m *monitor.Monitor, s *screen) error {
	o.Logs = tasklog.NewWriter(o.Conn)
	defer func() {
		soon, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastLines)
		defer cancel()
		o.Logs.Close(soon)
	}()
	w, err := worker.New(ctx, o)
	if err != nil {
		return err
	}
	m.Watch(w)
	return watch(ctx, w, s)
}

// lastLines is how long the last lines of tasks may take to be stored.
const lastLines = 2 * time.Second

func workerOptions(conn *journal.Conn, data string, log *zap.Logger) worker.Options {
	return worker.Options{Conn: conn, Sinks: sinkRegistry(), Sources: sourceRegistry(), DataDir: data, TempDir: data, Version: version, Log: log}
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
		return "", &environmentError{fmt.Errorf("data directory: %w", err)}
	}
	return abs, nil
}
