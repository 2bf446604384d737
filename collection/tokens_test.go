package collection

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"weir/document"
)

func parsed(t testing.TB, raw string) *document.Doc {
	t.Helper()
	d := &document.Doc{}
	if err := d.Parse([]byte(raw)); err != nil {
		t.Fatalf("parse %s: %v", raw, err)
	}
	return d
}

// keyed makes a collection of any documents with the given key.
func keyed(t testing.TB, key ...string) *Collection {
	t.Helper()
	return compiled(t, `{}`, key...)
}

func TestSubject(t *testing.T) {
	long := strings.Repeat("é.", 50)
	for _, test := range []struct{ doc, want string }{
		{`{"a":"cust-42","b":7}`, "cust-42.7"},
		{`{"a":"a.b c*>%é\n","b":true}`, "a%2Eb%20c%2A%3E%25%C3%A9%0A.true"},
		{`{"a":"","b":false}`, "%e.false"},
		{`{"a":null}`, "%n.%n"},
		{`{"a":"%n","b":"7"}`, "%25n.7"},
		{`{"a":0,"b":-0}`, "0.0"},
		{`{"a":1.0,"b":12e2}`, "1.1200"},
		{`{"a":-1,"b":-255}`, "-1.-255"},
		{`{"a":-256,"b":65536}`, "-256.65536"},
		{`{"a":9223372036854775807,"b":-9223372036854775808}`, "9223372036854775807.-9223372036854775808"},
		{`{"a":18446744073709551615,"b":-18446744073709551615}`, "18446744073709551615.-18446744073709551615"},
		{`{"a":18446744073709551616,"b":-18446744073709551616}`, "18446744073709551616.-18446744073709551616"},
		{`{"a":1e130,"b":0}`, "%h" + sha256Prefix("1"+strings.Repeat("0", 130)) + ".0"},
		{`{"a":"x\u0000y","b":"\u0000"}`, "x%00y.%00"},
		{`{"a":"` + long + `","b":1}`, "%h" + sha256Prefix(long) + ".1"},
	} {
		c := keyed(t, "/a", "/b")
		got, err := c.AppendSubject([]byte("x"), parsed(t, test.doc))
		if err != nil {
			t.Errorf("%s: %v", test.doc, err)
			continue
		}
		want := fmt.Sprintf("xweir.doc.acmeCo/things.%d.%s", partitionOf([]byte(test.want), 16), test.want)
		if string(got) != want {
			t.Errorf("%s: got %s, want %s", test.doc, got, want)
		}
	}
}

func TestSubjectErrors(t *testing.T) {
	big := strings.Repeat("ö", 64)
	keys, members := []string{}, []string{}
	for i := range 10 {
		keys = append(keys, fmt.Sprintf("/k%d", i))
		members = append(members, fmt.Sprintf(`"k%d":"%s"`, i, big))
	}
	for _, test := range []struct {
		doc  string
		keys []string
		want string
	}{
		{`{"a":[1]}`, []string{"/a"}, `collection acmeCo/things: invalid document: /a: key: is an array; keys are made of strings, integers, booleans and null: {"a":[1]}`},
		{"{\"a\":\n 1.5}", []string{"/a"}, `collection acmeCo/things: invalid document: /a: key: is the fractional number 1.5; keys take integers only: {"a":  1.5}`},
		{"{" + strings.Join(members, ",") + "}", keys, `key: its subject would take 3874 bytes, NATS allows 3584: the key has too many long components`},
	} {
		dst, err := keyed(t, test.keys...).AppendSubject([]byte("x"), parsed(t, test.doc))
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%.40s: got %v, want %s", test.doc, err, test.want)
		}
		if string(dst) != "x" {
			t.Errorf("%.40s: left %q in the buffer", test.doc, dst)
		}
	}
}

// FuzzTokens holds the quick way from packed key to tokens against the thorough one.
func FuzzTokens(f *testing.F) {
	key, err := document.NewKey([]string{"/0", "/1", "/2"})
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{`["a",1,true]`, `[null,false,""]`, `["\u0000",-1,1e3]`, `[18446744073709551616,-256,"é."]`, `[-9223372036854775808,255,0]`} {
		packed, err := key.AppendPacked(nil, parsed(f, seed), 0)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(packed)
	}
	f.Fuzz(func(t *testing.T, packed []byte) {
		want, wantErr := appendTokensSlowly(nil, packed)
		got, gotErr := appendTokens(nil, packed)
		if wantErr == nil && (gotErr != nil || !bytes.Equal(got, want)) {
			t.Errorf("% x: got %s, %v; want %s", packed, got, gotErr, want)
		}
	})
}
