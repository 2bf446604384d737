package listener_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap/zaptest"

	"weir/controlplane/listener"
)

// serve runs a listener with a page behind the token and one beside it.
func serve(t *testing.T, o listener.Options) *listener.Listener {
	t.Helper()
	if o.Addr == "" {
		o.Addr = "127.0.0.1:0"
	}
	if o.TokenFile == "" {
		o.TokenFile = filepath.Join(t.TempDir(), "http-token")
	}
	o.Log = zaptest.NewLogger(t)
	l, err := listener.Listen(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	say := func(text string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, text+" "+r.URL.RequestURI()) })
	}
	l.Handle("/", say("inside"))
	l.Open("/livez", say("alive"))
	l.Refused(func(w http.ResponseWriter, _ *http.Request, why string) {
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = io.WriteString(w, "<p>"+why)
	})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- l.Serve(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return l
}

func token(t *testing.T, l *listener.Listener) string {
	t.Helper()
	u, err := url.Parse(l.LoginURL())
	if err != nil {
		t.Fatal(err)
	}
	return u.Query().Get("token")
}

// answer is what came back.
type answer struct {
	status int
	body   string
	header http.Header
}

// ask sends a request that no redirect is followed of.
func ask(t *testing.T, method, target string, header map[string]string, body string) answer {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, target, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range header {
		if name == "Host" {
			r.Host = value
			continue
		}
		r.Header.Set(name, value)
	}
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{resp.StatusCode, string(text), resp.Header}
}

// code is that of a problem.
func (a answer) code(t *testing.T) string {
	t.Helper()
	var all struct{ Error listener.Problem }
	if err := json.Unmarshal([]byte(a.body), &all); err != nil || all.Error.Message == "" || all.Error.Fix == "" {
		t.Errorf("%d %q is no problem: %v", a.status, a.body, err)
	}
	return string(all.Error.Code)
}

// Only the bearer of the token comes in; what is mounted beside it, everybody
// sees.
func TestToken(t *testing.T) {
	l := serve(t, listener.Options{})
	tok := token(t, l)
	if a := ask(t, "GET", l.URL()+"livez", nil, ""); a.status != 200 || a.body != "alive /livez" {
		t.Errorf("open: %+v", a)
	}
	for _, auth := range []string{"", "Bearer", "Bearer x", "Bearer " + tok[1:], "Basic " + tok, tok} {
		a := ask(t, "GET", l.URL()+"api/v1/status", map[string]string{"Authorization": auth, "Accept": "text/html"}, "")
		if a.status != 401 || a.code(t) != "unauthorized" || a.header.Get("WWW-Authenticate") == "" || strings.Contains(a.body, tok) {
			t.Errorf("%q: %+v", auth, a)
		}
	}
	for _, auth := range []string{"Bearer " + tok, "bearer  " + tok} {
		if a := ask(t, "DELETE", l.URL()+"api/v1/x?y=1", map[string]string{"Authorization": auth}, ""); a.status != 200 || a.body != "inside /api/v1/x?y=1" {
			t.Errorf("%q: %+v", auth, a)
		}
	}
	if a := ask(t, "GET", l.URL(), map[string]string{"Accept": "text/html"}, ""); a.status != 401 || a.body != "<p>This page wants the token of this Weir." {
		t.Errorf("a person: %+v", a)
	}
}

// The URL with the token logs a browser in and vanishes; the cookie is not the
// token, and scripts and other sites do not get it.
func TestLogin(t *testing.T) {
	l := serve(t, listener.Options{})
	tok := token(t, l)
	a := ask(t, "GET", l.URL()+"collections/a%2Fb?x=1&token="+tok, nil, "")
	if a.status != http.StatusSeeOther || a.header.Get("Location") != "/collections/a%2Fb?x=1" {
		t.Fatalf("login by URL: %+v", a)
	}
	cookie, err := http.ParseSetCookie(a.header.Get("Set-Cookie"))
	if err != nil || !cookie.HttpOnly || cookie.SameSite != http.SameSiteStrictMode || cookie.Secure || cookie.Path != "/" || strings.Contains(cookie.Value, tok) {
		t.Fatalf("cookie: %+v, %v", cookie, err)
	}
	in := map[string]string{"Cookie": cookie.Name + "=" + cookie.Value}
	if a := ask(t, "GET", l.URL()+"tasks", in, ""); a.status != 200 {
		t.Errorf("with the cookie: %+v", a)
	}
	if a := ask(t, "GET", l.URL()+"tasks", map[string]string{"Cookie": cookie.Name + "=" + tok}, ""); a.status != 401 {
		t.Errorf("the token as the cookie: %+v", a)
	}
	html := map[string]string{"Accept": "text/html"}
	if a := ask(t, "GET", l.URL()+"?token=wrong", html, ""); a.status != 401 || a.header.Get("Set-Cookie") != "" || a.body != "<p>The token of that address is not the one of this Weir." {
		t.Errorf("a wrong URL: %+v", a)
	}
	form := map[string]string{"Content-Type": "application/x-www-form-urlencoded", "Accept": "text/html"}
	for next, want := range map[string]string{"/tasks?x=1": "/tasks?x=1", "//evil.example": "/evil.example", `/\evil.example`: "/evil.example", "https://evil.example": "/https:/evil.example", "": "/"} {
		a := ask(t, "POST", l.URL()+"login", form, url.Values{"token": {" " + tok + "\n"}, "next": {next}}.Encode())
		if a.status != http.StatusSeeOther || a.header.Get("Location") != want || a.header.Get("Set-Cookie") == "" {
			t.Errorf("login by form, then %q: %+v", next, a)
		}
	}
	if a := ask(t, "POST", l.URL()+"login", form, "token=no"); a.status != 401 || a.header.Get("Set-Cookie") != "" {
		t.Errorf("a wrong form: %+v", a)
	}
}

// A name that a web page chose is not answered, and what another site's page
// sends changes nothing.
func TestOtherSites(t *testing.T) {
	l := serve(t, listener.Options{Names: []string{"weir.example.com"}})
	tok := token(t, l)
	for host, want := range map[string]int{
		"localhost:4280": 200, "LOCALHOST": 200, "127.0.0.1:1": 200, "[::1]:4280": 200, "::1": 200, "10.1.2.3": 200, "weir.example.com": 200, "Weir.Example.com:443": 200,
		"evil.example": 403, "localhost.evil.example": 403, "127.0.0.1.evil.example:4280": 403, "weir": 403,
	} {
		a := ask(t, "GET", l.URL()+"livez", map[string]string{"Host": host}, "")
		if a.status != want || want == 403 && a.code(t) != "host-unknown" {
			t.Errorf("host %s: %+v", host, a)
		}
	}
	if a := ask(t, "GET", l.URL()+"x", map[string]string{"Host": "evil.example", "Authorization": "Bearer " + tok}, ""); a.status != 200 {
		t.Errorf("a program with the token: %+v", a)
	}
	login := ask(t, "GET", l.LoginURL(), nil, "")
	cookie, err := http.ParseSetCookie(login.header.Get("Set-Cookie"))
	if err != nil {
		t.Fatal(err)
	}
	for name, header := range map[string]map[string]string{
		"cross-site":  {"Sec-Fetch-Site": "cross-site"},
		"same-site":   {"Sec-Fetch-Site": "same-site"},
		"origin":      {"Origin": "http://evil.example"},
		"null origin": {"Origin": "null"},
	} {
		header["Cookie"] = cookie.Name + "=" + cookie.Value
		if a := ask(t, "POST", l.URL()+"tasks", header, ""); a.status != 403 || a.code(t) != "cross-site" {
			t.Errorf("%s: %+v", name, a)
		}
		if a := ask(t, "GET", l.URL()+"tasks", header, ""); a.status != 200 {
			t.Errorf("%s, to read: %+v", name, a)
		}
	}
	own := map[string]string{"Cookie": cookie.Name + "=" + cookie.Value, "Sec-Fetch-Site": "same-origin", "Origin": strings.TrimSuffix(l.URL(), "/")}
	if a := ask(t, "POST", l.URL()+"tasks", own, ""); a.status != 200 {
		t.Errorf("its own page: %+v", a)
	}
	a := ask(t, "GET", l.URL()+"livez", nil, "")
	if csp := a.header.Get("Content-Security-Policy"); !strings.HasPrefix(csp, "default-src 'self';") || strings.Contains(csp, "unsafe") || a.header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("headers: %v", a.header)
	}
}

// The token is made once, in a file that only its user reads, and is the same
// after a restart; cookies of before go on.
func TestTokenFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "http-token")
	listen := func() (*listener.Listener, error) {
		return listener.Listen(t.Context(), listener.Options{Addr: "127.0.0.1:0", TokenFile: file, Log: zaptest.NewLogger(t)})
	}
	var tokens []string
	for i := range 2 {
		l, err := listen()
		if err != nil {
			t.Fatal(err)
		}
		if l.Fresh() != (i == 0) {
			t.Errorf("start %d: fresh is %v", i, l.Fresh())
		}
		tokens = append(tokens, token(t, l))
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o600 || tokens[0] != tokens[1] || len(tokens[0]) != 43 {
		t.Errorf("mode %v, tokens %q, %v", info.Mode(), tokens, err)
	}
	if left, err := filepath.Glob(filepath.Join(filepath.Dir(file), ".*")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	for _, text := range []string{"", "short", "with a space in it, long", strings.Repeat("x", 5000)} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := listen(); err == nil || !strings.Contains(err.Error(), file) || !strings.Contains(err.Error(), "remove the file") {
			t.Errorf("%.10q: %v", text, err)
		}
	}
}

// A port that is taken is told apart from other errors, before a token is made.
func TestAddresses(t *testing.T) {
	taken, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	file := filepath.Join(t.TempDir(), "http-token")
	listen := func(o listener.Options) (*listener.Listener, error) {
		o.TokenFile, o.Log = file, zaptest.NewLogger(t)
		return listener.Listen(t.Context(), o)
	}
	if _, err := listen(listener.Options{Addr: taken.Addr().String()}); !errors.Is(err, listener.ErrTaken) {
		t.Errorf("taken: %v", err)
	}
	for _, addr := range []string{"4280", "nowhere", "127.0.0.1:http-port"} {
		if _, err := listen(listener.Options{Addr: addr}); err == nil || errors.Is(err, listener.ErrTaken) || !strings.Contains(err.Error(), addr) {
			t.Errorf("%s: %v", addr, err)
		}
	}
	if _, err := os.Stat(file); err == nil {
		t.Error("it made a token")
	}
	for addr, exposed := range map[string]bool{"127.0.0.1:0": false, "[::1]:0": false, "0.0.0.0:0": true, ":0": true} {
		l, err := listen(listener.Options{Addr: addr})
		if err != nil {
			if strings.Contains(addr, "::1") {
				continue // a machine without IPv6
			}
			t.Fatal(err)
		}
		if l.Exposed() != exposed || exposed && !strings.HasPrefix(l.URL(), "http://localhost:") {
			t.Errorf("%s: exposed %v at %s", addr, l.Exposed(), l.URL())
		}
		l.Close()
	}
}

// With a certificate it is HTTPS, and the cookie stays there.
func TestTLS(t *testing.T) {
	cert, key, roots := certificate(t)
	l := serve(t, listener.Options{Cert: cert, Key: key})
	if !strings.HasPrefix(l.URL(), "https://") || l.Exposed() {
		t.Fatalf("at %s", l.URL())
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}
	defer transport.CloseIdleConnections()
	r, err := http.NewRequestWithContext(t.Context(), "GET", l.LoginURL(), nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := transport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusSeeOther || !strings.Contains(resp.Header.Get("Set-Cookie"), "; Secure") {
		t.Errorf("%d %v", resp.StatusCode, resp.Header)
	}
	for _, o := range []listener.Options{{Cert: cert}, {Key: key}, {Cert: key, Key: cert}} {
		o.Addr, o.TokenFile, o.Log = "127.0.0.1:0", filepath.Join(t.TempDir(), "token"), zaptest.NewLogger(t)
		if _, err := listener.Listen(t.Context(), o); err == nil {
			t.Errorf("%+v is accepted", o)
		}
	}
}

// certificate makes a certificate for 127.0.0.1 that signs itself.
func certificate(t *testing.T) (cert, key string, roots *x509.CertPool) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	dir, roots := t.TempDir(), x509.NewCertPool()
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	public := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	roots.AppendCertsFromPEM(public)
	if err := errors.Join(os.WriteFile(cert, public, 0o600), os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}), 0o600)); err != nil {
		t.Fatal(err)
	}
	return cert, key, roots
}

// Stopping ends answers that go on for ever, and waits for the others.
func TestStop(t *testing.T) {
	l, err := listener.Listen(t.Context(), listener.Options{Addr: "127.0.0.1:0", TokenFile: filepath.Join(t.TempDir(), "token"), Log: zaptest.NewLogger(t)})
	if err != nil {
		t.Fatal(err)
	}
	l.Open("/events", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "first")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
		_, _ = io.WriteString(w, " last")
	}))
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- l.Serve(ctx) }()
	resp, err := http.Get(l.URL() + "events") //nolint:gosec // the test's own server
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	cancel()
	body, err := io.ReadAll(resp.Body)
	if err != nil || string(body) != "first last" {
		t.Errorf("%q, %v", body, err)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
