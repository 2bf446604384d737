package journal

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/synadia-io/orbit.go/natscontext"
	"go.uber.org/zap"

	"weir/fault"
)

const (
	connectTimeout = 5 * time.Second
	apiTimeout     = 5 * time.Second  // for one answer of JetStream's API
	commitTimeout  = 10 * time.Second // for the answer to a commit, before it is looked up
	firstPause     = 20 * time.Millisecond
	longestPause   = 2 * time.Second
	pingInterval   = 20 * time.Second
)

// Conn is a connection to JetStream. It is safe for concurrent use, reconnects
// by itself for ever and ends only by Close.
type Conn struct {
	nc       *nats.Conn
	log      *zap.Logger
	maxBatch int
	own      bool     // the caller runs the server
	memory   bool     // Options.Memory
	api      string   // prefix of JetStream's API, "$JS.API."
	numbers  []string // of the messages of a batch, in decimal: rendered once
	replies  replies
	spare    sync.Pool // of *[]Outgoing: what committed batches kept

	mu      sync.Mutex
	epoch   uint64        // grows with every loss of the connection
	changed chan struct{} // closed with every loss and every return of it

	// What tests put between this connection and the server. Set before use.
	dropSend  func(*nats.Msg) bool
	dropReply func(*nats.Msg) bool

	denials denials
	payload atomic.Int64 // the server's max_payload when the connection was made
	closed  atomic.Bool
}

// Connect connects to NATS and checks that the server is one that Weir can
// use. A later loss of the connection is repaired for ever; when the first
// attempt fails, that is an error.
func Connect(ctx context.Context, o Options) (*Conn, error) {
	o = o.resolve(os.Getenv)
	c, err := connect(ctx, o)
	if err != nil {
		return nil, redact(fmt.Errorf("connect to NATS%s: %w", o.target(), explainConnect(err)), o.secrets())
	}
	return c, nil
}

// explainConnect adds to an error of the client what to look at.
func explainConnect(err error) error {
	switch {
	case strings.HasPrefix(err.Error(), "unknown context"): // which the library has no value for
		return fault.New(fault.File, "name a context that is there (`nats context ls`), or its file", "%w", err)
	case errors.Is(err, nats.ErrNoServers):
		return fault.New(fault.NatsAway, "start the server, or name the one that runs with --nats or --context", "no server answers there: %w", err)
	case errors.Is(err, nats.ErrAuthorization), errors.Is(err, nats.ErrAuthExpired):
		return fault.New(fault.NatsRefused, "check user and password, token, or credentials of the URL or the NATS context", "the server does not let this user in: %w", err)
	}
	return err
}

func (o Options) target() string {
	switch {
	case o.InProcess != nil:
		return " in this process"
	case o.URL != "":
		return " at " + redactURL(o.URL)
	case o.Context != "":
		return " by context " + o.Context
	}
	return ""
}

func connect(ctx context.Context, o Options) (*Conn, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	c := &Conn{log: o.Log, maxBatch: o.MaxBatch, own: o.Plain, memory: o.Memory, api: "$JS.API.", changed: make(chan struct{})}
	c.numbers = make([]string, o.MaxBatch+1)
	for i := range c.numbers {
		c.numbers[i] = strconv.Itoa(i)
	}
	opts, err := o.auth()
	if err != nil {
		return nil, err
	}
	if err := c.dial(ctx, o, append(opts, c.clientOptions(ctx, o)...)); err != nil {
		return nil, err
	}
	if err := c.start(ctx); err != nil {
		c.nc.Close()
		return nil, err
	}
	return c, nil
}

// clientOptions are the settings of every connection.
func (c *Conn) clientOptions(ctx context.Context, o Options) []nats.Option {
	timeout := connectTimeout
	if deadline, ok := ctx.Deadline(); ok {
		timeout = min(timeout, time.Until(deadline))
	}
	return []nats.Option{
		nats.Name(o.Name),
		nats.Timeout(max(timeout, time.Millisecond)),
		nats.MaxReconnects(-1),
		nats.IgnoreAuthErrorAbort(),
		// What is sent while the connection is away must fail at once: it is
		// this package that knows what to send again.
		nats.ReconnectBufSize(-1),
		nats.CustomReconnectDelay(func(rounds int) time.Duration {
			return pauseAfter(rounds)
		}),
		nats.PingInterval(pingInterval),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			c.lost()
			if err != nil && !c.closed.Load() {
				c.log.Warn("connection to NATS lost", zap.Error(err))
			}
		}),
		nats.ReconnectHandler(func(nc *nats.Conn) {
			c.payload.Store(nc.MaxPayload())
			c.signal()
			c.log.Info("connected to NATS again", zap.String("url", nc.ConnectedUrlRedacted()))
		}),
		nats.ErrorHandler(func(_ *nats.Conn, sub *nats.Subscription, err error) {
			subject := ""
			if sub != nil {
				subject = sub.Subject
			}
			c.denials.note(err)
			c.log.Warn("NATS reports an error", zap.String("subject", subject), zap.Error(err))
		}),
	}
}

// dial opens the connection, by a context unless the options say all.
func (c *Conn) dial(ctx context.Context, o Options, opts []nats.Option) (err error) {
	if err := ctx.Err(); err != nil {
		return err
	}
	switch {
	case o.InProcess != nil:
		c.nc, err = nats.Connect("", append(opts, nats.InProcessServer(o.InProcess))...)
	case o.Plain:
		c.nc, err = nats.Connect(o.URL, opts...)
	default:
		if o.URL != "" {
			opts = append(opts, useServers(o.URL))
		}
		name := o.Context
		if strings.HasSuffix(name, ".json") {
			if name, err = filepath.Abs(name); err != nil {
				return err
			}
		}
		var settings natscontext.Settings
		c.nc, settings, err = natscontext.Connect(name, opts...)
		switch {
		case settings.JSAPIPrefix != "":
			c.api = strings.TrimSuffix(settings.JSAPIPrefix, ".") + "."
		case settings.JSDomain != "":
			c.api = "$JS." + settings.JSDomain + ".API."
		}
	}
	return err
}

// start subscribes to answers and checks the server.
func (c *Conn) start(ctx context.Context) error {
	if err := checkVersion(c.nc.ConnectedServerVersion()); err != nil {
		return err
	}
	c.payload.Store(c.nc.MaxPayload())
	if err := c.replies.start(c); err != nil {
		return fmt.Errorf("subscribe to answers: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, apiTimeout)
	defer cancel()
	err := c.callOnce(ctx, "INFO", nil, nil)
	for attempt := 0; attempt < 3 && err != nil && retries(err); attempt++ { // it may be starting
		if err := c.pause(ctx, attempt); err != nil {
			break
		}
		err = c.callOnce(ctx, "INFO", nil, nil)
	}
	var refused *APIError
	switch {
	case err == nil:
		return nil
	case errors.Is(err, errNoResponders):
		return fault.New(fault.NatsRefused, "start the server with -js, or add `jetstream {}` to its configuration", "the server does not run JetStream")
	case errors.As(err, &refused) && (refused.Code == codeNotEnabled || refused.Code == codeNotEnabledAccount):
		return fault.New(fault.NatsRefused, "enable JetStream for the account in the server's configuration, or use another account", "JetStream is not enabled for this account")
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, errUnanswered):
		return fault.New(fault.NatsAway, "look whether JetStream runs on the server, and whether this user may publish to "+c.api+"> and subscribe to _INBOX.>", "no answer from JetStream on %s: %w", c.api+"INFO", err)
	}
	return fmt.Errorf("ask JetStream: %w", err)
}

// The oldest server with atomic batches that look at duplicates.
const oldestServer = "2.12.1"

// checkVersion refuses servers that are too old.
func checkVersion(version string) error {
	have, ok := parseVersion(version)
	if !ok {
		return fault.New(fault.NatsRefused, "use nats-server "+oldestServer+" or newer", "the server's version %q is not one that Weir knows", version)
	}
	want, _ := parseVersion(oldestServer)
	for i := range want {
		if have[i] > want[i] {
			return nil
		}
		if have[i] < want[i] {
			return fault.New(fault.NatsRefused, "update the server to nats-server "+oldestServer+" or newer", "the server is nats-server %s, but Weir needs %s or newer (atomic batch publish)", version, oldestServer)
		}
	}
	return nil
}

func parseVersion(version string) (v [3]int, ok bool) {
	version, _, _ = strings.Cut(strings.TrimPrefix(version, "v"), "-")
	version, _, _ = strings.Cut(version, "+")
	parts := strings.Split(version, ".")
	if len(parts) != len(v) {
		return v, false
	}
	for i, p := range parts {
		n, err := strconv.Atoi(p)
		if err != nil || n < 0 {
			return v, false
		}
		v[i] = n
	}
	return v, true
}

// Close ends the connection. Calls in progress fail with ErrClosed.
func (c *Conn) Close() {
	c.closed.Store(true)
	c.nc.Close()
	c.lost()
}

// Raw is the connection itself, for services that answer requests of NATS
// clients. JetStream is reached through c.
func (c *Conn) Raw() *nats.Conn { return c.nc }

// URL is the server's address, without user and password.
func (c *Conn) URL() string { return c.nc.ConnectedUrlRedacted() }

// MaxPayload is the largest message in bytes that the server takes, headers included.
func (c *Conn) MaxPayload() int { return int(c.payload.Load()) }

// MaxBatch is the largest number of messages in one batch.
func (c *Conn) MaxBatch() int { return c.maxBatch }

// Connected says whether there is a connection now.
func (c *Conn) Connected() bool { return c.nc.IsConnected() }

// lost tells everybody who waits that what was on its way may be lost.
func (c *Conn) lost() {
	c.mu.Lock()
	c.epoch++
	c.mu.Unlock()
	c.signal()
}

// signal wakes everybody who waits for a change of the connection.
func (c *Conn) signal() {
	c.mu.Lock()
	defer c.mu.Unlock()
	close(c.changed)
	c.changed = make(chan struct{})
}

// state gives a number that grows with every loss of the connection, and a
// channel that is closed when the connection is lost or comes back.
func (c *Conn) state() (epoch uint64, changed <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.epoch, c.changed
}

// pauseAfter gives the pause after a number of failed attempts: it doubles up
// to a limit, and a random part of it keeps many clients from coming at once.
func pauseAfter(attempts int) time.Duration {
	d := longestPause
	if attempts < 8 {
		d = min(d, firstPause<<max(attempts, 0))
	}
	return d/2 + rand.N(d/2+1)
}

// pause waits before another attempt. A connection that comes back ends it
// early. The error is that of the context, or ErrClosed.
func (c *Conn) pause(ctx context.Context, attempts int) error {
	_, changed := c.state()
	timer := time.NewTimer(pauseAfter(attempts))
	defer timer.Stop()
	for {
		if c.closed.Load() {
			return ErrClosed
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-timer.C:
			return nil
		case <-changed:
			if c.Connected() {
				return ctx.Err()
			}
			_, changed = c.state()
		}
	}
}
