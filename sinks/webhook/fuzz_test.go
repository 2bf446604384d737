package webhook

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// FuzzAnswer reads what endpoints say: a pause is never negative nor endless,
// and an excerpt is one short line without secrets.
func FuzzAnswer(f *testing.F) {
	for _, seed := range [][2]string{{"120", "ok"}, {"Thu, 01 Jan 1970 00:01:00 GMT", "no: top-secret\n\x00"}, {"-1", "\xff\xfe"}, {"99999999999999999999", strings.Repeat("top-secret", 60)}} {
		f.Add(seed[0], []byte(seed[1]))
	}
	s := &session{settings: &settings{}}
	s.settings.hidden.Add("top-secret")
	f.Fuzz(func(t *testing.T, after string, answer []byte) {
		if d := retryAfter(after, time.Unix(10, 0)); d < 0 {
			t.Errorf("%q is %s", after, d)
		}
		text := s.excerpt(answer)
		if strings.Contains(text, "top-secret") || strings.ContainsAny(text, "\r\n\t") || len(text) > showAnswer+3 || !utf8.ValidString(text) {
			t.Errorf("%q gives %q", answer, text)
		}
	})
}
