package document

import (
	"strings"
	"testing"
)

func TestAppend(t *testing.T) {
	tests := []struct{ text, want, sorted string }{
		{`1.50`, `1.50`, `1.50`},
		{` "a\u0041" `, `"a\u0041"`, `"aA"`},
		{`[ ]`, `[]`, `[]`},
		{`{ "b" : 1 , "a" : [ 1 , { } ] }`, `{"b":1,"a":[1,{}]}`, `{"a":[1,{}],"b":1}`},
		{`{"b":1,"a":2,"\u0041":"\u000a\/<"}`, `{"b":1,"a":2,"\u0041":"\u000a\/<"}`, `{"A":"\n/<","a":2,"b":1}`},
		{`{"é":1,"z":2,"\ud83d\ude00":3,"` + "\uffff" + `":4}`, `{"é":1,"z":2,"\ud83d\ude00":3,"` + "\uffff" + `":4}`,
			`{"z":2,"é":1,"` + "\uffff" + `":4,"😀":3}`},
	}
	for _, test := range tests {
		d := parse(t, test.text)
		if got := string(d.Append(nil, 0)); got != test.want {
			t.Errorf("%s: %s, want %s", test.text, got, test.want)
		}
		if got := string(d.AppendSorted(nil, 0)); got != test.sorted {
			t.Errorf("%s: sorted %s, want %s", test.text, got, test.sorted)
		}
	}
}

func TestAppendSubtree(t *testing.T) {
	for _, text := range []string{`{"a":1,"b":{"c":"d"}}`, `{"a":1, "b":{ "c":"d"}}`} {
		d := parse(t, text)
		b, _ := d.Get(0, "b")
		if got := string(d.Append([]byte("+"), b)); got != `+{"c":"d"}` {
			t.Errorf("%s: %s", text, got)
		}
	}
}

func TestCompact(t *testing.T) {
	for text, want := range map[string]bool{
		`{"a b":[1,2]}`: true, `7`: true, `" "`: true, `{"a": 1}`: false, "{}\n": false, ` {}`: false, `[ ]`: false,
	} {
		if got := parse(t, text).Compact(); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
	if new(Doc).Compact() {
		t.Error("no document is compact")
	}
}

func TestAppendQuoted(t *testing.T) {
	for s, want := range map[string]string{
		"":                          `""`,
		"plain <&> é 😀 \u2028 \x7f": `"plain <&> é 😀 ` + "\u2028 \x7f" + `"`,
		"\"\\/":                     `"\"\\/"`,
		"\b\f\n\r\t\x00\x1f":        `"\b\f\n\r\t\u0000\u001f"`,
		"a\xffb\xed\xa0\x80":        `"a` + "\uFFFD" + `b` + strings.Repeat("\uFFFD", 3) + `"`,
		"\uFFFD":                    "\"\uFFFD\"",
		"\xe2\x82":                  "\"\uFFFD\uFFFD\"",
	} {
		if got := string(AppendQuoted(nil, s)); got != want {
			t.Errorf("%q: %s, want %s", s, got, want)
		}
	}
}
