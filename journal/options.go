package journal

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"

	"github.com/nats-io/nats.go"
	"go.uber.org/zap"
)

// defaultMaxBatch is how many messages a NATS server takes in one atomic batch
// unless it is configured otherwise.
const defaultMaxBatch = 1000

// Options say which server to use and how. A field that is empty is taken from
// the environment variable that the nats command line tool reads for it, then
// from the NATS context (the selected one when none is named).
type Options struct {
	URL     string // NATS_URL; one or more, separated by commas
	Context string // NATS_CONTEXT; a name, or the path of a context file
	Name    string // of the connection, as the server's monitoring shows it

	User      string // NATS_USER; a token when there is no password
	Password  string // NATS_PASSWORD
	Token     string // NATS_TOKEN
	CredsFile string // NATS_CREDS
	NKeyFile  string // NATS_NKEY; a file with a seed
	CertFile  string // NATS_CERT; with KeyFile
	KeyFile   string // NATS_KEY
	CAFile    string // NATS_CA

	// InProcess is a server in this process. Its connection has no socket, and
	// neither environment nor contexts are looked at.
	InProcess nats.InProcessConnProvider
	// Plain takes these options as they stand: no environment, no contexts.
	// For servers that the caller started.
	Plain bool

	// Memory keeps all streams and buckets that are made through this connection
	// in the server's memory. For throw-away servers.
	Memory bool

	MaxBatch int // messages that the server takes in one atomic batch; 1000
	Log      *zap.Logger
}

// resolve fills in what stands in the environment and sets defaults.
func (o Options) resolve(env func(string) string) Options {
	if o.MaxBatch == 0 {
		o.MaxBatch = defaultMaxBatch
	}
	if o.Log == nil {
		o.Log = zap.NewNop()
	}
	if o.Name == "" {
		o.Name = "weir"
	}
	if o.InProcess != nil {
		o.Plain = true
	}
	if !o.Plain {
		for _, v := range []struct {
			field *string
			name  string
		}{
			{&o.URL, "NATS_URL"}, {&o.Context, "NATS_CONTEXT"},
			{&o.User, "NATS_USER"}, {&o.Password, "NATS_PASSWORD"}, {&o.Token, "NATS_TOKEN"},
			{&o.CredsFile, "NATS_CREDS"}, {&o.NKeyFile, "NATS_NKEY"},
			{&o.CertFile, "NATS_CERT"}, {&o.KeyFile, "NATS_KEY"}, {&o.CAFile, "NATS_CA"},
		} {
			if *v.field == "" {
				*v.field = env(v.name)
			}
		}
	}
	if o.User != "" && o.Password == "" && o.Token == "" {
		o.Token, o.User = o.User, ""
	}
	return o
}

// validate reports options that contradict each other.
func (o Options) validate() error {
	switch {
	case o.MaxBatch < 2:
		return fmt.Errorf("batches of %d messages are too small: a batch needs at least 2", o.MaxBatch)
	case (o.CertFile == "") != (o.KeyFile == ""):
		return errors.New("a client certificate needs both its file and its key's file")
	}
	for _, path := range []string{o.CredsFile, o.NKeyFile, o.CertFile, o.KeyFile, o.CAFile} {
		if path == "" {
			continue
		}
		if _, err := os.Stat(path); err != nil {
			return err
		}
	}
	return nil
}

// auth gives the client's options for what stands in o; they go before those
// of a context.
func (o Options) auth() ([]nats.Option, error) {
	var opts []nats.Option
	if o.User != "" || o.Token != "" || o.CredsFile != "" || o.NKeyFile != "" {
		opts = append(opts, forgetAuth)
	}
	switch {
	case o.User != "":
		opts = append(opts, nats.UserInfo(o.User, o.Password))
	case o.CredsFile != "":
		opts = append(opts, nats.UserCredentials(o.CredsFile))
	case o.NKeyFile != "":
		nkey, err := nats.NkeyOptionFromSeed(o.NKeyFile)
		if err != nil {
			return nil, fmt.Errorf("nkey file %s: %w", o.NKeyFile, err)
		}
		opts = append(opts, nkey)
	}
	if o.Token != "" {
		opts = append(opts, nats.Token(o.Token))
	}
	if o.CertFile != "" {
		opts = append(opts, nats.ClientCert(o.CertFile, o.KeyFile))
	}
	if o.CAFile != "" {
		opts = append(opts, nats.RootCAs(o.CAFile))
	}
	return opts, nil
}

// forgetAuth drops what a context says about who connects: only one way of
// authentication may be set.
func forgetAuth(o *nats.Options) error {
	o.User, o.Password, o.Token, o.Nkey = "", "", "", ""
	o.UserJWT, o.SignatureCB = nil, nil
	return nil
}

// useServers makes the client connect to the given servers, whatever a context says.
func useServers(servers string) nats.Option {
	return func(o *nats.Options) error {
		o.Url, o.Servers = "", nil
		for s := range strings.SplitSeq(servers, ",") {
			if s = strings.TrimSpace(s); s != "" {
				o.Servers = append(o.Servers, s)
			}
		}
		return nil
	}
}

// redactURL gives one or more URLs without what stands in them before an @.
func redactURL(servers string) string {
	parts := strings.Split(servers, ",")
	for i, s := range parts {
		s = strings.TrimSpace(s)
		at := strings.LastIndexByte(s, '@')
		if at < 0 {
			parts[i] = s
			continue
		}
		scheme := ""
		if p := strings.Index(s, "://"); p >= 0 && p < at {
			scheme = s[:p+3]
		}
		parts[i] = scheme + s[at+1:]
	}
	return strings.Join(parts, ",")
}

// secrets lists what must not stand in an error's text.
func (o Options) secrets() []string {
	var found []string
	for _, s := range []string{o.Password, o.Token} {
		if s != "" {
			found = append(found, s)
		}
	}
	for s := range strings.SplitSeq(o.URL, ",") {
		s = strings.TrimSpace(s)
		at := strings.LastIndexByte(s, '@')
		if at < 0 {
			continue
		}
		info := s[:at]
		if p := strings.Index(info, "://"); p >= 0 {
			info = info[p+3:]
		}
		found = append(found, info)
		user, password, both := strings.Cut(info, ":")
		if !both {
			password = user // a token
		}
		found = append(found, password)
		if plain, err := url.PathUnescape(password); err == nil {
			found = append(found, plain)
		}
	}
	return found
}

// redactedError is an error whose text had a secret in it.
type redactedError struct {
	text string
	err  error
}

func (e *redactedError) Error() string { return e.text }
func (e *redactedError) Unwrap() error { return e.err }

// redact replaces secrets in the text of err.
func redact(err error, secrets []string) error {
	text := err.Error()
	for _, s := range secrets {
		if s != "" {
			text = strings.ReplaceAll(text, s, "***")
		}
	}
	if text == err.Error() {
		return err
	}
	return &redactedError{text: text, err: err}
}
