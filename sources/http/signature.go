package http

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// signatureConfig says how requests are signed, as it is written.
type signatureConfig struct {
	Preset          string   `json:"preset"`
	Secrets         []string `json:"secrets"`
	Header          string   `json:"header"`
	Algorithm       string   `json:"algorithm"`
	Encoding        string   `json:"encoding"`
	Prefix          string   `json:"prefix"`
	Separator       string   `json:"separator"`
	Content         string   `json:"content"`
	TimestampHeader string   `json:"timestampHeader"`
	TimestampPrefix string   `json:"timestampPrefix"`
	IDHeader        string   `json:"idHeader"`
	Tolerance       string   `json:"tolerance"`
}

// presets are how known senders sign.
func presets() map[string]signatureConfig {
	return map[string]signatureConfig{
		"github":            {Header: "X-Hub-Signature-256", Prefix: "sha256="},
		"stripe":            {Header: "Stripe-Signature", Prefix: "v1=", Separator: ",", TimestampPrefix: "t=", Content: "{timestamp}.{body}"},
		"standard-webhooks": {Header: "webhook-signature", Prefix: "v1,", Separator: " ", Encoding: "base64", TimestampHeader: "webhook-timestamp", IDHeader: "webhook-id", Content: "{id}.{timestamp}.{body}"},
		"slack":             {Header: "X-Slack-Signature", Prefix: "v0=", TimestampHeader: "X-Slack-Request-Timestamp", Content: "v0:{timestamp}:{body}"},
	}
}

// signature checks signed requests. It does not change.
type signature struct {
	secrets                   [][]byte
	hash                      func() hash.Hash
	decode                    func(string) ([]byte, error)
	header, prefix, separator string
	content                   []string // texts and placeholders, in turn
	timestampHeader           string
	timestampPrefix           string
	idHeader                  string
	tolerance                 time.Duration // 0: there is no timestamp
}

const (
	placeBody      = "{body}"
	placeTimestamp = "{timestamp}"
	placeID        = "{id}"

	// maxSignatures is how many of a header are tried: more than a sender that
	// rotates its secrets has use for.
	maxSignatures = 16
)

func newSignature(c signatureConfig) (*signature, error) {
	if err := c.complete(); err != nil {
		return nil, fmt.Errorf("signature: %w", err)
	}
	s := &signature{
		hash: sha256.New, decode: hex.DecodeString, header: c.Header, prefix: c.Prefix, separator: c.Separator,
		timestampHeader: c.TimestampHeader, timestampPrefix: c.TimestampPrefix, idHeader: c.IDHeader,
	}
	if c.Algorithm == "sha512" {
		s.hash = sha512.New
	}
	if c.Encoding == "base64" {
		s.decode = base64.StdEncoding.DecodeString
	}
	for i, secret := range c.Secrets {
		key := []byte(secret)
		if c.Preset == "standard-webhooks" {
			var err error
			if key, err = base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_")); err != nil {
				return nil, fmt.Errorf("signature: secret %d is no base64, with or without whsec_ before it: give it as the sender shows it", i+1)
			}
		}
		if len(key) == 0 {
			return nil, fmt.Errorf("signature: secret %d is empty", i+1)
		}
		s.secrets = append(s.secrets, key)
	}
	if err := s.parseContent(c.Content); err != nil {
		return nil, fmt.Errorf("signature: content: %w", err)
	}
	return s, s.setTolerance(c.Tolerance)
}

// complete fills in a preset or the defaults, and refuses what is neither.
func (c *signatureConfig) complete() error {
	if len(c.Secrets) == 0 {
		return errors.New("secrets are missing: give the one that is shared with the sender")
	}
	if c.Preset != "" {
		p, ok := presets()[c.Preset]
		if !ok {
			return fmt.Errorf("preset %q is unknown: github, stripe, standard-webhooks or slack", c.Preset)
		}
		if c.Header+c.Algorithm+c.Encoding+c.Prefix+c.Separator+c.Content+c.TimestampHeader+c.TimestampPrefix+c.IDHeader != "" {
			return errors.New("a preset sets all but secrets and tolerance: leave out the rest, or the preset")
		}
		p.Preset, p.Secrets, p.Tolerance = c.Preset, c.Secrets, c.Tolerance
		*c = p
	}
	switch {
	case c.Header == "":
		return errors.New("name a preset (github, stripe, standard-webhooks, slack), or the header that holds the signature")
	case c.Algorithm != "" && c.Algorithm != "sha256" && c.Algorithm != "sha512":
		return fmt.Errorf("algorithm %q is unknown: sha256 or sha512", c.Algorithm)
	case c.Encoding != "" && c.Encoding != "hex" && c.Encoding != "base64":
		return fmt.Errorf("encoding %q is unknown: hex or base64", c.Encoding)
	case c.Separator != "" && c.Separator != "," && c.Separator != " ":
		return fmt.Errorf("separator %q is unknown: a comma or a space", c.Separator)
	}
	if c.Content == "" {
		c.Content = placeBody
	}
	return nil
}

// parseContent divides what is signed into texts and placeholders.
func (s *signature) parseContent(content string) error {
	for rest := content; rest != ""; {
		at := strings.IndexByte(rest, '{')
		if at < 0 {
			s.content = append(s.content, rest)
			break
		}
		end := strings.IndexByte(rest[at:], '}')
		if end < 0 {
			return fmt.Errorf("%q has a brace that is not closed", content)
		}
		place := rest[at : at+end+1]
		if place != placeBody && place != placeTimestamp && place != placeID {
			return fmt.Errorf("%s is unknown: {body}, {timestamp} or {id}", place)
		}
		if at > 0 {
			s.content = append(s.content, rest[:at])
		}
		s.content = append(s.content, place)
		rest = rest[at+end+1:]
	}
	uses := func(place string) bool { return strings.Contains(content, place) }
	switch timed := s.timestampHeader != "" || s.timestampPrefix != ""; {
	case !uses(placeBody):
		return errors.New("{body} is not in it, so anything could be posted")
	case uses(placeTimestamp) != timed:
		return errors.New("{timestamp} and timestampHeader or timestampPrefix go together")
	case s.timestampHeader != "" && s.timestampPrefix != "":
		return errors.New("the timestamp is in a header of its own or in that of the signature, not in both")
	case uses(placeID) != (s.idHeader != ""):
		return errors.New("{id} and idHeader go together")
	}
	return nil
}

func (s *signature) setTolerance(text string) error {
	timed := s.timestampHeader != "" || s.timestampPrefix != ""
	switch {
	case text == "" && timed:
		s.tolerance = 5 * time.Minute
		return nil
	case text == "":
		return nil
	case !timed:
		return errors.New("signature: tolerance: there is no timestamp that it could be for")
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < time.Second {
		return fmt.Errorf("signature: tolerance: %q is no time of at least a second, as 5m is", text)
	}
	s.tolerance = d
	return nil
}

// verify says why a request's signature is not good, nil if it is. Nothing of
// what it says helps to guess one.
func (s *signature) verify(h http.Header, body []byte, now time.Time) error {
	values := h.Values(s.header)
	if len(values) == 0 {
		return fmt.Errorf("the header %s with the signature is missing", s.header)
	}
	var given [][]byte
	timestamp := h.Get(s.timestampHeader)
	for _, item := range s.items(values) {
		if at, ok := strings.CutPrefix(item, s.timestampPrefix); ok && s.timestampPrefix != "" {
			timestamp = at
			continue
		}
		text, ok := strings.CutPrefix(item, s.prefix)
		if !ok {
			continue
		}
		if mac, err := s.decode(text); err == nil && len(given) < maxSignatures {
			given = append(given, mac)
		}
	}
	if len(given) == 0 {
		return fmt.Errorf("the header %s holds no signature of the form that is configured", s.header)
	}
	if err := s.fresh(timestamp, now); err != nil {
		return err
	}
	if !s.anyGood(given, h, timestamp, body) {
		return errors.New("the signature is not that of this body and a known secret")
	}
	return nil
}

// items are the parts of the signature's header.
func (s *signature) items(values []string) []string {
	if s.separator == "" {
		return values
	}
	var items []string
	for _, value := range values {
		for item := range strings.SplitSeq(value, s.separator) {
			items = append(items, strings.TrimSpace(item))
		}
	}
	return items
}

// anyGood compares in constant time, whichever secret and signature agree.
func (s *signature) anyGood(given [][]byte, h http.Header, timestamp string, body []byte) bool {
	good := false
	for _, secret := range s.secrets {
		mac := hmac.New(s.hash, secret)
		for _, part := range s.content {
			switch part {
			case placeBody:
				mac.Write(body)
			case placeTimestamp:
				mac.Write([]byte(timestamp))
			case placeID:
				mac.Write([]byte(h.Get(s.idHeader)))
			default:
				mac.Write([]byte(part))
			}
		}
		want := mac.Sum(nil)
		for _, g := range given {
			good = hmac.Equal(g, want) || good
		}
	}
	return good
}

// fresh refuses requests of another time, which somebody may have recorded.
func (s *signature) fresh(timestamp string, now time.Time) error {
	if s.tolerance == 0 {
		return nil
	}
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil || seconds < 0 {
		return errors.New("the signature's timestamp is missing, or no number of seconds")
	}
	if off := now.Unix() - seconds; off > int64(s.tolerance/time.Second) || -off > int64(s.tolerance/time.Second) {
		return fmt.Errorf("the signature's timestamp is further than %s from now: look at the clocks", s.tolerance)
	}
	return nil
}
