package http

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"weir/connector"
)

const (
	defaultIdempotencyHeader = "Idempotency-Key"
	defaultKeys              = 100_000
	maxKeys                  = 1_000_000
	defaultAge               = 24 * time.Hour
	defaultTimeout           = 30 * time.Second
	maxTimeout               = 5 * time.Minute
	defaultRequestBytes      = 8 << 20
	maxRequestBytes          = 64 << 20
	defaultPendingBytes      = 64 << 20

	// leastRequests is how many of the largest requests fit into memory at
	// least: one takes its body, packed and unpacked, and what is parsed of it.
	leastRequests = 4
)

// config is the endpoint's configuration as it is written.
type config struct {
	Listen             string           `json:"listen"`
	TLS                *tlsFiles        `json:"tls"`
	Tokens             []string         `json:"tokens"`
	Signature          *signatureConfig `json:"signature"`
	AllowAnonymous     bool             `json:"allowAnonymous"`
	Idempotency        *idempotency     `json:"idempotency"`
	AllowedCorsOrigins []string         `json:"allowedCorsOrigins"`
	MaxRequestBytes    int              `json:"maxRequestBytes"`
	MaxPendingBytes    int              `json:"maxPendingBytes"`
	Timeout            string           `json:"timeout"`
}

type tlsFiles struct {
	Certificate string `json:"certificate"`
	Key         string `json:"key"`
}

type idempotency struct {
	Header string `json:"header"`
	Keys   int    `json:"keys"`
	Age    string `json:"age"`
}

// settings are a configuration with its defaults, checked.
type settings struct {
	listen       string
	tls          tlsFiles // absolute paths; empty: plain HTTP
	noDirectory  error    // nobody knows where the TLS files are
	tokens       []string
	signature    *signature // nil: requests need none
	keyHeader    string
	keys         int
	keyAge       time.Duration
	origins      []string
	requestBytes int
	pendingBytes int
	timeout      time.Duration
}

// parseConfig reads the endpoint's configuration. The error names every fault.
func parseConfig(text json.RawMessage, dataDir string) (*settings, error) {
	var c config
	if err := connector.DecodeConfig(text, &c); err != nil {
		return nil, fmt.Errorf("http: endpoint config: %w", err)
	}
	s := &settings{
		listen: c.Listen, tokens: c.Tokens, origins: c.AllowedCorsOrigins, keyHeader: defaultIdempotencyHeader, keys: defaultKeys, keyAge: defaultAge,
		requestBytes: orDefault(c.MaxRequestBytes, defaultRequestBytes), timeout: defaultTimeout,
	}
	s.pendingBytes = orDefault(c.MaxPendingBytes, max(defaultPendingBytes, leastRequests*s.requestBytes))
	var faults []error
	fault := func(err error) {
		if err != nil {
			faults = append(faults, fmt.Errorf("http: endpoint config: %w", err))
		}
	}
	fault(s.setTLS(c.TLS, dataDir))
	if c.Signature != nil {
		var err error
		s.signature, err = newSignature(*c.Signature)
		fault(err)
	}
	if s.signature != nil && s.signature.idHeader != "" {
		s.keyHeader = s.signature.idHeader
	}
	fault(s.setIdempotency(c.Idempotency))
	fault(s.checkAddress(c.AllowAnonymous))
	for i, token := range c.Tokens {
		if len(token) < 16 {
			fault(fmt.Errorf("tokens: number %d has fewer than 16 characters, which can be guessed: choose a longer one, as `openssl rand -hex 32` gives", i+1))
		}
	}
	fault(s.setTimeout(c.Timeout))
	fault(between("maxRequestBytes", s.requestBytes, 1<<10, maxRequestBytes))
	if s.requestBytes <= maxRequestBytes {
		fault(between("maxPendingBytes", s.pendingBytes, leastRequests*s.requestBytes, 4<<30))
	}
	return s, errors.Join(faults...)
}

func orDefault(n, standard int) int {
	if n == 0 {
		return standard
	}
	return n
}

func between(name string, n, least, most int) error {
	if n < least || n > most {
		return fmt.Errorf("%s: %d is not between %d and %d", name, n, least, most)
	}
	return nil
}

func (s *settings) setTLS(files *tlsFiles, dataDir string) error {
	if files == nil {
		return nil
	}
	if files.Certificate == "" || files.Key == "" {
		return errors.New("tls: name both the certificate's file and the key's")
	}
	s.tls = *files
	s.noDirectory = connector.Place(dataDir, &s.tls.Certificate, &s.tls.Key)
	return nil
}

func (s *settings) setIdempotency(c *idempotency) error {
	if c == nil {
		return nil
	}
	if c.Header != "" {
		s.keyHeader = c.Header
	}
	if c.Keys != 0 {
		s.keys = c.Keys
	}
	if err := between("idempotency.keys", s.keys, 1, maxKeys); err != nil {
		return err
	}
	if c.Age == "" {
		return nil
	}
	age, err := time.ParseDuration(c.Age)
	if err != nil || age < time.Second {
		return fmt.Errorf("idempotency.age: %q is no time of at least a second, as 24h is", c.Age)
	}
	s.keyAge = age
	return nil
}

func (s *settings) setTimeout(text string) error {
	if text == "" {
		return nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < time.Second || d > maxTimeout {
		return fmt.Errorf("timeout: %q is no time between 1s and %s, as 30s is", text, maxTimeout)
	}
	s.timeout = d
	return nil
}

// checkAddress refuses addresses that are none, and those that let anybody in
// unless the user says that this is meant.
func (s *settings) checkAddress(anonymous bool) error {
	if s.listen == "" {
		return errors.New("listen is missing: name the address to listen on, as in { listen: \"127.0.0.1:8088\" }")
	}
	host, port, err := net.SplitHostPort(s.listen)
	if err != nil {
		return fmt.Errorf("listen: %q is no address with a port, as 127.0.0.1:8088 is", s.listen)
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return fmt.Errorf("listen: %q is no port: a number from 1 to 65535", port)
	}
	ip := net.ParseIP(host)
	local := host == "localhost" || ip != nil && ip.IsLoopback()
	if local || anonymous || len(s.tokens) > 0 || s.signature != nil {
		return nil
	}
	return fmt.Errorf("listen: whoever reaches %s could write: give tokens or a signature, or listen on 127.0.0.1, or say `allowAnonymous: true` if that is meant", s.listen)
}

// resource is a binding's resource.
type resource struct {
	Path string `json:"path"`
	Meta meta   `json:"meta"`
}

// meta says what of a request goes into its documents' _meta.
type meta struct {
	WebhookID  bool     `json:"webhookId"`
	ReceivedAt bool     `json:"receivedAt"`
	Path       bool     `json:"path"`
	Headers    []string `json:"headers"`
	Query      []string `json:"query"`
}

func (m *meta) any() bool {
	return m.WebhookID || m.ReceivedAt || m.Path || len(m.Headers) > 0 || len(m.Query) > 0
}

// withheld are headers whose values are secrets of the sender.
var withheld = map[string]bool{"authorization": true, "proxy-authorization": true, "cookie": true}

// parseResource reads a binding's resource. What the collection's key needs of
// _meta is added without being asked for.
func parseResource(text json.RawMessage, key []string) (resource, pattern, error) {
	var r resource
	if err := connector.DecodeConfig(text, &r); err != nil {
		return r, pattern{}, fmt.Errorf("resource: %w", err)
	}
	if r.Path == "" {
		return r, pattern{}, errors.New("resource: path is missing: name the path that requests are posted to, as in { path: /orders }")
	}
	p, err := parsePattern(r.Path)
	if err != nil {
		return r, pattern{}, fmt.Errorf("resource: path %q: %w", r.Path, err)
	}
	for _, name := range r.Meta.Headers {
		if withheld[strings.ToLower(name)] {
			return r, pattern{}, fmt.Errorf("resource: meta.headers: %s holds the sender's secret and is not stored: leave it out", name)
		}
	}
	for _, pointer := range key {
		r.Meta.WebhookID = r.Meta.WebhookID || pointer == "/_meta/webhookId"
		r.Meta.ReceivedAt = r.Meta.ReceivedAt || pointer == "/_meta/receivedAt"
		r.Meta.Path = r.Meta.Path || pointer == "/_meta/path" || strings.HasPrefix(pointer, "/_meta/pathParams/")
	}
	return r, p, nil
}
