package ui_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"weir/controlplane/api"
	"weir/internal/browsertest"
)

// looked are the pages that are looked at, each with texts that must be there.
var looked = []struct {
	name, path string
	texts      []string
}{
	{"tasks", "/", []string{"failed", "acmeCo/warehouse", "expected number, but got string", "paused by ops@acmeCo", "behind", "2 quarantined"}},
	{"flow", "/graph", []string{"warehouse", "materialization"}},
	{"task-failed", "/tasks/materialization/acmeCo/warehouse", []string{"Why it stands still", "invalid-document", "/amount", "What to do", "12,50", "Try again now", "waiting for less than a second", "task failed", "flow.yaml:42"}},
	{"task-paused", "/tasks/capture/acmeCo/refunds-in", []string{"Paused by ops@acmeCo", "their API is being migrated", "Resume"}},
	{"task-running", "/tasks/derivation/acmeCo/paid-orders", []string{"120k", "Transforms", "Pause", "no room for registers"}},
	{"collections", "/collections", []string{"acmeCo/customer-totals", "derived", "120.3k"}},
	{"collection", "/collections/acmeCo/orders", []string{"ord-61", "<script>", "the whole document", "number of the order", "required", "reduce: sum"}},
	{"collection-sought", "/collections/acmeCo/orders?by=seq&value=2", []string{"ord-2", "Newest, live", "Next documents"}},
	{"collection-problem", "/collections/acmeCo/orders?by=time&value=yesterday", []string{"is no sequence, time or age"}},
	{"quarantine", "/quarantine", []string{"/items/0/qty: expected integer", "it is no JSON"}},
	{"quarantine-none", "/quarantine?task=nobody", []string{"No document is put aside here"}},
	{"quarantined", "/quarantine/7", []string{"Why it is here", "sequence 9 of acmeCo/orders", "Retry as it is", "SKU-1"}},
	{"publications", "/publications", []string{first, "refunds count as negative orders", "create acmeCo/refunds"}},
	{"publication", "/publications/" + second, []string{"fromRefunds is added", "Revert to this"}},
	{"revert", "/publications/" + first + "/revert", []string{"restart", "its progress is forgotten", "Not disturbed: acmeCo/paid-orders"}},
	{"search", "/search?q=acme%20orders", []string{"Found for", "acmeCo/paid-orders"}},
	{"help", "/help", []string{"next and previous row", "stands still until"}},
	{"login", "/login", []string{"wants the token", "http-token"}},
	{"not-there", "/nowhere", []string{"There is no page /nowhere", "List of tasks"}},
}

// TestPagesInChromium looks at each page in light, in dark and as wide as a
// phone, and then uses them as people do.
func TestPagesInChromium(t *testing.T) {
	browser := browsertest.Start(t)
	for _, look := range browsertest.Looks {
		t.Run(look.Name, func(t *testing.T) {
			w := newWorld()
			at := w.pages(t)
			tab := browser.Tab(t, at, look)
			tab.Expect("404")
			tab.Expect("401")
			for _, page := range looked {
				tab.Open(at + page.path)
				for _, text := range page.texts {
					if got := tab.Value(`document.body.textContent`); !strings.Contains(got, text) {
						t.Errorf("%s does not show %q:\n%s", page.path, text, got)
					}
				}
				if title := tab.Value("document.title"); !strings.HasSuffix(title, " · Weir") {
					t.Errorf("%s: its title is %q", page.path, title)
				}
				tab.Check()
				tab.Shot(fmt.Sprintf("%s-%s", page.name, look.Name))
			}
		})
	}
	t.Run("live", func(t *testing.T) { testLive(t, browser) })
	t.Run("tail", func(t *testing.T) { testTail(t, browser) })
	t.Run("hidden", func(t *testing.T) { testHidden(t, browser) })
	t.Run("lists", func(t *testing.T) { testLists(t, browser) })
	t.Run("seek", func(t *testing.T) { testSeek(t, browser) })
	t.Run("used", func(t *testing.T) { testUsed(t, browser) })
	t.Run("keys", func(t *testing.T) { testKeys(t, browser) })
	t.Run("away", func(t *testing.T) { testAway(t, browser) })
	t.Run("theme", func(t *testing.T) { testTheme(t, browser) })
	t.Run("acts", func(t *testing.T) { testActs(t, browser) })
	t.Run("flow", func(t *testing.T) { testFlow(t, browser) })
	t.Run("many", func(t *testing.T) { testMany(t, browser) })
}

// What happens shows on pages that are open.
func testLive(t *testing.T, browser *browsertest.Browser) {
	w := newWorld()
	at := w.pages(t)
	tab := browser.Tab(t, at, browsertest.Looks[0])
	tab.Open(at)
	tab.Await("the page to live", `document.getElementById("live").textContent === "live"`)
	tab.Value(`document.getElementById("materialization-acmeCo/warehouse").focus()`)
	for range 3 {
		w.step()
		tab.Await("another snapshot", fmt.Sprintf("document.querySelector('#tasks').textContent.includes(%q)", count(w.in("acmeCo/paid-orders"))))
	}
	tab.Await("a rate", `/[1-9][0-9.k]*\/s/.test(document.querySelector("#tasks").textContent)`)
	if got := tab.Value("document.activeElement.id"); got != "materialization-acmeCo/warehouse" {
		t.Errorf("the focus went to %q", got)
	}
	tab.Shot("tasks-live")
	tab.Open(at + "/graph")
	w.step()
	tab.Await("rates on edges", `document.querySelectorAll(".rate").length > 0`)
	tab.Check()
	tab.Shot("flow-live")

	tab.Open(at + "/collections/acmeCo/orders")
	tab.Await("the page to live", `document.getElementById("live").textContent === "live"`)
	w.come(1)
	tab.Await("the new document first", `document.querySelector("#documents article").id === "d62"`)
	tab.Click("#hold")
	w.come(1)
	tab.Await("that it is held", `document.getElementById("held").textContent.startsWith("1 new")`)
	if got := tab.Value(`document.querySelector("#documents article").id`); got != "d62" {
		t.Errorf("%s came while it was held", got)
	}
	tab.Press("h")
	tab.Await("the held document", `document.querySelector("#documents article").id === "d63"`)
	tab.Value(`document.getElementById("documents").scrollTo(0, 400)`)
	w.come(1)
	tab.Await("that it waits for the reader", `!document.getElementById("held").hidden`)
	tab.Value(`document.getElementById("documents").scrollTo(0, 0)`)
	tab.Await("what waited", `document.querySelector("#documents article").id === "d64"`)
}

func (w *world) in(name string) uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	i := slices.IndexFunc(w.tasks, func(t api.Task) bool { return t.Name == name })
	return w.tasks[i].In
}

// count spells a number of thousands as the pages do.
func count(n uint64) string {
	return strings.TrimSuffix(fmt.Sprintf("%.1f", float64(n)/1000), ".0") + "k"
}

// Keys lead everywhere, and what they point at can be seen.
func testKeys(t *testing.T, browser *browsertest.Browser) {
	w := newWorld()
	at := w.pages(t)
	tab := browser.Tab(t, at, browsertest.Looks[0])
	tab.Open(at)
	tab.Press("j", "j", "k")
	if got := tab.Value("document.activeElement.id"); got != "materialization-acmeCo/warehouse" {
		t.Errorf("j j k leads to %q", got)
	}
	if outline := tab.Value("getComputedStyle(document.activeElement).outlineStyle"); outline != "solid" {
		t.Errorf("what has the focus is outlined %q", outline)
	}
	tab.Press("Enter")
	tab.Await("the task's page", `location.pathname === "/tasks/materialization/acmeCo/warehouse" && document.readyState === "complete"`)
	for keys, path := range map[string]string{"gg": "/graph", "gc": "/collections", "gq": "/quarantine", "gp": "/publications", "gf": "/", "?": "/help"} {
		tab.Press(strings.Split(keys, "")...)
		tab.Await(keys, fmt.Sprintf("location.pathname === %q && document.readyState === 'complete'", path))
	}
	tab.Press("/")
	tab.Press(strings.Split("refunds-in", "")...)
	tab.Press("Enter")
	tab.Await("the only task that was found", `location.pathname === "/tasks/capture/acmeCo/refunds-in"`)
}

// Buttons do what they say, and what is refused says why.
func testActs(t *testing.T, browser *browsertest.Browser) {
	w := newWorld()
	at := w.pages(t)
	tab := browser.Tab(t, at, browsertest.Looks[0])
	tab.Expect("422")
	for _, path := range []string{"/tasks/capture/acmeCo/refunds-in", "/tasks/derivation/acmeCo/paid-orders"} {
		tab.Open(at + path)
		tab.ClickThrough("#act")
	}
	tab.Open(at + "/quarantine/7")
	if got := tab.Value(`document.querySelector("mark").textContent`); got != `"two"` {
		t.Errorf("marked: %s", got)
	}
	tab.ClickThrough("#retry")
	tab.AwaitText("It stays in quarantine")
	tab.Check()
	tab.Type("#document", `{"id":`)
	tab.ClickThrough("#edit")
	tab.AwaitText("That is no JSON: unexpected end of JSON input")
	tab.Shot("quarantined-refused")
	tab.Type("#document", `{"id":"ord-9","items":[{"sku":"SKU-1","qty": 2}]}`)
	tab.ClickThrough("#edit")
	tab.AwaitText("The document is back in its collection.")
	tab.Open(at + "/quarantine/12")
	tab.Click("#drop")
	if got := tab.Value("location.pathname"); got != "/quarantine/12" {
		t.Errorf("dropped without being sure: %s", got)
	}
	tab.Click("#sure")
	tab.ClickThrough("#drop")
	tab.AwaitText("The document is dropped.")
	tab.Open(at + "/publications/" + first + "/revert")
	tab.Type("#message", "they count wrong")
	tab.ClickThrough("#revert")
	tab.AwaitText("What it did")
	w.mu.Lock()
	defer w.mu.Unlock()
	want := "resume acmeCo/refunds-in; pause acmeCo/paid-orders; retry 7 ; retry 7 {\"id\":\"ord-9\",\"items\":[{\"sku\":\"SKU-1\",\"qty\": 2}]}; drop 12; revert " + first + " " + second + " they count wrong"
	if got := strings.Join(w.acts, "; "); got != want {
		t.Errorf("done: %s\nwant: %s", got, want)
	}
}

// A page says that NATS is away, and goes on when it is back.
func testAway(t *testing.T, browser *browsertest.Browser) {
	w := newWorld()
	at := w.pages(t)
	tab := browser.Tab(t, at, browsertest.Looks[0])
	tab.Expect("503")
	tab.Open(at)
	tab.Await("the page to live", `document.getElementById("live").textContent === "live"`)
	w.setAway(true)
	tab.AwaitText("NATS is away: nats://127.0.0.1:4222 does not answer.")
	tab.Open(at + "/collections")
	tab.AwaitText("This page cannot be shown")
	tab.Check()
	tab.Shot("away")
	w.setAway(false)
	tab.Click("a.button")
	tab.AwaitText("acmeCo/customer-totals")
}

func (w *world) setAway(away bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.away = away
}

// The colours are the browser's, until somebody says otherwise.
func testTheme(t *testing.T, browser *browsertest.Browser) {
	at := newWorld().pages(t)
	tab := browser.Tab(t, at, browsertest.Looks[0])
	tab.Open(at + "/help")
	ground := `getComputedStyle(document.documentElement).backgroundColor`
	light := tab.Value(ground)
	tab.Press("t")
	tab.Await("dark", fmt.Sprintf("%s !== %q && document.readyState === 'complete'", ground, light))
	if got := tab.Value("location.pathname"); got != "/help" {
		t.Errorf("it leads to %s", got)
	}
	tab.Click("#theme .to-light")
	tab.Await("light", fmt.Sprintf("%s === %q", ground, light))
}

// On a phone the flow is a list, what needs somebody first; elsewhere its page
// begins where all others do.
func testFlow(t *testing.T, browser *browsertest.Browser) {
	at := newWorld().pages(t)
	tab := browser.Tab(t, at, browsertest.Looks[2])
	tab.Open(at + "/graph")
	tab.Await("the list", `document.getElementById("as-list").open`)
	if got := tab.Value(`document.querySelector("#flow-list li").textContent`); !strings.HasPrefix(got, "failed acmeCo/warehouse") {
		t.Errorf("it begins with %s", got)
	}
	if got := tab.Value(`document.getElementById("as-list").getBoundingClientRect().top < document.getElementById("flow").getBoundingClientRect().top`); got != "true" {
		t.Error("the graph stands before it")
	}
	tab.Shot("flow-list")
	tab = browser.Tab(t, at, browsertest.Looks[0])
	left := `document.querySelector("h1").getBoundingClientRect().left`
	tab.Open(at + "/graph")
	graph := tab.Value(left)
	if tab.Open(at); tab.Value(left) != graph || tab.Value(`document.getElementById("as-list")`) != "null" {
		t.Errorf("the heading stands at %s and not at %s", graph, tab.Value(left))
	}
}

// A flow of thirty boxes can be read.
func testMany(t *testing.T, browser *browsertest.Browser) {
	w := newWorld()
	w.tasks = nil
	add := func(kind, name string, state string, reads, writes []string) {
		w.tasks = append(w.tasks, api.Task{Kind: kind, Name: "acmeCo/" + name, State: state, Reads: reads, Writes: writes, Endpoint: map[string]string{api.KindCapture: "http", api.KindMaterialization: "postgres"}[kind]})
	}
	names := func(format string, n ...int) (out []string) {
		for _, i := range n {
			out = append(out, fmt.Sprintf("acmeCo/"+format, i))
		}
		return out
	}
	for i := range 5 {
		add(api.KindCapture, fmt.Sprintf("source-%d", i), api.StateRunning, nil, names("events-%d", i))
		add(api.KindInbox, fmt.Sprintf("events-%d", i), api.StateRunning, nil, names("events-%d", i))
		add(api.KindDerivation, fmt.Sprintf("cleaned-events-%d", i), api.StateRunning, names("events-%d", i), names("cleaned-events-%d", i))
		add(api.KindDerivation, fmt.Sprintf("totals-by-customer-and-day-%d", i), api.StateRunning, names("cleaned-events-%d", i, (i+1)%5), names("totals-by-customer-and-day-%d", i))
		add(api.KindMaterialization, fmt.Sprintf("warehouse-%d", i), []string{api.StateRunning, api.StateFailed, api.StatePaused, api.StateRetrying, api.StateRunning}[i], names("totals-by-customer-and-day-%d", i), nil)
		add(api.KindMaterialization, fmt.Sprintf("search-%d", i), api.StateRunning, names("cleaned-events-%d", i), nil)
	}
	at := w.pages(t)
	tab := browser.Tab(t, at, browsertest.Look{Width: 1680, Height: 1000})
	tab.Open(at + "/graph")
	w.step()
	tab.Await("rates", `document.querySelectorAll(".rate").length > 10`)
	if got := tab.Value(`document.querySelectorAll(".node").length`); got != "35" { // and five collections of the fixture
		t.Errorf("%s boxes", got)
	}
	if hit := tab.Value(`[...document.querySelectorAll(".node")].filter((n, i, all) => all.some((m) => { if (m === n) return false; const a = n.querySelector(".box").getBoundingClientRect(), b = m.querySelector(".box").getBoundingClientRect(); return a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom; })).length`); hit != "0" {
		t.Errorf("%s boxes overlap", hit)
	}
	if cut := tab.Value(`(t => t.length - new Set(t).size)([...document.querySelectorAll(".node .name")].map(n => n.textContent))`); cut != "0" {
		t.Errorf("%s names are cut to the same text", cut)
	}
	tab.Check()
	tab.Shot("flow-many")
}
