package http

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"weir/sources"
	"weir/sources/sourcestest"
)

const conformanceSecret = "conformance-secret-token"

func TestConformance(t *testing.T) {
	sourcestest.Conformance(t, func(t *testing.T) sourcestest.Harness {
		s := newStand(t)
		bring := func(ctx context.Context, binding int, doc string) error {
			path := []string{"/orders", "/hooks/acme"}[binding]
			req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+s.Addr(anyPort)+path, strings.NewReader(doc))
			if err != nil {
				return err
			}
			req.Header.Set("Content-Type", "application/json")
			req.Header.Set("Authorization", "Bearer "+conformanceSecret)
			res, err := http.DefaultClient.Do(req)
			if err != nil {
				return err
			}
			defer res.Body.Close()
			body, err := io.ReadAll(res.Body)
			if err == nil && res.StatusCode != http.StatusOK {
				err = fmt.Errorf("%s: %s", res.Status, body)
			}
			return err
		}
		first, second := bindingTo(t, `{"path":"/orders"}`), bindingTo(t, `{"path":"/hooks/{x}"}`)
		first.StateKey, second.StateKey = "", ""
		return sourcestest.Harness{
			Source:         s.Source,
			Config:         json.RawMessage(`{"listen":"` + anyPort + `","tokens":["` + conformanceSecret + `"]}`),
			Bindings:       []sources.Binding{first, second},
			Documents:      [][]string{{`{"id":"a"}`, `{"id":"b"}`, `{"id":"c"}`}, {`{"id":"d"}`, `{"id":"e"}`}},
			Unacknowledged: sourcestest.Refused,
			Bring:          bring,
			Big:            func(size int) string { return `{"id":"` + strings.Repeat("x", size-10) + `"}` },
			Secret:         conformanceSecret,
			Unreachable:    json.RawMessage(`{"listen":"192.0.2.1:8088","tokens":["` + conformanceSecret + `"]}`), // an address that this machine has not
		}
	})
}
