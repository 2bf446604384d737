package webhook

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/textproto"
	"net/url"
	"slices"
	"strings"
	"time"

	"weir/connector"
	"weir/secrets"
)

// config is the endpoint's configuration as it is written.
type config struct {
	URL               string            `json:"url"`
	Method            string            `json:"method"`
	Headers           map[string]string `json:"headers"`
	Format            string            `json:"format"`
	Batch             batchConfig       `json:"batch"`
	Concurrency       int               `json:"concurrency"`
	Timeout           string            `json:"timeout"`
	Retries           *int              `json:"retries"`
	IdempotencyHeader string            `json:"idempotencyHeader"`
	SigningSecrets    []string          `json:"signingSecrets"`
	AllowLinkLocal    bool              `json:"allowLinkLocal"`
}

type batchConfig struct {
	Documents int `json:"documents"`
	Bytes     int `json:"bytes"`
}

// The forms of a body.
const (
	formatArray    = "array"
	formatLines    = "lines"
	formatDocument = "document"
)

// settings are a configuration with its defaults, checked.
type settings struct {
	url            *url.URL
	method         string
	headers        map[string]string
	format         string
	documents      int
	bytes          int
	lanes          int
	timeout        time.Duration
	retries        int
	keyHeader      string
	secrets        [][]byte
	allowLinkLocal bool
	hidden         secrets.Redactor // of what no error may show: an endpoint may repeat what it was sent
}

const configSchema = `{
  "type": "object",
  "title": "Webhook",
  "required": ["url"],
  "additionalProperties": false,
  "properties": {
    "url": {"type": "string", "pattern": "^https?://", "secret": "url", "title": "URL", "description": "Where documents are sent. A binding's path is appended to it."},
    "method": {"enum": ["POST", "PUT", "PATCH"], "default": "POST", "title": "Method", "description": "Of the requests."},
    "headers": {
      "type": "object",
      "title": "Headers",
      "description": "Sent with every request, as Authorization. Their values are kept out of logs and errors.",
      "secret": true,
      "additionalProperties": {"type": "string", "secret": true, "title": "Value", "description": "Of the header."}
    },
    "format": {"enum": ["array", "lines", "document"], "default": "array", "title": "Format", "description": "A body is a JSON array of documents, or JSON lines, or each request has one document."},
    "batch": {
      "type": "object",
      "title": "Batch",
      "description": "What one request holds at most. A larger document is sent alone.",
      "additionalProperties": false,
      "properties": {
        "documents": {"type": "integer", "minimum": 1, "maximum": 10000, "default": 100, "title": "Documents", "description": "In a request."},
        "bytes": {"type": "integer", "minimum": 1024, "maximum": 67108864, "default": 1048576, "title": "Bytes", "description": "Of a request's body."}
      }
    },
    "concurrency": {"type": "integer", "minimum": 1, "maximum": 64, "default": 4, "title": "Concurrency", "description": "Requests at a time. Documents of a key stay in their order; with 1 all of a binding's do."},
    "timeout": {"type": "string", "default": "30s", "title": "Timeout", "description": "Of one request."},
    "retries": {"type": "integer", "minimum": 0, "maximum": 20, "default": 8, "title": "Retries", "description": "Of a request that meets trouble that passes, with pauses from half a second to 30 seconds; then the task pauses, and sends the transaction again."},
    "idempotencyHeader": {"type": "string", "minLength": 1, "default": "Idempotency-Key", "title": "Idempotency header", "description": "The header of the request's key."},
    "signingSecrets": {
      "type": "array",
      "title": "Signing secrets",
      "description": "Requests are signed as Standard Webhooks says (webhook-id, webhook-timestamp, webhook-signature), with each of them: several, to rotate them.",
      "secret": true,
      "items": {"type": "string", "minLength": 1, "secret": true, "title": "Secret", "description": "As whsec_<base64>, or any text."}
    },
    "allowLinkLocal": {"type": "boolean", "default": false, "title": "Allow link-local addresses", "description": "Send to 169.254.0.0/16 and fe80::/10 too, where clouds keep credentials of machines."}
  }
}`

// resource is a binding's resource.
type resource struct {
	Path *string `json:"path"`
}

const resourceSchema = `{
  "type": "object",
  "title": "Webhook path",
  "required": ["path"],
  "additionalProperties": false,
  "properties": {
    "path": {"type": "string", "title": "Path", "description": "Appended to the endpoint's URL, as /orders; empty for the URL itself.", "x-collection-name": true}
  }
}`

// parseConfig reads the endpoint's configuration. The error names every fault.
func parseConfig(text json.RawMessage) (*settings, error) {
	var c config
	if err := connector.DecodeConfig(text, &c); err != nil {
		return nil, fmt.Errorf("webhook: endpoint config: %w", err)
	}
	s := &settings{
		method: orElse(c.Method, http.MethodPost), headers: map[string]string{}, format: orElse(c.Format, formatArray),
		documents: orElse(c.Batch.Documents, 100), bytes: orElse(c.Batch.Bytes, 1<<20), lanes: orElse(c.Concurrency, 4),
		timeout: 30 * time.Second, retries: 8, keyHeader: orElse(c.IdempotencyHeader, "Idempotency-Key"), allowLinkLocal: c.AllowLinkLocal,
	}
	if c.Retries != nil {
		s.retries = *c.Retries
	}
	var faults []error
	fault := func(err error) {
		if err != nil {
			faults = append(faults, fmt.Errorf("webhook: endpoint config: %w", err))
		}
	}
	fault(s.setURL(c.URL))
	fault(oneOf("method", s.method, http.MethodPost, http.MethodPut, http.MethodPatch))
	fault(oneOf("format", s.format, formatArray, formatLines, formatDocument))
	fault(s.setHeaders(c.Headers))
	fault(between("batch.documents", s.documents, 1, 10_000))
	fault(between("batch.bytes", s.bytes, 1<<10, 64<<20))
	fault(between("concurrency", s.lanes, 1, 64))
	fault(between("retries", s.retries, 0, 20))
	fault(s.setTimeout(c.Timeout))
	fault(s.setSecrets(c.SigningSecrets))
	if s.format == formatDocument {
		s.documents = 1
	}
	return s, errors.Join(faults...)
}

func orElse[T comparable](value, standard T) T {
	var none T
	if value == none {
		return standard
	}
	return value
}

func oneOf(name, value string, allowed ...string) error {
	if slices.Contains(allowed, value) {
		return nil
	}
	return fmt.Errorf("%s: %q is unknown: %s", name, value, strings.Join(allowed, ", "))
}

func between(name string, n, least, most int) error {
	if n < least || n > most {
		return fmt.Errorf("%s: %d is not between %d and %d", name, n, least, most)
	}
	return nil
}

func (s *settings) setURL(text string) error {
	if text == "" {
		return errors.New("url is missing: say where documents are sent, as in { url: \"https://example.com/hooks\" }")
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.Fragment != "" {
		return errors.New("url: it is not of the form https://host/path")
	}
	s.hidden.Add(secrets.OfURL(text)...)
	s.url = u
	return nil
}

// reserved are headers that a request has anyway.
var reserved = []string{"Host", "Content-Length", "Transfer-Encoding", "Connection", "Content-Encoding"}

func (s *settings) setHeaders(headers map[string]string) error {
	var faults []error
	for name, value := range headers {
		canonical := textproto.CanonicalMIMEHeaderKey(name)
		switch {
		case name == "" || strings.ContainsAny(name, " \t\r\n:") || slices.Contains(reserved, canonical):
			faults = append(faults, fmt.Errorf("headers: %q cannot be set: leave it out", name))
		case strings.ContainsAny(value, "\r\n\x00"):
			faults = append(faults, fmt.Errorf("headers: the value of %s has a line break in it: a secret from a file may end in one", name))
		}
		s.headers[canonical] = value
		_, token, _ := strings.Cut(value, " ") // as behind Bearer
		s.hidden.Add(value, token)
	}
	return errors.Join(faults...)
}

func (s *settings) setTimeout(text string) error {
	if text == "" {
		return nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < time.Second || d > 10*time.Minute {
		return fmt.Errorf("timeout: %q is no time between 1s and 10m, as 30s is", text)
	}
	s.timeout = d
	return nil
}

func (s *settings) setSecrets(all []string) error {
	for i, secret := range all {
		key := []byte(secret)
		if coded, ok := strings.CutPrefix(secret, "whsec_"); ok {
			var err error
			if key, err = base64.StdEncoding.DecodeString(coded); err != nil {
				return fmt.Errorf("signingSecrets: what follows whsec_ of number %d is no base64", i+1)
			}
		}
		if len(key) == 0 {
			return fmt.Errorf("signingSecrets: number %d is empty", i+1)
		}
		s.secrets = append(s.secrets, key)
		s.hidden.Add(secret)
	}
	return nil
}

// at gives the URL of a binding, and how errors name it: without what may be
// secret in the endpoint's own URL, which some services put a token into.
func (s *settings) at(path string) (target, shown string) {
	u := *s.url
	shown = u.Scheme + "://" + u.Host
	if strings.Trim(u.Path, "/") != "" {
		shown += "/***"
	}
	if path != "" {
		u.Path, u.RawPath = strings.TrimSuffix(u.Path, "/")+path, ""
	}
	return u.String(), shown + path
}

// parseResource gives the path that is appended to the endpoint's URL.
func parseResource(text json.RawMessage) (path string, err error) {
	var r resource
	if err := connector.DecodeConfig(text, &r); err != nil {
		return "", fmt.Errorf("resource: %w", err)
	}
	switch {
	case r.Path == nil:
		return "", errors.New("resource: path is missing: give what is appended to the endpoint's url, as /orders, or \"\" for nothing")
	case *r.Path != "" && !strings.HasPrefix(*r.Path, "/"):
		return "", fmt.Errorf("resource: path %q does not begin with /", *r.Path)
	case strings.ContainsAny(*r.Path, "?#"):
		return "", fmt.Errorf("resource: path %q holds one of ? and #: queries belong to the endpoint's url", *r.Path)
	}
	return *r.Path, nil
}
