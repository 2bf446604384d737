package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"weir/controlplane/listener"
	"weir/fault"
)

const (
	webAddr   = "127.0.0.1:4280" // unless a flag says where
	webOff    = "off"
	tokenName = "http-token" // file of the data directory
)

// web holds the flags of the HTTP listener.
type web struct {
	addr      string
	tokenFile string
	cert, key string
	names     []string
	given     bool // the user said where to listen
	moves     bool // to another port where the usual one is taken
}

// flags of the listener; otherwise says what happens where the usual port is
// taken, empty when that is an error.
func (w *web) flags(cmd *cobra.Command, otherwise string) {
	w.moves = otherwise != ""
	usual := "serve pages, API and metrics at this host:port, or off"
	if w.moves {
		usual += "; " + otherwise
	}
	f := cmd.Flags()
	f.StringVar(&w.addr, "http", webAddr, usual)
	f.StringVar(&w.tokenFile, "http-token-file", "", "file with the token for HTTP; the default is "+tokenName+" in the data directory")
	f.StringVar(&w.cert, "http-cert", "", "file of the certificate for HTTPS")
	f.StringVar(&w.key, "http-key", "", "file of the certificate's key")
	f.StringArrayVar(&w.names, "http-name", nil, "host name that browsers use for the pages, as behind a proxy; may come again")
}

// check refuses flags that say nothing or contradict each other.
func (w *web) check(cmd *cobra.Command) error {
	w.given = cmd.Flags().Changed("http")
	if (w.cert == "") != (w.key == "") {
		return wrongUsage("give both --http-cert and --http-key", "HTTPS needs a certificate and its key")
	}
	return nil
}

// pages is the listener that serves.
type pages struct {
	*listener.Listener        // nil when it is off; what is mounted on it is served from then on
	line               string // for the user: where it is; empty when it is off
	stop               func() // returns when nothing is served any more
}

// start serves HTTP until the context ends or stop is called.
func (w *web) start(ctx context.Context, data string, problems io.Writer, log *zap.Logger) (pages, error) {
	if w.addr == webOff {
		return pages{stop: func() {}}, nil
	}
	l, note, err := w.listen(ctx, data, log)
	if err != nil {
		return pages{}, err
	}
	if l.Exposed() {
		fmt.Fprintf(problems, "warning: %s is plain HTTP that other machines reach: whoever is on the way reads the token and the documents; use --http-cert and --http-key, or a proxy with TLS before 127.0.0.1\n", l.URL())
	}
	line := l.URL() + note
	if l.Fresh() {
		line = l.LoginURL() + note
	}
	serving, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() { // ended by stop
		defer close(ended)
		if err := l.Serve(serving); err != nil {
			log.Error("pages, API and metrics have ended", zap.Error(err))
		}
	}()
	return pages{Listener: l, line: line, stop: func() {
		cancel()
		<-ended
	}}, nil
}

// listen binds the address; note is what to tell the user of it.
func (w *web) listen(ctx context.Context, data string, log *zap.Logger) (l *listener.Listener, note string, err error) {
	o := listener.Options{Addr: w.addr, TokenFile: w.tokenFile, Cert: w.cert, Key: w.key, Names: w.names, Log: log}
	if o.TokenFile == "" {
		o.TokenFile = filepath.Join(data, tokenName)
	}
	l, err = listener.Listen(ctx, o)
	if errors.Is(err, listener.ErrTaken) && w.moves && !w.given {
		note = " (port 4280 is taken; --http says another one)"
		o.Addr = "127.0.0.1:0"
		l, err = listener.Listen(ctx, o)
	}
	if errors.Is(err, listener.ErrTaken) {
		err = fault.Wrap(err, fault.PortTaken, "stop the other weir, if one runs, or choose another address with --http HOST:PORT; --http off serves no pages")
	}
	if err != nil {
		return nil, "", &environmentError{err}
	}
	return l, note, nil
}
