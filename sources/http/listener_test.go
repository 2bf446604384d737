package http

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"weir/sources"
)

func paths(t testing.TB, all ...string) (r sources.OpenRequest) {
	for _, p := range all {
		r.Bindings = append(r.Bindings, bindingTo(t, `{"path":"`+p+`"}`))
	}
	return r
}

// TestSharedListener lets captures come and go at one address: each has its
// paths, the more specific pattern wins, what is taken is refused by name, and
// a capture that stops answers that it does until its time is over.
func TestSharedListener(t *testing.T) {
	s := newStand(t)
	s.linger = time.Hour
	a := s.open("acmeCo/a", "", paths(t, "/orders", "/hooks/{x}/push"))
	b := s.open("acmeCo/b", "", paths(t, "/hooks/acme/{x}", "/hooks/{x}/{y}"))
	docs := map[string]*durable{"a": s.store(a), "b": s.store(b)}
	for path, owner := range map[string]string{"/orders": "a", "/hooks/other/push": "a", "/hooks/acme/push": "b", "/hooks/x/y": "b"} {
		before := len(docs[owner].documents())
		got := s.send(request{path: path, body: `{"id":"a"}`, header: map[string]string{"Content-Type": "application/json"}})
		if got.status != 200 || len(docs[owner].documents()) != before+1 {
			t.Errorf("%s: %s", path, got)
		}
	}
	for _, path := range []string{"/", "/hooks", "/hooks//push", "/hooks/a/b/c", "/orders/"} {
		if got := s.send(request{path: path}); got.status != http.StatusNotFound || !strings.Contains(got.body, `["/hooks/acme/{x}","/hooks/{x}/push","/hooks/{x}/{y}","/orders"]`) {
			t.Errorf("%s: %s", path, got)
		}
	}
	if _, err := s.tryOpen("acmeCo/c", "", paths(t, "/free", "/hooks/{other}/push")); err == nil || !strings.Contains(err.Error(), "path /hooks/{x}/push of "+anyPort+" belongs to capture acmeCo/a") {
		t.Errorf("a path that is taken: %v", err)
	}

	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	if got := s.post(`{"id":"a"}`); got.status != http.StatusServiceUnavailable || got.header.Get("Retry-After") != "5" {
		t.Errorf("of a capture that has stopped: %s", got)
	}
	c := s.open("acmeCo/c", "", paths(t, "/orders")) // a path that nobody serves may be taken over
	docs["c"] = s.store(c)
	if got := s.post(`{"id":"a"}`); got.status != 200 || len(docs["c"].documents()) != 1 {
		t.Error(got)
	}

	again := s.open("acmeCo/c", "", paths(t, "/orders")) // as another start of the same shard does
	if _, err := c.Pull(t.Context()); err == nil || !strings.Contains(err.Error(), "another session") {
		t.Errorf("the former session: %v", err)
	}
	docs["again"] = s.store(again)
	if got := s.post(`{"id":"a"}`); got.status != 200 || len(docs["again"].documents()) != 1 {
		t.Error(got)
	}
}

// TestSweep frees the address when nobody came back to it.
func TestSweep(t *testing.T) {
	s := newStand(t)
	session := s.open("acmeCo/in", "", sources.OpenRequest{})
	l := s.listeners[anyPort]
	session.Close()
	<-l.served
	if s.Addr(anyPort) != "" {
		t.Error("the listener is there yet")
	}
	s.store(s.open("acmeCo/in", "", sources.OpenRequest{}))
	if got := s.post(`{"id":"a"}`); got.status != 200 {
		t.Error(got)
	}
}

// TestTakenAddress is trouble that may pass: the former owner may be about to
// end.
func TestTakenAddress(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	config := json.RawMessage(`{"listen":"` + taken.Addr().String() + `"}`)
	_, err = New().Open(t.Context(), sources.OpenRequest{Task: "acmeCo/in", Config: config, Bindings: paths(t, "/orders").Bindings})
	if !errors.Is(err, sources.ErrTransient) || !strings.Contains(err.Error(), "address already in use") {
		t.Error(err)
	}
}

// TestTLS serves a certificate, the renewed one when the files change, and
// refuses a capture that wants another at the same address.
func TestTLS(t *testing.T) {
	dir := t.TempDir()
	writeCertificate(t, dir, 1)
	s := newStand(t)
	const members = `"tls":{"certificate":"cert.pem","key":"key.pem"}`
	config := json.RawMessage(`{"listen":"` + anyPort + `",` + members + `}`)
	r := sources.OpenRequest{Task: "acmeCo/in", Config: config, DataDir: dir, Bindings: paths(t, "/orders").Bindings}
	opened, err := s.Open(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	defer opened.Close()
	s.store(opened.(*session))
	serial := func() int64 {
		t.Helper()
		conn, err := tls.Dial("tcp", s.Addr(anyPort), &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}})
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if got := conn.ConnectionState().NegotiatedProtocol; got != "h2" {
			t.Errorf("protocol %q", got)
		}
		return conn.ConnectionState().PeerCertificates[0].SerialNumber.Int64()
	}
	if got := serial(); got != 1 {
		t.Errorf("certificate %d", got)
	}
	client := http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	defer client.CloseIdleConnections()
	res, err := client.Post("https://"+s.Addr(anyPort)+"/orders", "application/json", strings.NewReader(`{"id":"a"}`))
	if err != nil {
		t.Fatal(err)
	}
	if res.Body.Close(); res.StatusCode != 200 {
		t.Error(res.Status)
	}
	if _, err := s.tryOpen("acmeCo/other", "", paths(t, "/other")); err == nil || !strings.Contains(err.Error(), "different tls") {
		t.Errorf("another capture without TLS: %v", err)
	}

	c := &certificate{files: tlsFiles{Certificate: filepath.Join(dir, "cert.pem"), Key: filepath.Join(dir, "key.pem")}}
	for n := int64(1); n <= 2; n++ {
		got, err := c.get(nil)
		if err != nil || got.Leaf.SerialNumber.Int64() != n {
			t.Fatalf("certificate %v, %v, want %d", got, err, n)
		}
		writeCertificate(t, dir, n+1)
		later := time.Now().Add(time.Duration(n) * time.Hour)
		if err := os.Chtimes(c.files.Certificate, later, later); err != nil {
			t.Fatal(err)
		}
		c.looked = time.Time{}
	}
	if err := os.WriteFile(c.files.Key, nil, 0o600); err != nil { // half a renewal
		t.Fatal(err)
	}
	if got, err := c.get(nil); err != nil || got.Leaf.SerialNumber.Int64() != 2 {
		t.Errorf("certificate %v, %v while the files are written", got, err)
	}
}

func writeCertificate(t *testing.T, dir string, serial int64) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "acmeCo"}, NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{"cert.pem": {Type: "CERTIFICATE", Bytes: cert}, "key.pem": {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// TestConfig says of each fault what is wrong and what would be right, all of
// them at once, and never a secret.
func TestConfig(t *testing.T) {
	for _, test := range []struct{ config, want string }{
		{`{"listen":"127.0.0.1:8088"}`, ""},
		{`{"listen":"localhost:8088","idempotency":{"header":"X-Id","keys":5,"age":"1h"},"timeout":"2m"}`, ""},
		{`{"listen":":8088","tokens":["0123456789abcdef"]}`, ""},
		{`{"listen":"0.0.0.0:8088","allowAnonymous":true}`, ""},
		{`{}`, `listen is missing: name the address to listen on, as in { listen: "127.0.0.1:8088" }`},
		{`{"listen":"8088"}`, `listen: "8088" is no address with a port, as 127.0.0.1:8088 is`},
		{`{"listen":"127.0.0.1:http-no"}`, `listen: "http-no" is no port: a number from 1 to 65535`},
		{`{"listen":"0.0.0.0:8088"}`, "listen: whoever reaches 0.0.0.0:8088 could write: give tokens or a signature, or listen on 127.0.0.1, or say `allowAnonymous: true` if that is meant"},
		{`{"listen":"127.0.0.1:1","tokens":["short-one"],"timeout":"1h","maxRequestBytes":1,"idempotency":{"keys":-1}}`,
			"idempotency.keys: -1 is not between 1 and 1000000\n" +
				"tokens: number 1 has fewer than 16 characters, which can be guessed: choose a longer one, as `openssl rand -hex 32` gives\n" +
				"timeout: \"1h\" is no time between 1s and 5m0s, as 30s is\n" +
				"maxRequestBytes: 1 is not between 1024 and 67108864"},
		{`{"listen":"127.0.0.1:1","idempotency":{"age":"never"}}`, `idempotency.age: "never" is no time of at least a second, as 24h is`},
		{`{"listen":"127.0.0.1:1","tls":{"key":"k"}}`, "tls: name both the certificate's file and the key's"},
		{`{"listen":"127.0.0.1:1","signature":{}}`, "signature: secrets are missing: give the one that is shared with the sender"},
		{`{"listen":"127.0.0.1:1","signature":{"secrets":["my-secret"]}}`, "signature: name a preset (github, stripe, standard-webhooks, slack), or the header that holds the signature"},
		{`{"listen":"127.0.0.1:1","signature":{"secrets":["my-secret"],"preset":"gitlab"}}`, `signature: preset "gitlab" is unknown: github, stripe, standard-webhooks or slack`},
		{`{"listen":"127.0.0.1:1","signature":{"secrets":["my-secret"],"preset":"github","prefix":"x"}}`, "signature: a preset sets all but secrets and tolerance: leave out the rest, or the preset"},
		{`{"listen":"127.0.0.1:1","signature":{"secrets":["whsec_my-secret"],"preset":"standard-webhooks"}}`, "signature: secret 1 is no base64, with or without whsec_ before it: give it as the sender shows it"},
		{`{"listen":"127.0.0.1:1","maxRequestBytes":67108864}`, ""},
		{`{"listen":"127.0.0.1:1","maxRequestBytes":1048576,"maxPendingBytes":4194303}`, "maxPendingBytes: 4194303 is not between 4194304 and 4294967296"},
		{`{"listen":"127.0.0.1:1","signature":{"secrets":["my-secret"],"preset":"github","tolerance":"1m"}}`, "signature: tolerance: there is no timestamp that it could be for"},
		{`{"listen":"127.0.0.1:1","signature":{"secrets":["my-secret"],"header":"X","algorithm":"md5"}}`, `signature: algorithm "md5" is unknown: sha256 or sha512`},
		{`{"listen":"127.0.0.1:1","signature":{"secrets":["my-secret"],"header":"X","content":"{id}"}}`, "signature: content: {body} is not in it, so anything could be posted"},
		{`{"listen":"127.0.0.1:1","signature":{"secrets":["my-secret"],"header":"X","content":"{timestamp}{body}"}}`, "signature: content: {timestamp} and timestampHeader or timestampPrefix go together"},
		{`{"listen":"127.0.0.1:1","signature":{"secrets":["my-secret"],"header":"X","content":"{bdy}"}}`, "signature: content: {bdy} is unknown: {body}, {timestamp} or {id}"},
	} {
		_, err := parseConfig(json.RawMessage(test.config), "")
		got := ""
		if err != nil {
			got = strings.ReplaceAll(err.Error(), "http: endpoint config: ", "")
		}
		if got != test.want || strings.Contains(got, "my-secret") || strings.Contains(got, "short-one") {
			t.Errorf("%s:\ngot  %s\nwant %s", test.config, got, test.want)
		}
	}
}

// TestResources refuses paths that no request could ask for, or that two
// bindings share.
func TestResources(t *testing.T) {
	for resource, want := range map[string]string{
		`{"path":"/"}`:            "",
		`{"path":"/a/{b}/c"}`:     "",
		`{}`:                      "path is missing",
		`{"path":"a"}`:            "does not begin with /",
		`{"path":"/a//b"}`:        "empty segment",
		`{"path":"/a/"}`:          "empty segment",
		`{"path":"/a/../b"}`:      `segment ".."`,
		`{"path":"/a%20b"}`:       "it holds one of",
		`{"path":"/a{b}"}`:        "a parameter is a whole segment",
		`{"path":"/{a"}`:          "a parameter is a whole segment",
		`{"path":"/{}"}`:          "needs a name of its own",
		`{"path":"/{a}/{a}"}`:     "needs a name of its own",
		`{"path":"/a","pth":"/"}`: `unknown field "pth"`,
		`{"path":"/a","meta":{"headers":["Authorization"]}}`: "holds the sender's secret",
	} {
		_, err := parseBindings([]sources.Binding{bindingTo(t, resource)})
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", resource, err, want)
		}
	}
	if _, err := parseBindings(paths(t, "/a/{x}", "/a/{y}").Bindings); err == nil || !strings.Contains(err.Error(), "give each binding its own") {
		t.Errorf("the same path twice: %v", err)
	}
}
