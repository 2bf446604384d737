package secrets

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

const (
	shortest = 4  // bytes of a value that is looked for: less would be found everywhere
	longLine = 16 // bytes of a line of a value that is looked for alone
	core64   = 8  // bytes of a value's middle in base64 that are looked for
)

// Redactor takes secret values out of texts. The zero value knows none. A nil
// one changes nothing. It is safe for concurrent use.
type Redactor struct {
	mu    sync.Mutex
	known map[string]struct{} // forms
	now   atomic.Pointer[strings.Replacer]
}

// Add makes values known, with the forms that they take in URLs, in JSON, in
// quotes and in base64. A value of less than four bytes is not looked for.
func (r *Redactor) Add(values ...string) {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	before := len(r.known)
	for _, value := range values {
		for _, part := range parts(value) {
			for _, form := range forms(part) {
				if len(form) >= shortest {
					if r.known == nil {
						r.known = map[string]struct{}{}
					}
					r.known[form] = struct{}{}
				}
			}
		}
	}
	if len(r.known) == before {
		return
	}
	all := make([]string, 0, len(r.known))
	for form := range r.known {
		all = append(all, form)
	}
	// Of two that begin at one place the longer one is taken.
	slices.SortFunc(all, func(a, b string) int { return cmp.Or(cmp.Compare(len(b), len(a)), cmp.Compare(a, b)) })
	pairs := make([]string, 0, 2*len(all))
	for _, form := range all {
		pairs = append(pairs, form, Masked)
	}
	r.now.Store(strings.NewReplacer(pairs...))
}

// parts gives what of a value is secret by itself: the value, its longer lines,
// what follows the scheme of an Authorization header, and a URL's user, if that
// is a token, and password.
func parts(value string) []string {
	out := []string{value}
	if scheme, rest, ok := strings.Cut(value, " "); ok && slices.Contains([]string{"basic", "bearer", "token"}, strings.ToLower(scheme)) {
		out = append(out, strings.TrimSpace(rest))
	}
	if strings.ContainsAny(value, "\r\n") {
		for _, line := range strings.FieldsFunc(value, func(c rune) bool { return c == '\r' || c == '\n' }) {
			if len(line) >= longLine {
				out = append(out, line)
			}
		}
	}
	if password := passwordIn(value); password != "" {
		out = append(out, password)
		if plain, err := url.PathUnescape(password); err == nil {
			out = append(out, plain)
		}
	}
	return out
}

// forms gives what a value looks like in texts.
func forms(value string) []string {
	if len(value) < shortest {
		return nil
	}
	out := []string{value, url.QueryEscape(value), url.PathEscape(value), url.UserPassword("u", value).String()[len("u:"):]}
	quoted := fmt.Sprintf("%q", value)
	out = append(out, quoted[1:len(quoted)-1])
	if text, err := json.Marshal(value); err == nil {
		out = append(out, string(text[1:len(text)-1]))
	}
	if text, err := encode(value); err == nil {
		out = append(out, string(text[1:len(text)-1]))
	}
	// In base64 a value stands in one of three forms, by what is before it, and
	// its ends depend on its neighbours.
	for shift := range 3 {
		padded := append(make([]byte, shift), value...)
		from, through := (shift*8+5)/6, len(padded)*8/6
		for _, encoding := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
			if text := encoding.EncodeToString(padded); through-from >= core64 {
				out = append(out, text[from:through])
			}
		}
	}
	return out
}

// Text gives a text without the values.
func (r *Redactor) Text(text string) string {
	if r == nil {
		return text
	}
	if now := r.now.Load(); now != nil {
		return now.Replace(text)
	}
	return text
}

// Error gives an error whose text is without the values. Errors behind it are
// still found with errors.Is and errors.As.
func (r *Redactor) Error(err error) error {
	if err == nil || r == nil {
		return err
	}
	if was := err.Error(); r.Text(was) != was {
		return &redacted{text: r.Text(was), err: err}
	}
	return err
}

type redacted struct {
	text string
	err  error
}

func (e *redacted) Error() string        { return e.text }
func (e *redacted) Is(target error) bool { return errors.Is(e.err, target) }
func (e *redacted) As(target any) bool   { return errors.As(e.err, target) }
