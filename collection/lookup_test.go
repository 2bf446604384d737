package collection

import (
	"strings"
	"testing"

	"weir/document"
)

func TestParseKey(t *testing.T) {
	c := compiled(t, `{"type":"object","required":["s","i","m"],"properties":{"s":{"type":"string"},"i":{"type":"integer"},"m":{"type":["string","integer","null"]}}}`, "/s", "/i", "/m")
	for _, test := range []struct {
		given [3]string
		want  string // the key as JSON; else a part of the error
		ok    bool
	}{
		{[3]string{"7", "7", "7"}, `["7",7,7]`, true},
		{[3]string{`"7"`, "-1", `"7"`}, `["7",-1,"7"]`, true},
		{[3]string{"", "0", "null"}, `["",0,null]`, true},
		{[3]string{"a b", "x", "a.b"}, `["a b","x","a.b"]`, true},
		{[3]string{`{"a":1}`, "1", "1"}, `["{\"a\":1}",1,1]`, true},
		{[3]string{"a", "1.5", "1"}, "cannot be the key's component /i", false},
	} {
		packed, err := c.ParseKey(test.given[:])
		if (err == nil) != test.ok {
			t.Errorf("%q: %v", test.given, err)
			continue
		}
		if err != nil {
			continue
		}
		if text, err := document.AppendKeyJSON(nil, packed); err != nil || string(text) != test.want {
			t.Errorf("%q: %s, %v; want %s", test.given, text, err, test.want)
		}
	}
	if _, err := c.ParseKey([]string{"a"}); err == nil {
		t.Error("a key of too few components")
	}
}

func TestKeyFilterMatchesWhatIsWritten(t *testing.T) {
	c := parted(t)
	var d document.Doc
	if err := d.Parse([]byte(`{"id":"a.b","region":"EU","priced":true,"at":{"shop":7}}`)); err != nil {
		t.Fatal(err)
	}
	subject, err := c.AppendSubject(nil, &d)
	if err != nil {
		t.Fatal(err)
	}
	packed, err := c.ParseKey([]string{"a.b"})
	if err != nil || !c.HasKey(&d, packed) {
		t.Fatalf("key %x, %v", packed, err)
	}
	some := selected(t, c, byField{"region": values(`"EU"`), "a-shop": values("7"), "priced": values("true")}, nil)
	if got, err := some.KeyFilter(packed); err != nil || got != string(subject) {
		t.Errorf("filter %s, %v; want %s", got, err, subject)
	}
	any := selected(t, c, byField{"region": values(`"EU"`, `"US"`)}, nil)
	want := strings.Replace(string(subject), ".7.true.EU.", ".*.*.*.", 1)
	if got, err := any.KeyFilter(packed); err != nil || got != want {
		t.Errorf("filter %s, %v; want %s", got, err, want)
	}
}
