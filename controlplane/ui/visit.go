package ui

import (
	"bytes"
	"context"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"

	"go.uber.org/zap"

	"weir/controlplane/api"
)

//go:embed templates/*.html
var templateFiles embed.FS

//go:embed assets/*
var assetFiles embed.FS

// pages are the templates by page, each with the frame around it.
type pages map[string]*template.Template

// parsePages reads the templates, which are part of the program: an error is a
// mistake in them.
func parsePages() pages {
	frame := template.Must(template.New("frame").Funcs(functions).ParseFS(templateFiles, "templates/frame.html", "templates/parts.html"))
	names, err := fs.Glob(templateFiles, "templates/*.html")
	if err != nil {
		panic(err)
	}
	all := pages{}
	for _, name := range names {
		base := strings.TrimSuffix(path.Base(name), ".html")
		if base == "frame" || base == "parts" {
			continue
		}
		all[base] = template.Must(template.Must(frame.Clone()).ParseFS(templateFiles, name))
	}
	return all
}

// fragment renders one named part of a page.
func (p pages) fragment(page, part string, data any) (string, error) {
	var b bytes.Buffer
	if err := p[page].ExecuteTemplate(&b, part, data); err != nil {
		return "", fmt.Errorf("part %s of page %s: %w", part, page, err)
	}
	return b.String(), nil
}

// visit is one request for a page.
type visit struct {
	w      http.ResponseWriter
	r      *http.Request
	status int // of the page; 0 is 200
}

// frame is what every page has around it.
type frame struct {
	Title   string
	Section string // of the navigation
	Events  string // path of the page's events, empty when it does not live
	Theme   string // light or dark; empty: as the browser wants it
	Version string
	Server  string // NATS
	Here    string // path and query of this page
	Query   string // of the search
	Held    uint64 // documents in quarantine
	Page    any    // what the page itself shows
	Trouble *trouble
}

// trouble is a page that cannot be shown.
type trouble struct {
	Message string
	Fix     string
	Again   string // where to try again; empty when that is no use
	status  int
}

// missing is what a page asked for and is not there.
type missing struct{ what, fix string }

func (e *missing) Error() string { return e.what }

// page serves a page within the time limit, and shows its error as a page.
func (u *UI) page(show func(*visit) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), readTimeout)
		defer cancel()
		v := &visit{w: w, r: r.WithContext(ctx)}
		if err := show(v); err != nil {
			u.trouble(v, err)
		}
	})
}

// trouble shows what went wrong, and what to do.
func (u *UI) trouble(v *visit, err error) {
	t := u.explain(err)
	if v.r.Method == http.MethodGet && t.status != http.StatusNotFound {
		t.Again = v.r.URL.RequestURI()
	}
	v.status = t.status
	if err := u.show(v, "trouble", frame{Title: "Not shown", Trouble: t}); err != nil {
		u.o.Log.Error("page of an error", zap.Error(err))
	}
}

func (u *UI) explain(err error) *trouble {
	var (
		gone    *missing
		refused *api.Error
	)
	switch {
	case errors.As(err, &gone):
		return &trouble{Message: gone.what, Fix: gone.fix, status: http.StatusNotFound}
	case errors.As(err, &refused):
		return &trouble{Message: refused.Message, Fix: refused.Fix, status: refused.Status()}
	}
	if server, connected := u.o.Reads.Connected(); !connected {
		return &trouble{Message: "NATS is away: " + server + " does not answer.", Fix: "Tasks wait and go on by themselves when it is back. Start the server again, or look at the network between.", status: http.StatusServiceUnavailable}
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return &trouble{Message: "NATS did not answer within " + readTimeout.String() + ".", Fix: "Try again; if it stays so, look at the server's load and its disk.", status: http.StatusServiceUnavailable}
	}
	u.o.Log.Warn("page", zap.Error(err))
	return &trouble{Message: err.Error(), status: http.StatusInternalServerError}
}

// show renders a page as a whole, so that an error in it is not half a page.
func (u *UI) show(v *visit, page string, f frame) error {
	f.Version, f.Here, f.Query = u.o.Version, v.r.URL.RequestURI(), v.r.URL.Query().Get("q")
	f.Server, _ = u.o.Reads.Connected()
	now, _ := u.live.latest()
	f.Held = now.quarantined
	f.Theme = themeOf(v.r)
	var b bytes.Buffer
	if err := u.pages[page].ExecuteTemplate(&b, "frame.html", f); err != nil {
		return fmt.Errorf("page %s: %w", page, err)
	}
	v.w.Header().Set("Content-Type", "text/html; charset=utf-8")
	if v.status > 0 {
		v.w.WriteHeader(v.status)
	}
	_, _ = b.WriteTo(v.w) // who went away is told nothing
	return nil
}

const themeCookie = "weir-theme"

func themeOf(r *http.Request) string {
	if c, err := r.Cookie(themeCookie); err == nil && (c.Value == "dark" || c.Value == "light") {
		return c.Value
	}
	return ""
}

// theme sets dark or light, or leaves it to the browser.
func (u *UI) theme(v *visit) error {
	c := &http.Cookie{Name: themeCookie, Value: v.r.PostFormValue("theme"), Path: "/", MaxAge: 365 * 24 * 60 * 60, HttpOnly: true, SameSite: http.SameSiteStrictMode} //nolint:gosec // no secret: it goes over plain HTTP, too
	if c.Value != "dark" && c.Value != "light" {
		c.Value, c.MaxAge = "", -1
	}
	http.SetCookie(v.w, c)
	v.redirect(v.r.PostFormValue("next"))
	return nil
}

// redirect leads to a path of these pages.
func (v *visit) redirect(path string) {
	path = "/" + strings.TrimLeft(strings.ReplaceAll(path, `\`, "/"), "/")
	http.Redirect(v.w, v.r, path, http.StatusSeeOther) //nolint:gosec // it begins with one slash
}

// asset serves the style, the script and the icon. They change with the program
// only, but a new program must not meet old ones.
func asset(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-cache")
	text, err := assetFiles.ReadFile("assets/" + path.Base(r.PathValue("name")))
	if err != nil {
		http.NotFound(w, r)
		return
	}
	http.ServeContent(w, r, r.PathValue("name"), time.Time{}, bytes.NewReader(text))
}

// Login is the page that asks for the token.
func (u *UI) Login(w http.ResponseWriter, r *http.Request, why string) {
	next := r.URL
	if r.Method == http.MethodPost { // of the form itself
		next.Path, next.RawQuery = r.PostFormValue("next"), ""
	}
	q := next.Query()
	q.Del("token")
	target := next.Path
	if len(q) > 0 {
		target += "?" + q.Encode()
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(http.StatusUnauthorized)
	data := struct{ Why, Next, Theme string }{why, target, themeOf(r)}
	if err := u.pages["login"].ExecuteTemplate(w, "login", data); err != nil {
		u.o.Log.Debug("login page", zap.Error(err)) // most likely who asked went away
	}
}

func (u *UI) notFound(v *visit) error {
	return &missing{"There is no page " + v.r.URL.Path + ".", "Begin at the list of tasks."}
}

func (u *UI) help(v *visit) error { return u.show(v, "help", frame{Title: "Help", Section: "help"}) }
