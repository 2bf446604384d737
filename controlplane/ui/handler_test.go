package ui_test

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// reply is the head of an answer.
type reply struct {
	StatusCode int
	Header     http.Header
}

// fetch gives an answer that no redirect is followed of, with its body.
func fetch(t *testing.T, method, at string, form url.Values) (reply, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, at, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return reply{resp.StatusCode, resp.Header}, string(text)
}

// Every page is whole without a script, and whatever documents hold is text in it.
func TestPages(t *testing.T) {
	at := newWorld().pages(t)
	for _, page := range looked {
		resp, text := fetch(t, "GET", at+page.path, nil)
		want := map[string]int{"/login": http.StatusUnauthorized, "/nowhere": http.StatusNotFound}[page.path]
		if want == 0 {
			want = http.StatusOK
		}
		if resp.StatusCode != want || resp.Header.Get("Content-Type") != "text/html; charset=utf-8" || !strings.HasSuffix(strings.TrimSpace(text), "</html>") {
			t.Errorf("%s: %d %s", page.path, resp.StatusCode, resp.Header.Get("Content-Type"))
		}
		for _, bad := range []string{"<script>document", "<img src=x", "ZgotmplZ", "<no value>", "style="} {
			if strings.Contains(text, bad) {
				t.Errorf("%s holds %s", page.path, bad)
			}
		}
	}
}

// A document is there as it is, too, and not as a page.
func TestRaw(t *testing.T) {
	at := newWorld().pages(t)
	for path, want := range map[string]string{"59": "application/json", "58": "text/plain; charset=utf-8"} {
		resp, text := fetch(t, "GET", at+"/raw/"+path+"/acmeCo/orders", nil)
		if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != want || !strings.Contains(text, "script") {
			t.Errorf("%s: %d %v %s", path, resp.StatusCode, resp.Header, text)
		}
	}
	for _, path := range []string{"1000", "x"} {
		if resp, _ := fetch(t, "GET", at+"/raw/"+path+"/acmeCo/orders", nil); resp.StatusCode != 404 {
			t.Errorf("%s: %d", path, resp.StatusCode)
		}
	}
}

// What leads elsewhere leads within these pages only.
func TestRedirects(t *testing.T) {
	at := newWorld().pages(t)
	for _, c := range []struct {
		method, path string
		form         url.Values
		want         string
	}{
		{"GET", "/search?q=warehouse", nil, "/tasks/materialization/acmeCo/warehouse"},
		{"POST", "/theme", url.Values{"theme": {"dark"}, "next": {"/help?x=1"}}, "/help?x=1"},
		{"POST", "/theme", url.Values{"theme": {"other"}, "next": {"//evil.example"}}, "/evil.example"},
		{"POST", "/theme", url.Values{"theme": {"dark"}, "next": {`/\evil.example`}}, "/evil.example"},
		{"POST", "/tasks/derivation/acmeCo/paid-orders", url.Values{"do": {"pause"}}, "/tasks/derivation/acmeCo/paid-orders"},
		{"POST", "/quarantine/7", url.Values{"do": {"drop"}}, "/quarantine?done=dropped"},
		{"POST", "/publications/" + first + "/revert", url.Values{"newest": {second}}, "/publications/" + second},
	} {
		resp, _ := fetch(t, c.method, at+c.path, c.form)
		if resp.StatusCode != http.StatusSeeOther || resp.Header.Get("Location") != c.want {
			t.Errorf("%s %s %v: %d to %s, want %s", c.method, c.path, c.form, resp.StatusCode, resp.Header.Get("Location"), c.want)
		}
	}
	for _, path := range []string{"/tasks/derivation/acmeCo/paid-orders", "/quarantine/7", "/quarantine/x", "/quarantine/99"} {
		if resp, text := fetch(t, "POST", at+path, url.Values{"do": {"dance"}}); resp.StatusCode != 404 || !strings.Contains(text, "What to do:") {
			t.Errorf("%s: %d", path, resp.StatusCode)
		}
	}
}
