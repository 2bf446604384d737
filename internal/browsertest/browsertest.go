// Package browsertest looks at pages as people do: in a headless Chromium, whose
// complaints, requests and screenshots a test can look at.
package browsertest

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// Patience is how long a page may take for what must come.
const Patience = 30 * time.Second

// Browser is a running Chromium.
type Browser struct{ ctx context.Context }

// Start runs Chromium until the test ends. Where there is none the test is
// skipped; in CI, which installs it, that is a failure.
func Start(t *testing.T) *Browser {
	t.Helper()
	path := find()
	if path == "" {
		const reason = "there is no Chromium here: install the package chromium, and these tests look at the pages"
		if os.Getenv("CI") == "true" {
			t.Fatal(reason)
		}
		t.Skip(reason)
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.UserDataDir(t.TempDir()), chromedp.NoSandbox, // it runs as root in containers, and sees our own pages only
		chromedp.Flag("disable-dev-shm-usage", true), chromedp.Flag("force-color-profile", "srgb"))
	allocated, release := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, cancel := chromedp.NewContext(allocated)
	t.Cleanup(func() {
		if err := chromedp.Cancel(ctx); err != nil && !errors.Is(err, context.Canceled) {
			t.Logf("end Chromium: %v", err)
		}
		cancel()
		release()
	})
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("start %s: %v", path, err)
	}
	return &Browser{ctx: ctx}
}

func find() string {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

// Look is how a page is looked at.
type Look struct {
	Name   string
	Width  int
	Height int
	Dark   bool
}

// Looks are those that every page must stand.
var Looks = []Look{
	{"light", 1280, 900, false},
	{"dark", 1280, 900, true},
	{"phone", 360, 740, false},
}

// Tab is one tab with what its pages complained of. Its methods fail the test.
type Tab struct {
	t    *testing.T
	ctx  context.Context
	host string

	mu         sync.Mutex
	complaints []string
	expected   []string
}

// Tab opens a tab with cookies of its own, which the test's end closes. All that
// its pages ask for must come from the host of base.
func (b *Browser) Tab(t *testing.T, base string, look Look) *Tab {
	t.Helper()
	u, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := chromedp.NewContext(b.ctx, chromedp.WithNewBrowserContext())
	p := &Tab{t: t, ctx: ctx, host: u.Host}
	if err := chromedp.Listen(ctx, p.listen); err != nil {
		t.Fatal(err)
	}
	scheme := "light"
	if look.Dark {
		scheme = "dark"
	}
	features := []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"}}
	p.do(chromedp.EmulateViewport(int64(look.Width), int64(look.Height)))
	_, err = chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: features})
	if err == nil {
		_, err = chromedp.Call(ctx, network.Enable, network.EnableParams{})
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		p.mu.Lock()
		defer p.mu.Unlock()
		for _, c := range p.complaints {
			t.Errorf("the browser complains: %s", c)
		}
	})
	return p
}

// listen notes what a page must not do.
func (p *Tab) listen(event any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	complain := func(format string, args ...any) {
		text := fmt.Sprintf(format, args...)
		for _, e := range p.expected {
			if strings.Contains(text, e) {
				return
			}
		}
		p.complaints = append(p.complaints, text)
	}
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		complain("exception: %s %s", e.ExceptionDetails.Text, describe(e.ExceptionDetails.Exception))
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeWarning {
			complain("console: %s", describe(e.Args...))
		}
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError || e.Entry.Level == log.EntryLevelWarning {
			complain("log: %s %s", e.Entry.Text, e.Entry.URL)
		}
	case *network.EventRequestWillBeSent:
		if u, err := url.Parse(e.Request.URL); err != nil || u.Host != p.host && u.Scheme != "data" {
			complain("request to another host: %s", e.Request.URL)
		}
	}
}

// Expect lets a complaint pass that a test causes itself.
func (p *Tab) Expect(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.expected = append(p.expected, text)
}

// describe spells values of a page.
func describe(values ...*runtime.RemoteObject) string {
	var out []string
	for _, v := range values {
		if v != nil {
			out = append(out, v.Description+string(v.Value))
		}
	}
	return strings.Join(out, " ")
}

func (p *Tab) do(actions ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, Patience)
	defer cancel()
	if err := chromedp.Do(ctx, actions...); err != nil {
		p.t.Fatalf("%v; the page shows:\n%s", err, p.shown())
	}
}

// evaluate gives the value of an expression.
func evaluate[T any](p *Tab, expression string) (T, error) {
	ctx, cancel := context.WithTimeout(p.ctx, Patience)
	defer cancel()
	return chromedp.Run(ctx, chromedp.Evaluate[T](expression))
}

// shown is the page's text, for messages.
func (p *Tab) shown() string {
	text, err := evaluate[string](p, `location.href + "\n" + document.body.innerText`)
	if err != nil {
		return err.Error()
	}
	return text
}

// Open goes to a page.
func (p *Tab) Open(at string) {
	p.t.Helper()
	p.do(chromedp.Navigate(at))
}

// Await waits until a JavaScript expression is true, over whatever pages there
// are meanwhile.
func (p *Tab) Await(what, expression string) {
	p.t.Helper()
	tick := time.NewTicker(30 * time.Millisecond)
	defer tick.Stop()
	for began := time.Now(); time.Since(began) < Patience; <-tick.C {
		if is, err := evaluate[bool](p, "!!("+expression+")"); err == nil && is { // an error: the page is changing just now
			return
		}
	}
	p.t.Fatalf("waited in vain for %s (%s); the page shows:\n%s", what, expression, p.shown())
}

// AwaitText waits until the page shows a text.
func (p *Tab) AwaitText(text string) {
	p.t.Helper()
	p.Await("the text "+text, fmt.Sprintf("document.body?.innerText.includes(%q)", text))
}

// Value gives the value of an expression as text.
func (p *Tab) Value(expression string) string {
	p.t.Helper()
	value, err := evaluate[string](p, "String("+expression+")")
	if err != nil {
		p.t.Fatalf("%s: %v", expression, err)
	}
	return value
}

// Click clicks the first element of a selector, once it is visible.
func (p *Tab) Click(selector string) {
	p.t.Helper()
	p.do(chromedp.Click(chromedp.CSS(selector)))
}

// PointerDown is the first half of a click on the middle of the first element of
// a selector: the page may change before the other one.
func (p *Tab) PointerDown(selector string) {
	p.t.Helper()
	p.pointer(input.DispatchMouseEventTypeMousePressed, selector)
}

// PointerUp is the other half, wherever the element is by then.
func (p *Tab) PointerUp(selector string) {
	p.t.Helper()
	p.pointer(input.DispatchMouseEventTypeMouseReleased, selector)
}

func (p *Tab) pointer(half input.DispatchMouseEventType, selector string) {
	p.t.Helper()
	at, err := evaluate[[]float64](p, fmt.Sprintf(`(b => [b.x + b.width / 2, b.y + b.height / 2])(document.querySelector(%q).getBoundingClientRect())`, selector))
	if err != nil {
		p.t.Fatalf("where %s is: %v", selector, err)
	}
	ctx, cancel := context.WithTimeout(p.ctx, Patience)
	defer cancel()
	_, err = chromedp.Call(ctx, input.DispatchMouseEvent, input.DispatchMouseEventParams{Type: half, X: at[0], Y: at[1], Button: input.MouseButtonLeft, ClickCount: 1})
	if err != nil {
		p.t.Fatalf("%s on %s: %v", half, selector, err)
	}
}

// ClickThrough clicks what leads to another page, or to the same one anew, and
// waits for it.
func (p *Tab) ClickThrough(selector string) {
	p.t.Helper()
	p.Value("window.left = true")
	p.Click(selector)
	p.Await("another page", "!window.left && document.readyState === 'complete'")
}

// Type types text into the first element of a selector, in place of what is
// there.
func (p *Tab) Type(selector, text string) {
	p.t.Helper()
	p.Value(fmt.Sprintf("(e => { e.focus(); e.select(); })(document.querySelector(%q))", selector))
	p.do(chromedp.KeyEvent(text))
}

// Press presses keys, one after the other; "Enter" and "Tab" by their names.
func (p *Tab) Press(keys ...string) {
	p.t.Helper()
	for _, key := range keys {
		switch key {
		case "Enter":
			key = kb.Enter
		case "Tab":
			key = kb.Tab
		}
		p.do(chromedp.KeyEvent(key))
	}
}

// Check looks at what every page must keep: nothing is wider than the window,
// there is one main heading, and everything that can be clicked has a name.
func (p *Tab) Check() {
	p.t.Helper()
	if wide := p.Value(`document.documentElement.scrollWidth > innerWidth ? [...document.querySelectorAll("body *")].filter(e => e.getBoundingClientRect().right > innerWidth + 1).map(e => e.tagName + "." + e.className + "#" + e.id).slice(0, 5).join(" ") || "something" : ""`); wide != "" {
		p.t.Errorf("%s is wider than the window: %s", p.Value("location.pathname"), wide)
	}
	if n := p.Value(`document.querySelectorAll("h1").length + " " + document.querySelectorAll("main").length`); n != "1 1" {
		p.t.Errorf("%s: headings and mains: %s", p.Value("location.pathname"), n)
	}
	if nameless := p.Value(`[...document.querySelectorAll("a, button, input:not([type=hidden]), select, textarea")].filter(e => !(e.innerText || e.textContent || "").trim() && !e.getAttribute("aria-label") && !(e.labels && e.labels.length)).map(e => e.outerHTML).slice(0, 3).join(" ")`); nameless != "" {
		p.t.Errorf("%s: without a name: %s", p.Value("location.pathname"), nameless)
	}
	if faint := p.Value(contrast); faint != "" {
		p.t.Errorf("%s: hard to read: %s", p.Value("location.pathname"), faint)
	}
}

// Shot writes a screenshot of the whole page into the test's output folder, with
// -artifacts: without, nobody looks at it.
func (p *Tab) Shot(name string) {
	p.t.Helper()
	if f := flag.Lookup("test.artifacts"); f == nil || f.Value.String() != "true" {
		return
	}
	ctx, cancel := context.WithTimeout(p.ctx, Patience)
	defer cancel()
	png, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
	if err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(p.t.ArtifactDir(), name+".png"), png, 0o600); err != nil {
		p.t.Fatal(err)
	}
}
