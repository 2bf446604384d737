package ui_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"weir/controlplane/api"
	"weir/internal/browsertest"
)

const isLive = `document.getElementById("live").textContent === "live"`

// A collection that is busy can be looked at.
func testTail(t *testing.T, browser *browsertest.Browser) {
	w := newWorld()
	at := w.pages(t)
	tab := browser.Tab(t, at, browsertest.Looks[0])
	tab.Open(at + "/collections/acmeCo/orders")
	tab.Await("the page to live", isLive)
	w.come(5000)
	tab.Await("the newest document", `document.querySelector("#documents article").id === "d5061"`)
	tab.AwaitText("more not shown: from sequence")
	tab.AwaitText("more just now, not shown")
	tab.Check()
	tab.Shot("collection-busy")
	tab.Press("h")
	w.come(3000)
	tab.Await("that many wait", `document.getElementById("held").textContent.startsWith("3000 new")`)
	tab.Press("h")
	tab.Await("the newest of them", `document.querySelector("#documents article").id === "d8061"`)
	if got := tab.Value(`document.querySelectorAll("#documents > *").length <= 200`); got != "true" {
		t.Error("the list has no end")
	}
}

// A page that is not seen holds no connection, and misses nothing.
func testHidden(t *testing.T, browser *browsertest.Browser) {
	w := newWorld()
	at := w.pages(t)
	tab := browser.Tab(t, at, browsertest.Looks[0])
	see := func(state string, streams int) {
		tab.Value(fmt.Sprintf(`(Object.defineProperty(document, "visibilityState", { value: %q, configurable: true }), document.dispatchEvent(new Event("visibilitychange", { bubbles: true })))`, state))
		w.awaitFollowing(t, streams)
	}
	lines := func(n int) string { return fmt.Sprintf(`document.querySelectorAll("#log .line").length === %d`, n) }
	tab.Open(at + "/tasks/materialization/acmeCo/warehouse")
	tab.Await("the page to live", isLive)
	w.log("a fourth line")
	tab.AwaitText("a fourth line")
	tab.Await("each line once", lines(4))
	see("hidden", 0)
	w.log("a fifth line")
	see("visible", 1)
	tab.AwaitText("a fifth line")
	w.log("a sixth line")
	tab.AwaitText("a sixth line")
	tab.Await("each line once", lines(6))
	w.mu.Lock()
	defer w.mu.Unlock()
	const path = "/events/tasks/materialization/acmeCo/warehouse?after="
	if got := strings.Join(w.asked, " "); got != path+"3 "+path+"4" {
		t.Errorf("asked for %s", got)
	}
}

// Documents that are put aside are seen from every page, and lists follow.
func testLists(t *testing.T, browser *browsertest.Browser) {
	w := newWorld()
	at := w.pages(t)
	tab := browser.Tab(t, at, browsertest.Looks[0])
	tab.Open(at)
	tab.Await("how many are in quarantine", `document.querySelector("#in-quarantine").textContent.trim() === "2"`)
	rows := strings.Fields(tab.Value(`[...document.querySelectorAll("#tasks tbody th a[data-row]")].map(a => a.textContent).join(" ")`))
	if aside, runs := slices.Index(rows, "acmeCo/paid-orders"), slices.Index(rows, "acmeCo/orders"); aside > runs || aside < slices.Index(rows, "acmeCo/customer-totals") {
		t.Errorf("the task that puts documents aside stands in %v", rows)
	}
	tab.Click(`a[href="/quarantine?task=acmeCo%2fpaid-orders"]`)
	tab.Await("the page to live", isLive+` && location.pathname === "/quarantine"`)
	if lines := tab.Value(`[...document.querySelectorAll("#list a")].filter(a => a.textContent === "acmeCo/orders").map(a => a.getClientRects().length).join()`); lines != "1,1" {
		t.Errorf("names of collections stand on %s lines", lines)
	}
	w.release(12)
	tab.Await("the list without it", `document.querySelector("#in-quarantine").textContent.trim() === "1" && document.querySelectorAll("#list tbody tr").length === 1`)
	for _, path := range []string{"/collections", "/publications"} {
		tab.Open(at + path)
		tab.Await("the page to live", isLive)
	}
	tab.Open(at + "/help")
	if got := tab.Value(`getComputedStyle(document.getElementById("live")).display`); got != "none" {
		t.Errorf("an empty line in the footer is shown: %s", got)
	}
}

// Seeking finds what was meant or nothing, and documents stand on one line until
// they are opened.
func testSeek(t *testing.T, browser *browsertest.Browser) {
	w := newWorld()
	at := w.pages(t)
	tab := browser.Tab(t, at, browsertest.Looks[0])
	for _, key := range []string{"null", "[]"} {
		tab.Open(at + "/collections/acmeCo/orders?by=key&value=" + key)
		tab.AwaitText("There is none here.")
	}
	tab.Open(at + "/collections/acmeCo/orders?by=key&value=ord-5")
	if open := tab.Value(`document.querySelectorAll("#documents details[open]").length`); open != "1" {
		t.Errorf("%s documents are open", open)
	}
	tab.Open(at + "/collections/acmeCo/orders")
	tab.Await("the page to live", isLive)
	example := `document.getElementById("value").placeholder`
	for by, want := range map[string]string{"time": "15m, 2h, 3d or 2026-11-26T08:30:00Z", "seq": "1 to 120310", "key": "a value of /id"} {
		tab.Value(fmt.Sprintf(`(s => { s.value = %q; s.dispatchEvent(new Event("change")); })(document.getElementById("by"))`, by))
		if got := tab.Value(example); got != want {
			t.Errorf("by %s: %s", by, got)
		}
	}
	if tall := tab.Value(`[...document.querySelectorAll("#documents article")].filter(a => a.getBoundingClientRect().height > 40).length`); tall != "0" {
		t.Errorf("%s documents take more than a line", tall)
	}
	tab.Click("#d60 summary")
	w.come(1)
	tab.Await("that it waits for the reader", `document.getElementById("held").textContent.startsWith("1 new")`)
	tab.Shot("collection-open")
	tab.Click("#d60 summary")
	tab.Await("what waited", `document.querySelector("#documents article").id === "d62"`)
}

// awaitFollowing waits until browsers have so many connections for events.
func (w *world) awaitFollowing(t *testing.T, streams int) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for began := time.Now(); time.Since(began) < browsertest.Patience; <-tick.C {
		w.mu.Lock()
		now := w.following
		w.mu.Unlock()
		if now == streams {
			return
		}
	}
	t.Fatalf("waited in vain for %d connections", streams)
}

// add adds a task that runs.
func (w *world) add(name string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.tasks = append(w.tasks, api.Task{Kind: api.KindCapture, Name: name, State: api.StateRunning})
}

// What somebody is about to click, or has marked, stays until it is done.
func testUsed(t *testing.T, browser *browsertest.Browser) {
	w := newWorld()
	at := w.pages(t)
	tab := browser.Tab(t, at, browsertest.Looks[0])
	tab.Open(at)
	tab.Await("the page to live", isLive)
	const link = `[id="materialization-acmeCo/warehouse"]`
	running := `document.querySelector("#counts .is-running b").textContent`
	// The counts of states come before the tasks: with the second ones the first tasks have come.
	pass := func() {
		for range 2 {
			before := tab.Value(running)
			w.add("acmeCo/more-" + before)
			tab.Await("another count", fmt.Sprintf("%s !== %q", running, before))
		}
	}
	mark := fmt.Sprintf(`document.querySelector('%s').mine = true`, link)
	same := fmt.Sprintf(`document.querySelector('%s').mine === true`, link)

	tab.Value(mark)
	tab.Value(fmt.Sprintf(`getSelection().selectAllChildren(document.querySelector('%s'))`, link))
	pass()
	if tab.Value(same) != "true" {
		t.Error("marked text was replaced")
	}
	tab.Value("getSelection().removeAllRanges()")
	tab.Await("what came meanwhile", `!`+same)

	tab.Value(mark)
	tab.PointerDown(link)
	pass()
	if tab.Value(same) != "true" {
		t.Error("what is clicked was replaced")
	}
	tab.PointerUp(link)
	tab.Await("the task's page", `location.pathname === "/tasks/materialization/acmeCo/warehouse" && document.readyState === "complete"`)

	tab.Open(at + "/tasks/derivation/acmeCo/paid-orders")
	tab.Value(`document.querySelector("#act").mine = true`)
	tab.Await("the page to live", isLive)
	w.step()
	tab.Await("other numbers", fmt.Sprintf("document.querySelector('#numbers').textContent.includes(%q)", count(w.in("acmeCo/paid-orders"))))
	if tab.Value(`document.querySelector("#act").mine`) != "true" {
		t.Error("a button that is as it was was replaced")
	}
}
