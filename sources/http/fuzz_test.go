package http

import (
	"bytes"
	"encoding/json"
	"errors"
	"testing"

	"weir/sources"
)

// FuzzBody divides bodies of any kind into documents: what is an array or
// lines to encoding/json has the same elements here, and what is refused names
// a place in the body.
func FuzzBody(f *testing.F) {
	for _, seed := range []string{`{"id":"a"}`, `[{"id":"a"},{"id":"b"} ]`, "{\"id\":\"a\"}\n\n{\"id\":\"b\"}\r\n", `[`, `[]]`, `[1,]`, "{}\n[", ` [ {"id" : "\u00e4"} , 3 ] `, "\xff"} {
		f.Add([]byte(seed), false, false)
		f.Add([]byte(seed), true, true)
	}
	checker := target(f, "/id").Checker()
	m := meta{WebhookID: true, ReceivedAt: true}
	f.Fuzz(func(t *testing.T, body []byte, lines, describe bool) {
		b := &budget{limit: 1 << 30}
		in := &intake{checker: checker, limits: sources.Limits{Documents: 100, DocumentBytes: 1 << 20}, hold: &hold{budget: b}}
		if describe {
			in.meta = &metadata{id: "id", names: map[string]bool{}}
			in.meta.names["webhookId"] = m.WebhookID
			in.meta.member("receivedAt", "now")
		}
		take := in.document
		if lines {
			take = in.lines
		}
		err := take(bytes.Clone(body))
		var syntax *syntaxError
		switch {
		case errors.As(err, &syntax):
			if syntax.Offset < 0 || syntax.Offset > len(body) || syntax.Line < 1 || syntax.Column < 1 {
				t.Errorf("%q: %+v", body, syntax)
			}
			return
		case err != nil:
			return
		}
		for i := range in.placed {
			if text := in.placed[i].Doc.Raw(0); !json.Valid(text) || in.placed[i].Subject == "" {
				t.Errorf("%q gives %q", body, text)
			}
		}
		if want, ok := elements(body, lines); ok && want != len(in.placed)+in.invalid {
			t.Errorf("%q has %d documents, not %d", body, want, len(in.placed)+in.invalid)
		}
		in.hold.release()
		if b.used.Load() != 0 {
			t.Errorf("%d bytes are held yet", b.used.Load())
		}
	})
}

// elements counts the documents of a body another way.
func elements(body []byte, lines bool) (n int, ok bool) {
	if lines {
		for line := range bytes.Lines(body) {
			if len(bytes.Trim(line, " \t\r\n")) > 0 {
				n++
			}
		}
		return n, true
	}
	var all []json.RawMessage
	if err := json.Unmarshal(body, &all); err == nil && bytes.HasPrefix(bytes.TrimLeft(body, " \t\r\n"), []byte("[")) {
		return len(all), true
	}
	return 1, json.Valid(body)
}
