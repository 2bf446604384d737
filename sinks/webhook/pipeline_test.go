package webhook_test

import (
	"errors"
	"fmt"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync/atomic"
	"testing"

	"weir/internal/weirtest"
	"weir/sinks"
	"weir/sinks/webhook"
	"weir/sources"
	source "weir/sources/http"
	"weir/worker"
)

const flow = `
collections:
  acmeCo/orders:
    key: [/id]
    schema: &order {type: object, required: [id], properties: {id: {type: string}, n: {type: integer}}}
  acmeCo/copies:
    key: [/id]
    schema: *order
materializations:
  acmeCo/out:
    endpoint:
      webhook:
        url: %s
        format: document
        signingSecrets: [whsec_c2VjcmV0LXNlY3JldA==]
    bindings:
      - {source: acmeCo/orders, resource: {path: /copies}}
captures:
  acmeCo/in:
    endpoint:
      http:
        listen: 127.0.0.1:0
        signature: {preset: standard-webhooks, secrets: [whsec_c2VjcmV0LXNlY3JldA==]}
    bindings:
      - {resource: {path: /copies}, target: acmeCo/copies}
`

// TestWholeWay sends a collection to a capture of another one, signed, and
// fails the sending task around its commits: with a document a request the
// keys of what is sent again are known, and each document arrives once.
func TestWholeWay(t *testing.T) {
	conn := weirtest.Connect(t, weirtest.Server(t))
	from := source.New()
	between := httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(&url.URL{Scheme: "http", Host: from.Addr("127.0.0.1:0")}) // the port is drawn when the capture starts
	}})
	defer between.Close()
	c := weirtest.Publish(t, conn, weirtest.Files(t, map[string]string{"flow.yaml": fmt.Sprintf(flow, between.URL)}))
	o := weirtest.Options(t, conn, t.TempDir())
	o.Sources, o.Sinks = sources.Registry{"http": from}, sinks.Registry{"webhook": webhook.New()}
	fails := map[string]*atomic.Int64{"sink.commit.before": {}, "sink.commit.after": {}}
	var failed atomic.Int64
	o.Cut = func(task, point string) error {
		if n := fails[point]; task == "acmeCo/out" && n != nil && n.Add(1) == 2 {
			failed.Add(1)
			return errors.New("cut at " + point)
		}
		return nil
	}
	w, _ := weirtest.Run(t, o)
	weirtest.State(t, w, worker.KindCapture, "acmeCo/in", worker.StateRunning)
	const total = 120
	for n := 0; n < total; n += 20 {
		var docs []string
		for i := range 20 {
			docs = append(docs, fmt.Sprintf(`{"id":"o-%03d","n":%d}`, n+i, n+i))
		}
		weirtest.Ingest(t, conn, c.Collections["acmeCo/orders"], docs...)
		weirtest.ReadThrough(t, w, conn, worker.KindMaterialization, "acmeCo/out", "acmeCo/orders")
	}
	if failed.Load() != int64(len(fails)) {
		t.Fatalf("%d of %d points failed", failed.Load(), len(fails))
	}
	want := weirtest.Reduced(t, conn, c.Collections["acmeCo/orders"])
	weirtest.Same(t, "copies", weirtest.Reduced(t, conn, c.Collections["acmeCo/copies"]), want)
	if n := len(weirtest.Documents(t, conn, "acmeCo/copies")); n != total || len(want) != total {
		t.Errorf("%d copies of %d orders", n, total)
	}
}
