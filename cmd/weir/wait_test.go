package main

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"weir/collection"
	"weir/controlplane/documents"
	"weir/internal/weirtest"
)

// A document is waited for by its key and by what a member of it is, as it
// reduces: in what is there, and then in what comes.
func TestWaitForADocument(t *testing.T) {
	isolate(t)
	dir := weirtest.Files(t, map[string]string{"flow.yaml": `
collections:
  acmeCo/orders:
    key: [/id]
    schema:
      type: object
      required: [id]
      reduce: {strategy: merge}
      properties: {id: {type: [string, integer]}, state: {type: string}, n: {type: integer, reduce: {strategy: sum}}, _meta: {type: object}}
`})
	t.Setenv("NATS_URL", weirtest.Server(t).URL())
	succeed(t, "", "publish", dir)
	refused := func(code int, want string, args ...string) {
		t.Helper()
		if o := weir(t, "", append([]string{"wait"}, args...)...); o.code != code || !strings.HasPrefix(o.problems, "weir: "+want) {
			t.Errorf("wait %s: %d %q, want %d %q", strings.Join(args, " "), o.code, o.problems, code, want)
		}
	}
	document := func(more ...string) []string {
		return append([]string{"acmeCo/orders", "--for", "document", "--timeout", "200ms"}, more...)
	}
	refused(exitNo, "no such document within 200ms: acmeCo/orders holds none [timeout]\n", document()...)
	refused(exitNo, "no such document within 200ms: acmeCo/orders holds none of key o-1 [timeout]\n", document("--key", "o-1")...)
	succeed(t, `{"id":"o-1","state":"open","n":1}`+"\n"+`{"id":"o-1","n":2}`+"\n"+`{"id":17,"state":"paid"}`+"\n", "ingest", "acmeCo/orders")
	succeed(t, "", append([]string{"wait"}, document("--key", "17")...)...)
	succeed(t, "", append([]string{"wait"}, document("--key", "o-1", "--where", "/state=open")...)...)
	succeed(t, "", append([]string{"wait"}, document("--key", "o-1", "--where", "/n=3")...)...)
	refused(exitNo, "no such document within 200ms: /n of key o-1 in acmeCo/orders is 3 [timeout]\n", document("--key", "o-1", "--where", "/n=1")...)
	refused(exitNo, "no such document within 200ms: the one of key 17 in acmeCo/orders has no /n [timeout]\n", document("--key", "17", "--where", "/n=1")...)

	waiting := start(t, "wait", "acmeCo/orders", "--for", "document", "--key", "o-1", "--where", "/state=paid")
	succeed(t, `{"id":"o-1","state":"paid"}`+"\n", "ingest", "acmeCo/orders")
	select {
	case code := <-waiting.ended:
		if waiting.ended <- code; code != 0 {
			t.Errorf("exit code %d: %s", code, waiting.problems.String())
		}
	case <-time.After(weirtest.Patience):
		t.Error("it waits on")
	}

	refused(exitInvalid, "--key and --where say which document: they do not go with --for running [usage]\n  do: add --for document\n", "--for", "running", "--key", "1")
	refused(exitInvalid, "--where is about the document of a key [usage]\n  do: give --key as well\n", document("--where", "/n=1")...)
	refused(exitInvalid, "--where n has no value [usage]\n  do: write /pointer=value, as in --where /status=paid\n", document("--key", "17", "--where", "n")...)
	refused(exitInvalid, "--key is of one collection [usage]\n  do: name one collection\n", document("acmeCo/others", "--key", "17")...)
}

// States that were before the wait began are over; of those that come, none is
// missed.
func TestWaitMissesNoState(t *testing.T) {
	c, err := collection.New(weirtest.Load(t, weirtest.Files(t, map[string]string{"flow.yaml": `
collections:
  acmeCo/orders:
    key: [/id]
    schema: {type: object, required: [id], properties: {id: {type: string}, state: {type: string}}}
`})).Collections["acmeCo/orders"])
	if err != nil {
		t.Fatal(err)
	}
	w, err := (&documentFlags{key: []string{"o-1"}, where: "/state=paid"}).watch(c)
	if err != nil {
		t.Fatal(err)
	}
	defer w.combiner.Close()
	is := func(state string) error {
		return w.take(documents.Document{Data: json.RawMessage(`{"id":"o-1","state":"` + state + `"}`)})
	}
	if err := errors.Join(is("paid"), is("shipped"), w.look()); err != nil {
		t.Errorf("what is over: %v", err)
	}
	w.live = true
	if err := errors.Join(is("open"), is("shipped")); err != nil {
		t.Errorf("other states: %v", err)
	}
	if err := is("paid"); !errors.Is(err, errEnough) {
		t.Errorf("the state: %v", err)
	}
}
