package listener

import (
	"encoding/json"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"weir/fault"
)

const (
	tokenField = "token"           // of a URL or a form
	cookieKeep = 30 * 24 * 60 * 60 // seconds
	loginLimit = 16 << 10          // bytes of a form with the token
	LoginPath  = "/login"          // takes the token as a form
	policy     = "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"
)

// guard decides who may come in.
type guard struct {
	token   string
	cookie  string // name; another instance on this host has another
	session string // the cookie's value, which is not the token
	names   []string
	secure  bool
	cross   *http.CrossOriginProtection
	refused func(w http.ResponseWriter, r *http.Request, why string)
}

func newGuard(token string, names []string, secure bool) *guard {
	g := &guard{token: token, names: names, secure: secure, cross: http.NewCrossOriginProtection()}
	// Browsers keep cookies by host, whatever the port: two instances must not
	// log each other out.
	g.cookie, g.session = "weir-"+derive(token, "name")[:8], derive(token, "session")
	g.refused = func(w http.ResponseWriter, _ *http.Request, why string) {
		http.Error(w, why, http.StatusUnauthorized)
	}
	return g
}

// around is what every request passes, with or without a token.
func (g *guard) around(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin") // not less: browsers would hide a form's origin, too
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		if !g.bearer(r) && !g.known(r.Host) {
			WriteProblem(w, http.StatusForbidden, Problem{Code: fault.HostUnknown,
				Message: "requests for host " + excerpt(r.Host) + " are not answered here",
				Fix:     "use the machine's address or localhost, or start weir with --http-name " + excerpt(hostOnly(r.Host))})
			return
		}
		if err := g.cross.Check(r); err != nil {
			WriteProblem(w, http.StatusForbidden, Problem{Code: fault.CrossSite, Message: "a page of another site sent this request: it changes nothing here",
				Fix: "send it from Weir's own pages, or from a program with `Authorization: Bearer TOKEN`"})
			return
		}
		if r.URL.Path == LoginPath && r.Method == http.MethodPost {
			g.login(w, r)
			return
		}
		if r.Method == http.MethodGet && r.URL.Query().Has(tokenField) {
			g.exchange(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// known says whether a Host is one that a page of the web cannot have chosen.
func (g *guard) known(host string) bool {
	host = hostOnly(host)
	if strings.EqualFold(host, "localhost") {
		return true
	}
	if _, err := netip.ParseAddr(host); err == nil {
		return true
	}
	return slices.ContainsFunc(g.names, func(name string) bool { return name != "" && strings.EqualFold(name, host) })
}

// hostOnly is a Host without its port and without the brackets of IPv6.
func hostOnly(host string) string {
	if h, _, err := net.SplitHostPort(host); err == nil {
		return h
	}
	return strings.Trim(host, "[]")
}

// only lets in who has the token.
func (g *guard) only(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if g.bearer(r) || g.loggedIn(r) {
			next.ServeHTTP(w, r)
			return
		}
		g.refuse(w, r, "This page wants the token of this Weir.")
	})
}

// refuse asks a person for the token, and tells a program.
func (g *guard) refuse(w http.ResponseWriter, r *http.Request, why string) {
	w.Header().Set("WWW-Authenticate", `Bearer realm="weir"`)
	if strings.HasPrefix(r.URL.Path, "/api/") || !strings.Contains(r.Header.Get("Accept"), "text/html") {
		WriteProblem(w, http.StatusUnauthorized, Problem{Code: fault.Unauthorized, Message: "the request has no token, or a wrong one",
			Fix: "send `Authorization: Bearer TOKEN`; the token stands in the file http-token of weir's data directory"})
		return
	}
	g.refused(w, r, why)
}

func (g *guard) bearer(r *http.Request) bool {
	scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " ")
	return ok && strings.EqualFold(scheme, "Bearer") && same(strings.TrimSpace(token), g.token)
}

func (g *guard) loggedIn(r *http.Request) bool {
	c, err := r.Cookie(g.cookie)
	return err == nil && same(c.Value, g.session)
}

// exchange turns a URL's token into the cookie, and leads to the URL without
// it: it must not stay in the address line, nor in a history.
func (g *guard) exchange(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	if !same(q.Get(tokenField), g.token) {
		g.refuse(w, r, "The token of that address is not the one of this Weir.")
		return
	}
	q.Del(tokenField)
	target := local(r.URL.EscapedPath())
	if rest := q.Encode(); rest != "" {
		target += "?" + rest
	}
	g.enter(w, r, target)
}

// login takes the token from the page that asks for it.
func (g *guard) login(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, loginLimit)
	if err := r.ParseForm(); err != nil || !same(strings.TrimSpace(r.PostForm.Get(tokenField)), g.token) {
		g.refuse(w, r, "That is not the token of this Weir.")
		return
	}
	g.enter(w, r, local(r.PostForm.Get("next")))
}

func (g *guard) enter(w http.ResponseWriter, r *http.Request, target string) {
	http.SetCookie(w, &http.Cookie{Name: g.cookie, Value: g.session, Path: "/", MaxAge: cookieKeep, HttpOnly: true, Secure: g.secure, SameSite: http.SameSiteStrictMode}) //nolint:gosec // Secure where it is HTTPS
	http.Redirect(w, r, target, http.StatusSeeOther)                                                                                                                      //nolint:gosec // local made it a path of this listener
}

// local makes a path that leads nowhere else: "//host" would.
func local(path string) string {
	return "/" + strings.TrimLeft(strings.ReplaceAll(path, `\`, "/"), "/")
}

// Problem is an error as the API answers it.
type Problem struct {
	Code    fault.Code `json:"code"`
	Message string     `json:"message"`
	Place   string     `json:"place,omitempty"` // file and line, document, subject
	Fix     string     `json:"fix,omitempty"`
}

// WriteProblem answers with a problem.
func WriteProblem(w http.ResponseWriter, status int, p Problem) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]Problem{"error": p}) // who went away is told nothing
}

// excerpt keeps a foreign text short and on one line.
func excerpt(text string) string {
	text = strings.Map(func(c rune) rune {
		if c < ' ' || c == 127 {
			return -1
		}
		return c
	}, text)
	return text[:min(len(text), 100)]
}
