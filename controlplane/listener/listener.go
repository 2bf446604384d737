package listener

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"net/netip"
	"syscall"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"weir/fault"
)

const (
	headerTimeout = 10 * time.Second
	readTimeout   = time.Minute
	writeTimeout  = time.Minute // an answer that goes on moves its own deadline
	idleTimeout   = 2 * time.Minute
	stopTimeout   = 5 * time.Second
	maxHeader     = 64 << 10
)

// ErrTaken is an address that another program listens on.
var ErrTaken = errors.New("another program listens there")

// Options say where to listen and who may come in.
type Options struct {
	Addr      string   // host:port; port 0 picks one
	TokenFile string   // holds the token; made, with a new one, if it is not there
	Cert, Key string   // files of a certificate and its key; without them it is plain HTTP
	Names     []string // host names that requests may name, beside localhost and the address's own
	Log       *zap.Logger
}

// Listener serves HTTP until it is stopped.
type Listener struct {
	net    net.Listener
	mux    *http.ServeMux
	guard  *guard
	server *http.Server
	scheme string
	fresh  bool
}

// Listen binds the address and reads the token. Nothing is served before Serve.
// The error is ErrTaken when somebody else has the port.
func Listen(ctx context.Context, o Options) (*Listener, error) {
	host, _, err := net.SplitHostPort(o.Addr)
	if err != nil {
		return nil, fault.New(fault.Usage, "write it as 127.0.0.1:4280, or as :4280 for all addresses of this machine", "HTTP address %q: %w", o.Addr, err)
	}
	l := &Listener{mux: http.NewServeMux(), scheme: "http"}
	secure, err := certificate(o)
	if err != nil {
		return nil, err
	}
	// Bound before the token is made: a start that cannot serve makes none.
	l.net, err = new(net.ListenConfig).Listen(ctx, "tcp", o.Addr)
	if err != nil {
		if errors.Is(err, syscall.EADDRINUSE) {
			err = ErrTaken
		}
		return nil, fmt.Errorf("listen for HTTP on %s: %w", o.Addr, err)
	}
	token, fresh, err := readToken(o.TokenFile)
	if err != nil {
		_ = l.net.Close() // nothing came in yet
		return nil, err
	}
	l.fresh = fresh
	l.guard = newGuard(token, append([]string{host}, o.Names...), secure != nil)
	if secure != nil {
		l.net, l.scheme = tls.NewListener(l.net, secure), "https"
	}
	lifetime, end := context.WithCancel(context.WithoutCancel(ctx)) // of requests; ended when stopping begins
	l.server = &http.Server{
		Handler: l.guard.around(l.mux), ReadHeaderTimeout: headerTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout,
		IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeader, ErrorLog: errorLog(o.Log),
		BaseContext: func(net.Listener) context.Context { return lifetime },
	}
	l.server.RegisterOnShutdown(end)
	return l, nil
}

// errorLog is for what the server itself has to say: handlers that panic, which is
// an error, and connections that are no HTTP.
func errorLog(to *zap.Logger) *log.Logger {
	l, err := zap.NewStdLogAt(to.Named("http"), zapcore.ErrorLevel)
	if err != nil {
		panic(err) // of a level that does not exist
	}
	return l
}

// certificate gives the settings of TLS, nil for plain HTTP.
func certificate(o Options) (*tls.Config, error) {
	switch {
	case o.Cert == "" && o.Key == "":
		return nil, nil
	case o.Cert == "" || o.Key == "":
		return nil, errors.New("a certificate for HTTPS needs its file and its key's: give --http-cert and --http-key")
	}
	pair, err := tls.LoadX509KeyPair(o.Cert, o.Key)
	if err != nil {
		return nil, fmt.Errorf("certificate for HTTPS: %w", err)
	}
	return &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}}, nil
}

// Handle mounts what only who has the token may use. Patterns are those of
// http.ServeMux.
func (l *Listener) Handle(pattern string, h http.Handler) {
	l.mux.Handle(pattern, l.guard.only(h))
}

// Open mounts what needs no token, beside what Handle mounts.
func (l *Listener) Open(pattern string, h http.Handler) { l.mux.Handle(pattern, h) }

// Refused sets what shows a person that the token is missing or wrong: the page
// that asks for it.
func (l *Listener) Refused(page func(w http.ResponseWriter, r *http.Request, why string)) {
	l.guard.refused = page
}

// URL is where it is reached, with a slash at the end. An address that stands
// for all of this machine's is shown as localhost.
func (l *Listener) URL() string {
	host, port, err := net.SplitHostPort(l.net.Addr().String())
	if err != nil {
		return l.scheme + "://" + l.net.Addr().String() + "/"
	}
	if ip, err := netip.ParseAddr(host); err == nil && ip.IsUnspecified() {
		host = "localhost"
	}
	return l.scheme + "://" + net.JoinHostPort(host, port) + "/"
}

// LoginURL logs a browser in that opens it. It holds the token.
func (l *Listener) LoginURL() string { return l.URL() + "?" + tokenField + "=" + l.guard.token }

// Fresh says whether this start made the token, so that nobody has it yet.
func (l *Listener) Fresh() bool { return l.fresh }

// Exposed says whether others than this machine reach it over plain HTTP.
func (l *Listener) Exposed() bool {
	host, _, _ := net.SplitHostPort(l.net.Addr().String())
	ip, err := netip.ParseAddr(host)
	return l.scheme == "http" && (err != nil || !ip.IsLoopback())
}

// Serve answers until the context ends; then it takes no more requests, ends
// those that go on for ever, and waits a while for the others.
func (l *Listener) Serve(ctx context.Context) error {
	ended := make(chan error, 1)
	go func() { ended <- l.server.Serve(l.net) }() // ended below
	select {
	case err := <-ended:
		return fmt.Errorf("serve HTTP at %s: %w", l.URL(), err)
	case <-ctx.Done():
	}
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	if err := l.server.Shutdown(stopping); err != nil {
		_ = l.server.Close() // whoever is still there has had the time
	}
	if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve HTTP at %s: %w", l.URL(), err)
	}
	return nil
}

// Close gives up a listener that was never served.
func (l *Listener) Close() error { return l.net.Close() }
