package main

import (
	"strings"
	"testing"

	"weir/internal/browsertest"
	"weir/internal/weirtest"
	"weir/journal"
)

// pagesFlow has what the pages act on: a collection that quarantines, a task
// that can be paused, and one that a publication takes away.
var pagesFlow = map[string]string{"flow.yaml": `
collections:
  acmeCo/orders:
    key: [/id]
    onInvalid: quarantine
    schema: {type: object, required: [id, n], properties: {id: {type: string}, n: {type: integer}}}
  acmeCo/copies:
    key: [/id]
    schema: {type: object, required: [id], properties: {id: {type: string}}}
    derive:
      using: {copy: {}}
      transforms: [{name: all, source: acmeCo/orders, shuffle: any}]
materializations:
  acmeCo/db:
    endpoint: {sqlite: {path: out.db}}
    bindings: [{source: acmeCo/copies, resource: {table: copies}}]
`}

// TestPages uses the pages of weir up in Chromium, over its real server and
// worker: from the address that logs in to a publication that is brought back.
func TestPages(t *testing.T) {
	isolate(t)
	browser := browsertest.Start(t)
	dir := weirtest.Files(t, pagesFlow)
	r := start(t, "up", dir, "--port", "0", "--data", t.TempDir(), "--http", "127.0.0.1:0")
	t.Cleanup(func() { // behind those of the tabs, which live as long as it serves
		if code := r.stop(t); code != 0 {
			t.Errorf("exit code %d: %s", code, r.problems.String())
		}
	})
	login := pagesAt(t, r)
	base, token, _ := strings.Cut(login, "?token=")
	nats, _, _ := strings.Cut(strings.TrimPrefix(r.await(t, "ready "), "ready "), "\n")
	u := &pagesUser{t: t, tab: browser.Tab(t, base, browsertest.Looks[0]), base: base, nats: nats}

	t.Run("log in", func(t *testing.T) { u.logIn(login, browser.Tab(t, base, browsertest.Looks[2]), token) })
	t.Run("watch", func(*testing.T) { u.watch() })
	t.Run("pause", func(*testing.T) { u.pause() })
	t.Run("quarantine", func(*testing.T) { u.mend() })
	t.Run("revert", func(*testing.T) { u.revert(dir) })
}

// pagesUser is somebody at the pages.
type pagesUser struct {
	t    *testing.T
	tab  *browsertest.Tab
	base string
	nats string
}

// logIn goes by the address that was printed, and in another browser by the
// token.
func (u *pagesUser) logIn(login string, other *browsertest.Tab, token string) {
	u.tab.Open(login)
	if at := u.tab.Value("location.href"); at != u.base {
		u.t.Errorf("the address leads to %s", at)
	}
	u.tab.Await("the page to live", `document.getElementById("live").textContent === "live"`)
	u.tab.AwaitText("NATS " + u.nats)
	u.tab.Shot("up-tasks")
	other.Expect("401")
	other.Open(u.base + "collections/acmeCo/orders?by=key&value=a")
	other.AwaitText("This page wants the token")
	other.Check()
	other.Type("#token", "wrong")
	other.Press("Enter")
	other.AwaitText("That is not the token")
	other.Type("#token", token)
	other.Press("Enter")
	other.Await("where it wanted to go", `location.pathname + location.search === "/collections/acmeCo/orders?by=key&value=a" && document.title.startsWith("acmeCo/orders")`)
}

// watch sees documents arrive, in the list of tasks and in a collection.
func (u *pagesUser) watch() {
	succeed(u.t, `{"id":"a","n":1}`+"\n", "ingest", "acmeCo/orders", "--nats", u.nats)
	u.tab.Await("what the derivation wrote", `document.getElementById("derivation-acmeCo/copies").closest("tr").querySelector("[data-label=out] .total").textContent === "1"`)
	u.tab.Open(u.base + "collections/acmeCo/copies")
	u.tab.AwaitText(`"id":"a"`)
	u.tab.Await("the page to live", `document.getElementById("live").textContent === "live"`)
	succeed(u.t, `{"id":"b","n":2}`+"\n", "ingest", "acmeCo/orders", "--nats", u.nats)
	u.tab.Await("the new document first", `document.querySelector("#documents article b").textContent === "b"`)
	u.tab.Check()
	u.tab.Shot("up-collection")
	u.tab.Open(u.base + "graph")
	u.tab.Await("all of the flow", `document.querySelectorAll(".node").length === 3 && document.querySelectorAll(".edge").length === 2`)
}

// pause lets a task stand still and go on.
func (u *pagesUser) pause() {
	u.tab.Open(u.base + "tasks/derivation/acmeCo/copies")
	u.tab.ClickThrough("#act")
	u.tab.Await("that it is paused", `document.querySelector("#state-of .is-paused")`)
	u.tab.AwaitText("Paused by the pages")
	u.tab.Check()
	u.tab.Shot("up-task-paused")
	succeed(u.t, `{"id":"c","n":3}`+"\n", "ingest", "acmeCo/orders", "--nats", u.nats)
	u.tab.ClickThrough("#act")
	u.tab.Await("that it runs", `document.querySelector("#state-of .is-running")`)
	u.tab.Await("what it missed", `document.querySelector("#numbers").textContent.includes("1 document,")`)
}

// mend brings an invalid document back.
func (u *pagesUser) mend() {
	conn, err := journal.Connect(weirtest.Context(u.t), journal.Options{Plain: true, URL: u.nats, Name: u.t.Name()})
	if err != nil {
		u.t.Fatal(err)
	}
	defer conn.Close()
	weirtest.Send(u.t, conn, "weir.pub.acmeCo/orders", `{"id":"x","n":"<b>one</b>"}`)
	u.tab.Open(u.base + "tasks/inbox/acmeCo/orders")
	u.tab.Await("the quarantined document", `document.querySelector('#numbers a[href^="/quarantine"]')`)
	u.tab.ClickThrough(`#numbers a[href^="/quarantine"]`)
	u.tab.Press("j")
	u.tab.Press("Enter")
	u.tab.AwaitText("Why it is here")
	if marked := u.tab.Value(`document.querySelector("mark").textContent`); marked != `"<b>one</b>"` {
		u.t.Errorf("marked: %s", marked)
	}
	u.tab.Shot("up-quarantined")
	u.tab.Expect("422")
	u.tab.ClickThrough("#retry")
	u.tab.AwaitText("It stays in quarantine")
	u.tab.Type("#document", `{"id":"x","n":1}`)
	u.tab.ClickThrough("#edit")
	u.tab.AwaitText("The document is back in its collection.")
	if got := succeed(u.t, "", "read", "acmeCo/orders", "--key", "x", "--nats", u.nats); got != `{"id":"x","n":1}`+"\n" {
		u.t.Errorf("the collection holds %q", got)
	}
}

// revert brings back what a publication took away.
func (u *pagesUser) revert(dir string) {
	writeFlow(u.t, dir, pagesFlow["flow.yaml"][:strings.Index(pagesFlow["flow.yaml"], "materializations:")])
	succeed(u.t, "", "publish", dir, "--yes", "--nats", u.nats)
	u.tab.Open(u.base + "publications")
	u.tab.AwaitText("remove acmeCo/db")
	u.tab.Press("j", "j", "Enter")
	u.tab.AwaitText("Revert to this")
	u.tab.ClickThrough(`a[href$="/revert"]`)
	u.tab.AwaitText("materialization")
	u.tab.Check()
	u.tab.Shot("up-revert")
	u.tab.Type("#message", "it is needed")
	u.tab.ClickThrough("#revert")
	u.tab.AwaitText("it is needed")
	u.tab.Open(u.base + "tasks/materialization/acmeCo/db")
	u.tab.Await("that it runs again", `document.querySelector("#state-of .is-running")`)
}
