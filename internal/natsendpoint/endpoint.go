// Package natsendpoint is what the source and the sink for NATS share: the
// configuration of an endpoint that is a NATS server, its schema, and
// connecting to it. The server may be Weir's own or anybody's.
//
// A connection that is lost stays lost: whoever holds it opens its session
// again, from what is durable.
package natsendpoint

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"weir/connector"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nkeys"
	"github.com/synadia-io/orbit.go/natscontext"
)

// Config is an endpoint's configuration.
type Config struct {
	URL             string `json:"url"`
	Context         string `json:"context"`
	User            string `json:"user"`
	Password        string `json:"password"`
	Token           string `json:"token"`
	Credentials     string `json:"credentials"`
	CredentialsFile string `json:"credentialsFile"`
	NKey            string `json:"nkey"`
	CAFile          string `json:"caFile"`
	CertFile        string `json:"certFile"`
	KeyFile         string `json:"keyFile"`
	TLSFirst        bool   `json:"tlsFirst"`
	Domain          string `json:"domain"`
	InboxPrefix     string `json:"inboxPrefix"`
}

// ConfigSchema is the JSON schema of Config.
const ConfigSchema = `{
  "type": "object",
  "title": "NATS server",
  "description": "A NATS server: one of url and context, and how to be let in.",
  "additionalProperties": false,
  "properties": {
    "url": {"type": "string", "minLength": 1, "secret": "user", "title": "URL", "description": "Servers, separated by commas, as in nats://nats.example.com:4222."},
    "context": {"type": "string", "minLength": 1, "title": "Context", "description": "A NATS context of the machine that runs the task: its name, or the path of its file."},
    "user": {"type": "string", "title": "User", "description": "User, with password."},
    "password": {"type": "string", "title": "Password", "description": "Password of the user.", "secret": true},
    "token": {"type": "string", "title": "Token", "description": "Token in place of a user.", "secret": true},
    "credentials": {"type": "string", "title": "Credentials", "description": "The text of a credentials file, as in ${file:/run/secrets/orders.creds}.", "secret": true},
    "credentialsFile": {"type": "string", "title": "Credentials file", "description": "Path of a credentials file; a relative path is relative to the data directory."},
    "nkey": {"type": "string", "title": "NKey", "description": "Seed of a user's NKey.", "secret": true},
    "caFile": {"type": "string", "title": "CA file", "description": "Path of the certificates that the server's is signed by."},
    "certFile": {"type": "string", "title": "Certificate file", "description": "Path of the client's certificate, with keyFile."},
    "keyFile": {"type": "string", "title": "Key file", "description": "Path of the key of the client's certificate."},
    "tlsFirst": {"type": "boolean", "default": false, "title": "TLS first", "description": "Begin with TLS, before the server says anything."},
    "domain": {"type": "string", "title": "JetStream domain", "description": "Domain of JetStream, behind leaf nodes."},
    "inboxPrefix": {"type": "string", "title": "Inbox prefix", "description": "Prefix of the subjects for answers, where the user may use only some."}
  }
}`

// Dial connects as a configuration says, under a name for the server's own
// lists. transient marks errors that pass by themselves.
func Dial(ctx context.Context, config json.RawMessage, dataDir, name string, transient func(error) error) (*Conn, error) {
	c, err := Parse(config, dataDir)
	if err != nil {
		return nil, err
	}
	return c.Connect(ctx, name, transient)
}

// Parse reads and checks a configuration. Relative paths are relative to a
// directory; see connector.Place.
func Parse(text json.RawMessage, dataDir string) (*Config, error) {
	var c Config
	if err := connector.DecodeConfig(text, &c); err != nil {
		return nil, fmt.Errorf("nats: endpoint config: %w", err)
	}
	if err := c.check(); err != nil {
		return nil, fmt.Errorf("nats: endpoint config: %w", err)
	}
	return &c, connector.Place(dataDir, &c.CredentialsFile, &c.CAFile, &c.CertFile, &c.KeyFile)
}

func (c *Config) check() error {
	ways := 0
	for _, given := range []bool{c.User != "" || c.Password != "", c.Token != "", c.Credentials != "", c.CredentialsFile != "", c.NKey != ""} {
		if given {
			ways++
		}
	}
	switch {
	case c.URL == "" && c.Context == "":
		return errors.New("url is missing: name the server, as in { url: nats://127.0.0.1:4222 }, or a context")
	case c.URL != "" && c.Context != "":
		return errors.New("give either url or context")
	case ways > 1:
		return errors.New("give one of user with password, token, credentials, credentialsFile and nkey")
	case (c.User == "") != (c.Password == ""):
		return errors.New("user and password go together")
	case (c.CertFile == "") != (c.KeyFile == ""):
		return errors.New("certFile and keyFile go together")
	}
	if c.NKey != "" {
		if _, err := nkeys.FromSeed([]byte(strings.TrimSpace(c.NKey))); err != nil {
			return errors.New("nkey is no seed of an NKey")
		}
	}
	return nil
}

// Conn is a connection to the endpoint.
type Conn struct {
	*nats.Conn
	JS jetstream.JetStream
}

// timeout is for connecting, and for an answer of JetStream.
const timeout = 5 * time.Second

// Connect connects to the endpoint. transient marks errors of trouble that
// passes by itself. The name is how the server's monitoring shows the
// connection.
func (c *Config) Connect(ctx context.Context, name string, transient func(error) error) (*Conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	opts, err := c.options(ctx, name)
	if err != nil {
		return nil, err
	}
	nc, domain, err := c.dial(opts)
	if err != nil {
		return nil, c.explain(err, transient)
	}
	if c.Domain != "" {
		domain = c.Domain
	}
	conn := &Conn{Conn: nc}
	if domain != "" {
		conn.JS, err = jetstream.NewWithDomain(nc, domain, jetstream.WithDefaultTimeout(timeout))
	} else {
		conn.JS, err = jetstream.New(nc, jetstream.WithDefaultTimeout(timeout))
	}
	if err != nil {
		nc.Close()
		return nil, fmt.Errorf("nats: %w", err)
	}
	return conn, nil
}

func (c *Config) dial(opts []nats.Option) (nc *nats.Conn, domain string, err error) {
	if c.Context == "" {
		nc, err = nats.Connect(c.URL, opts...)
		return nc, "", err
	}
	nc, settings, err := natscontext.Connect(c.Context, opts...)
	return nc, settings.JSDomain, err
}

func (c *Config) options(ctx context.Context, name string) ([]nats.Option, error) {
	patience := timeout
	if deadline, ok := ctx.Deadline(); ok {
		patience = max(min(patience, time.Until(deadline)), time.Millisecond)
	}
	opts := []nats.Option{nats.Name(name), nats.Timeout(patience), nats.NoReconnect()}
	switch {
	case c.User != "":
		opts = append(opts, nats.UserInfo(c.User, c.Password))
	case c.Token != "":
		opts = append(opts, nats.Token(c.Token))
	case c.Credentials != "":
		opts = append(opts, nats.UserCredentialBytes([]byte(c.Credentials)))
	case c.CredentialsFile != "":
		opts = append(opts, nats.UserCredentials(c.CredentialsFile))
	case c.NKey != "":
		pair, err := nkeys.FromSeed([]byte(strings.TrimSpace(c.NKey)))
		if err != nil {
			return nil, errors.New("nats: nkey is no seed of an NKey")
		}
		public, err := pair.PublicKey()
		if err != nil {
			return nil, errors.New("nats: nkey has no public key")
		}
		opts = append(opts, nats.Nkey(public, pair.Sign))
	}
	if c.CAFile != "" {
		opts = append(opts, nats.RootCAs(c.CAFile))
	}
	if c.CertFile != "" {
		opts = append(opts, nats.ClientCert(c.CertFile, c.KeyFile))
	}
	if c.TLSFirst {
		opts = append(opts, nats.TLSHandshakeFirst())
	}
	if c.InboxPrefix != "" {
		opts = append(opts, nats.CustomInboxPrefix(c.InboxPrefix))
	}
	return opts, nil
}

// explain says what to look at when there is no connection.
func (c *Config) explain(err error, transient func(error) error) error {
	at := "by context " + c.Context
	if c.URL != "" {
		at = "at " + withoutUser(c.URL)
	}
	err = &hidden{err: err, secrets: c.secrets()}
	switch {
	case errors.Is(err, nats.ErrAuthorization), errors.Is(err, nats.ErrAuthExpired), errors.Is(err, nats.ErrAuthRevoked):
		return fmt.Errorf("nats: the server %s does not let this user in: check user and password, token, credentials or nkey: %w", at, err)
	case errors.Is(err, nats.ErrNoServers), isNetwork(err):
		return transient(fmt.Errorf("nats: no server answers %s: is it running?: %w", at, err))
	}
	return fmt.Errorf("nats: connect %s: %w", at, err)
}

// isNetwork says whether an error is one of reaching a server.
func isNetwork(err error) bool {
	var network interface{ Timeout() bool } // of package net
	return errors.As(err, &network) || errors.Is(err, nats.ErrTimeout) || errors.Is(err, io.EOF)
}

// Passes says whether an error of a connection that was made is trouble which
// passes by itself: it was lost, or an answer did not come.
func Passes(err error) bool {
	for _, known := range []error{
		nats.ErrConnectionClosed, nats.ErrConnectionReconnecting, nats.ErrTimeout, nats.ErrNoResponders, nats.ErrStaleConnection, nats.ErrDisconnected,
		nats.ErrBadSubscription, context.DeadlineExceeded, jetstream.ErrNoStreamResponse, jetstream.ErrServerShutdown, jetstream.ErrNoHeartbeat,
		jetstream.ErrConsumerDeleted, jetstream.ErrConsumerNotFound, jetstream.ErrMsgIteratorClosed, jetstream.ErrConnectionClosed,
	} {
		if errors.Is(err, known) {
			return true
		}
	}
	var refused *jetstream.APIError
	return errors.As(err, &refused) && refused.Code == 503 || isNetwork(err)
}

// hidden is an error without the secrets of its configuration.
type hidden struct {
	err     error
	secrets []string
}

func (h *hidden) Error() string {
	text := h.err.Error()
	for _, s := range h.secrets {
		text = strings.ReplaceAll(text, s, "***")
	}
	return text
}

func (h *hidden) Unwrap() error { return h.err }

func (c *Config) secrets() []string {
	var found []string
	for _, s := range []string{c.Password, c.Token, c.Credentials, c.NKey} {
		if s != "" {
			found = append(found, s)
		}
	}
	for server := range strings.SplitSeq(c.URL, ",") {
		if user, _, ok := strings.Cut(afterScheme(server), "@"); ok && user != "" {
			found = append(found, user)
			if _, password, ok := strings.Cut(user, ":"); ok && password != "" {
				found = append(found, password)
			}
		}
	}
	return found
}

func afterScheme(server string) string {
	if _, rest, ok := strings.Cut(strings.TrimSpace(server), "://"); ok {
		return rest
	}
	return strings.TrimSpace(server)
}

// withoutUser is a list of servers without what stands before an @.
func withoutUser(servers string) string {
	list := strings.Split(servers, ",")
	for i, server := range list {
		server = strings.TrimSpace(server)
		rest := afterScheme(server)
		scheme := server[:len(server)-len(rest)]
		if at := strings.LastIndexByte(rest, '@'); at >= 0 {
			rest = rest[at+1:]
		}
		list[i] = scheme + rest
	}
	return strings.Join(list, ",")
}
