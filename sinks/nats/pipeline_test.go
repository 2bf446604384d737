package nats

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/nats-io/nats.go/jetstream"

	"weir/internal/weirtest"
	"weir/sinks"
	"weir/sources"
	source "weir/sources/nats"
	"weir/worker"
)

const pipelineFlow = `
captures:
  acmeCo/in:
    endpoint: {nats: {url: "%s"}}
    bindings:
      - resource: {stream: IN, filter: in.*.*, fields: {region: "{{wildcard(1)}}"}}
        target: acmeCo/events
collections:
  acmeCo/events:
    key: [/id]
    schema: {type: object, required: [id, region], properties: {id: {type: integer}, region: {type: string}, n: {type: integer}}}
  acmeCo/totals:
    key: [/region]
    schema:
      type: object
      reduce: {strategy: merge}
      required: [region]
      properties: {region: {type: string}, n: {type: integer, reduce: {strategy: sum}}, events: {type: integer, reduce: {strategy: sum}}}
    derive:
      using: {javascript: {module: totals.js}}
      transforms: [{name: fromEvents, source: acmeCo/events, shuffle: any}]
materializations:
  acmeCo/out:
    endpoint: {nats: {url: "%[1]s"}}
    bindings:
      - {source: acmeCo/totals, resource: {stream: OUT, subject: "totals.{region}", create: {storage: memory}}}
      - {source: acmeCo/events, resource: {stream: OUT, subject: "events.{region}.{id}", deltaUpdates: true, create: {}}}
  acmeCo/bucket:
    endpoint: {nats: {url: "%[1]s"}}
    bindings:
      - {source: acmeCo/totals, resource: {bucket: totals, key: "{region}", create: {storage: memory}}}
`

// cutter makes a worker fail at points of its tasks, by how often it came there.
type cutter struct {
	mu   sync.Mutex
	seen map[string]int
	cuts int
}

var points = map[string]int{"sink.commit.after": 2, "sink.commit.before": 5, "acknowledge.after": 2, "stage.after": 6}

func (c *cutter) cut(task, point string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen[task+" "+point]++
	if c.seen[task+" "+point] == points[point] {
		c.cuts++
		return errors.New("cut at " + point)
	}
	return nil
}

// TestPipeline takes messages from a stream through a collection and sums of it
// back to a stream and a bucket, while tasks fail between the steps of their
// commits and workers are stopped: every message counts once.
func TestPipeline(t *testing.T) {
	s := weirtest.Server(t)
	e := connectTo(t, s.URL())
	e.Stream(jetstream.StreamConfig{Name: "IN", Subjects: []string{"in.>"}})
	conn, dir := weirtest.Connect(t, s), t.TempDir()
	weirtest.Publish(t, conn, weirtest.Files(t, map[string]string{
		"flow.yaml": fmt.Sprintf(pipelineFlow, s.URL()),
		"totals.js": `export function fromEvents({ doc }) { return { region: doc.region, n: doc.n, events: 1 }; }`,
	}))
	o := weirtest.Options(t, conn, dir)
	o.Sources = sources.Registry{"nats": source.New()}
	o.Sinks = sinks.Registry{"nats": New()}
	c := &cutter{seen: map[string]int{}}
	o.Cut = c.cut
	next, sums, events := 0, map[string]int{}, map[string]int{}
	regions := []string{"EU", "US", "a.b"}
	for range 3 {
		w, stop := weirtest.Run(t, o)
		for range 4 {
			for range 400 {
				region := regions[next%3]
				if _, err := e.JS.PublishAsync("in."+strings.ReplaceAll(region, ".", "-")+".x", []byte(fmt.Sprintf(`{"id":%d,"n":%d,"region":%q}`, next, next%7, region))); err != nil {
					t.Fatal(err)
				}
				sums[region] += next % 7
				events[region]++
				next++
			}
			<-e.JS.PublishAsyncComplete()
			e.captured(w, next)
		}
		weirtest.ReadThrough(t, w, conn, worker.KindDerivation, "acmeCo/totals", "acmeCo/events")
		for _, m := range []string{"acmeCo/out", "acmeCo/bucket"} {
			weirtest.ReadThrough(t, w, conn, worker.KindMaterialization, m, "acmeCo/totals")
		}
		weirtest.ReadThrough(t, w, conn, worker.KindMaterialization, "acmeCo/out", "acmeCo/events", "acmeCo/totals")
		stop()
	}
	if c.cuts < 6 {
		t.Errorf("%d cuts at %v", c.cuts, c.seen)
	}
	if n := len(e.messages("OUT", "events.>")); n != next {
		t.Errorf("%d changes of %d events", n, next)
	}
	want := map[string]string{}
	for region := range sums {
		want[region] = fmt.Sprint(sums[region], events[region])
	}
	for _, where := range [][2]string{{"OUT", "totals.>"}, {"KV_totals", "$KV.totals.>"}} {
		got := map[string]string{}
		for _, text := range e.documents(where[0], where[1], false) {
			var doc struct {
				Region    string
				N, Events int
			}
			if err := json.Unmarshal([]byte(text), &doc); err != nil {
				t.Fatal(err)
			}
			got[doc.Region] = fmt.Sprint(doc.N, doc.Events)
		}
		weirtest.Same(t, where[0], got, want)
	}
}

// captured waits until the collection holds so many events.
func (e *endpoint) captured(w *worker.Worker, n int) {
	e.Helper()
	stream, err := e.JS.Stream(weirtest.Context(e), "acmeCo=events")
	if err != nil {
		e.Fatal(err)
	}
	held := 0
	err = w.Wait(weirtest.Context(e), func([]worker.Status) bool {
		info, err := stream.Info(weirtest.Context(e), jetstream.WithSubjectFilter("weir.doc.acmeCo/events.>"))
		if err != nil {
			e.Error(err)
			return true
		}
		held = len(info.State.Subjects)
		return held >= n
	})
	if err != nil {
		e.Fatalf("%d events of %d: %v", held, n, err)
	}
}
