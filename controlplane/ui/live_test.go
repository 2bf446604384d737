package ui_test

import (
	"fmt"
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
