// Package server runs a NATS server with JetStream inside this process, with
// the settings that Weir wants: every write is synced before it is
// acknowledged, atomic batches of up to MaxBatch messages, large payloads. It
// listens on an ordinary port, so any NATS client can use it.
//
// A store directory belongs to one server at a time: a lock in it makes sure of
// that, also across processes.
package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"

	natsserver "github.com/nats-io/nats-server/v2/server"
	"go.uber.org/zap"

	"weir/fault"
)

const (
	// MaxBatch is how many messages these servers take in one atomic batch.
	MaxBatch = 4000
	// DefaultMaxPayload is the size in bytes of the largest message.
	DefaultMaxPayload = 8 << 20

	batchesPerStream = 1000
	batchesTotal     = 10000
	maxControlLine   = 16 << 10        // subjects hold keys of several components
	startTimeout     = 2 * time.Minute // a large store takes its time
	lockName         = "weir.lock"
)

// Options say where a server keeps its data and where it listens.
type Options struct {
	StoreDir   string      // made if it is not there; with Memory it may be empty
	Host       string      // 127.0.0.1
	Port       int         // 0 picks a free one, -1 listens nowhere: in-process connections only
	Memory     bool        // a throw-away server: a store directory of its own, removed by Stop, nothing synced
	MaxPayload int         // bytes; DefaultMaxPayload
	Log        *zap.Logger // the server's notices at debug, warnings and errors at theirs
}

// Server is a running server.
type Server struct {
	ns   *natsserver.Server
	lock *os.File
	temp string // directory to remove

	stop sync.Once
}

// Start runs a server and returns when it can be used. Errors say when the
// port is taken or the store directory belongs to another server.
func Start(o Options) (*Server, error) {
	if o.Host == "" {
		o.Host = "127.0.0.1"
	}
	if o.MaxPayload == 0 {
		o.MaxPayload = DefaultMaxPayload
	}
	if o.Log == nil {
		o.Log = zap.NewNop()
	}
	s := &Server{}
	if err := s.prepareStore(&o); err != nil {
		return nil, err
	}
	if err := checkPort(o.Host, o.Port); err != nil {
		s.release()
		return nil, err
	}
	if err := s.run(o); err != nil {
		s.release()
		return nil, err
	}
	return s, nil
}

// prepareStore makes the store directory and locks it.
func (s *Server) prepareStore(o *Options) (err error) {
	if o.Memory && o.StoreDir == "" {
		if o.StoreDir, err = os.MkdirTemp("", "weir-nats-"); err != nil {
			return fault.New(fault.File, "name a directory with --data that this user may write to", "make store directory: %w", err)
		}
		s.temp = o.StoreDir
	}
	if o.StoreDir == "" {
		return errors.New("no store directory for the NATS server")
	}
	if err := os.MkdirAll(o.StoreDir, 0o700); err != nil {
		return fault.New(fault.File, "name a directory with --data that this user may write to", "make store directory: %w", err)
	}
	path := filepath.Join(o.StoreDir, lockName)
	if s.lock, err = takeLock(path); err != nil {
		s.release()
		if errors.Is(err, errLocked) {
			return fault.New(fault.File, "stop that one, or use another directory with --data", "store directory %s is in use by another server", o.StoreDir)
		}
		return fmt.Errorf("lock store directory %s: %w", o.StoreDir, err)
	}
	return nil
}

var errLocked = errors.New("locked")

// checkPort says plainly when somebody else listens on the port.
func checkPort(host string, port int) error {
	if port <= 0 {
		return nil
	}
	l, err := new(net.ListenConfig).Listen(context.Background(), "tcp", net.JoinHostPort(host, strconv.Itoa(port)))
	if err == nil {
		return l.Close()
	}
	return portError(port, err)
}

func portError(port int, err error) error {
	if errors.Is(err, syscall.EADDRINUSE) {
		return fault.New(fault.PortTaken, "--port chooses another one (0 picks a free one); --nats uses the server that has it", "port %d is taken", port)
	}
	return fault.New(fault.PortTaken, "--port chooses another one (0 picks a free one)", "listen on port %d: %w", port, err)
}

// options are the server's settings.
func (o Options) options() *natsserver.Options {
	port := o.Port
	if port == 0 {
		port = natsserver.RANDOM_PORT
	}
	return &natsserver.Options{
		ServerName:     "weir",
		Host:           o.Host,
		Port:           port,
		DontListen:     o.Port < 0,
		JetStream:      true,
		StoreDir:       o.StoreDir,
		SyncAlways:     !o.Memory,
		MaxPayload:     int32(o.MaxPayload),
		MaxPending:     natsserver.MAX_PENDING_SIZE,
		MaxControlLine: maxControlLine,
		NoSigs:         true,
		JetStreamLimits: natsserver.JSLimitOpts{
			MaxBatchSize:              MaxBatch,
			MaxBatchInflightPerStream: batchesPerStream,
			MaxBatchInflightTotal:     batchesTotal,
		},
	}
}

func (s *Server) run(o Options) error {
	opts := o.options()
	ns, err := natsserver.NewServer(opts)
	if err != nil {
		return fmt.Errorf("configure NATS server: %w", err)
	}
	log := &logger{log: o.Log, fatal: make(chan string, 1)}
	ns.SetLoggerV2(log, o.Log.Core().Enabled(zap.DebugLevel), false, false)
	s.ns = ns
	ready := make(chan bool, 1)
	go ns.Start() // WaitForShutdown in Stop
	go func() {   // ends by itself after startTimeout at the latest
		ready <- ns.ReadyForConnections(startTimeout)
	}()
	select {
	case reason := <-log.fatal:
		ns.Shutdown()
		return fmt.Errorf("start NATS server: %s", reason)
	case ok := <-ready:
		if ok && ns.JetStreamEnabled() {
			return nil
		}
	}
	ns.Shutdown()
	ns.WaitForShutdown()
	select {
	case reason := <-log.fatal:
		return fmt.Errorf("start NATS server: %s", reason)
	default:
		return fmt.Errorf("start NATS server: it was not ready after %s", startTimeout)
	}
}

// URL is where clients connect; with Port -1 it is of no use.
func (s *Server) URL() string { return s.ns.ClientURL() }

// Raw is the server itself, also for connections inside this process.
func (s *Server) Raw() *natsserver.Server { return s.ns }

// Stop ends the server and returns when its files are closed. It may be called
// twice.
func (s *Server) Stop() {
	s.stop.Do(func() {
		s.ns.Shutdown()
		s.ns.WaitForShutdown()
		s.release()
	})
}

// release gives the store directory up.
func (s *Server) release() {
	if s.lock != nil {
		_ = s.lock.Close() // gives the lock back; nothing was written
		s.lock = nil
	}
	if s.temp != "" {
		_ = os.RemoveAll(s.temp) // a left-over in the temporary directory does no harm
	}
}
