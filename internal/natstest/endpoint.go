// Package natstest gives tests of NATS connectors a server of somebody else's.
package natstest

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"weir/journal/server"
)

// Endpoint is a server, as its owner uses it.
type Endpoint struct {
	testing.TB
	JS     jetstream.JetStream
	NC     *nats.Conn
	Config json.RawMessage // of connectors that speak to it
}

// Serve starts a server that lasts as long as the test.
func Serve(t testing.TB) *Endpoint {
	t.Helper()
	s, err := server.Start(server.Options{StoreDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	return Connect(t, s.URL())
}

// Connect connects to a server that is there.
func Connect(t testing.TB, url string) *Endpoint {
	t.Helper()
	nc, err := nats.Connect(url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	return &Endpoint{TB: t, JS: js, NC: nc, Config: json.RawMessage(fmt.Sprintf(`{"url":%q}`, url))}
}

// Stream makes a stream in the server's memory.
func (e *Endpoint) Stream(cfg jetstream.StreamConfig) {
	e.Helper()
	cfg.Storage = jetstream.MemoryStorage
	if _, err := e.JS.CreateStream(context.Background(), cfg); err != nil {
		e.Fatal(err)
	}
}
