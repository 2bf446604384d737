package ui

import (
	"html"
	"regexp"
	"strings"
	"testing"
)

var tags = regexp.MustCompile(`</?(span|mark)[^<>]*>`)

func TestShowDocument(t *testing.T) {
	for name, c := range map[string]struct{ raw, pointer, want string }{
		"plain":      {`{"a":1,"b":[true,null,"x"],"c":{}}`, "", "{\n  <span class=\"k\">&#34;a&#34;</span>: <span class=\"n\">1</span>,\n  <span class=\"k\">&#34;b&#34;</span>: [\n    <span class=\"n\">true</span>,\n    <span class=\"n\">null</span>,\n    <span class=\"s\">&#34;x&#34;</span>\n  ],\n  <span class=\"k\">&#34;c&#34;</span>: {}\n}"},
		"numbers":    {`[1.0,1e400,-0,9223372036854775808]`, "", "[\n  <span class=\"n\">1.0</span>,\n  <span class=\"n\">1e400</span>,\n  <span class=\"n\">-0</span>,\n  <span class=\"n\">9223372036854775808</span>\n]"},
		"marked":     {`{"a/b":{"c":7}}`, "/a~1b/c", "{\n  <span class=\"k\">&#34;a/b&#34;</span>: {\n    <span class=\"k\">&#34;c&#34;</span>: <mark><span class=\"n\">7</span></mark>\n  }\n}"},
		"in a list":  {`[[1],[2]]`, "/1/0", "[\n  [\n    <span class=\"n\">1</span>\n  ],\n  [\n    <mark><span class=\"n\">2</span></mark>\n  ]\n]"},
		"markup":     {`{"<script>":"</span><img src=x onerror=alert(1)>"}`, "", "{\n  <span class=\"k\">&#34;&lt;script&gt;&#34;</span>: <span class=\"s\">&#34;&lt;/span&gt;&lt;img src=x onerror=alert(1)&gt;&#34;</span>\n}"},
		"no JSON":    {"{<b>\x00\xff", "", `{&lt;b&gt;\u0000�`},
		"directions": {"\"a\u202eb\"", "", "<span class=\"s\">&#34;a\\u202eb&#34;</span>"},
		"escapes":    {`"a\"b\\"`, "", `<span class="s">&#34;a\&#34;b\\&#34;</span>`},
	} {
		if got := showDocument([]byte(c.raw), c.pointer); string(got.HTML) != c.want || got.Cut || got.Bytes != len(c.raw) {
			t.Errorf("%s: %+v\nwant %s", name, got, c.want)
		}
	}
	long := `{"a":"` + strings.Repeat("é", maxShown) + `","b":1}`
	got := showDocument([]byte(long), "/b")
	if !got.Cut || len(tags.ReplaceAllString(string(got.HTML), "")) > maxShown+20 || strings.Count(string(got.HTML), "<span") != strings.Count(string(got.HTML), "</span>") || strings.Contains(string(got.HTML), "�") {
		t.Errorf("a long one: cut %v, %d bytes", got.Cut, len(got.HTML))
	}
}

// Whatever the bytes, what is shown holds no markup but our own.
func FuzzShowDocument(f *testing.F) {
	for _, seed := range []string{`{"a":[1,{"b":"</span><x>"}]}`, `[`, "\xff", `"\ud800"`, `{"":{"":{}}}`, "-0.0e+10", `<!--`} {
		f.Add([]byte(seed), "/a/1")
	}
	f.Fuzz(func(t *testing.T, raw []byte, pointer string) {
		shown := string(showDocument(raw, pointer).HTML)
		rest := tags.ReplaceAllString(shown, "")
		if strings.ContainsAny(rest, `<>"'`) {
			t.Fatalf("%q is shown as %q", raw, shown)
		}
		for _, tag := range []string{"span", "mark"} {
			if strings.Count(shown, "<"+tag) != strings.Count(shown, "</"+tag+">") {
				t.Fatalf("%q: %s is not closed in %q", raw, tag, shown)
			}
		}
		if html.UnescapeString(rest) == "" && len(raw) > 0 {
			t.Fatalf("nothing is shown of %q", raw)
		}
	})
}
