package document

import (
	"bytes"
	"encoding/json"
	"io"
	"reflect"
	"strings"
	"testing"
	"unicode/utf16"
	"unicode/utf8"
)

// refused tells, by way of encoding/json alone, whether a text that encoding/json takes is one of those that
// Parse refuses on purpose.
func refused(text []byte) bool {
	return !utf8.Valid(text) || loneSurrogates(text) || tokensRefused(text)
}

func loneSurrogates(text []byte) bool {
	for i := bytes.IndexByte(text, '\\'); i >= 0 && i < len(text); {
		if text[i] != '\\' {
			i++
			continue
		}
		if text[i+1] != 'u' {
			i += 2
			continue
		}
		r := hex4(text[i+2:])
		i += 6
		if !utf16.IsSurrogate(r) {
			continue
		}
		low := rune(-1)
		if bytes.HasPrefix(text[i:], []byte(`\u`)) {
			low = hex4(text[i+2:])
		}
		if utf16.DecodeRune(r, low) == utf8.RuneError {
			return true
		}
		i += 6
	}
	return false
}

// tokensRefused seeks duplicate names, deep nesting and exponents of too many digits.
func tokensRefused(text []byte) bool {
	type level struct {
		names   map[string]bool // nil in an array
		isValue bool
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	var open []level
	for {
		token, err := dec.Token()
		if err != nil {
			return err != io.EOF
		}
		top := len(open) - 1
		if name, ok := token.(string); ok && top >= 0 && open[top].names != nil && !open[top].isValue {
			if open[top].names[name] {
				return true
			}
			open[top].names[name], open[top].isValue = true, true
			continue
		}
		switch v := token.(type) {
		case json.Number:
			if _, exp, ok := strings.Cut(strings.ToLower(v.String()), "e"); ok && len(strings.TrimLeft(exp, "+-0")) > 18 {
				return true
			}
		case json.Delim:
			if v == '{' || v == '[' {
				if open = append(open, level{}); v == '{' {
					open[top+1].names = map[string]bool{}
				}
				if len(open) > MaxDepth {
					return true
				}
				continue
			}
			open = open[:top]
		}
		if top = len(open) - 1; top >= 0 {
			open[top].isValue = false
		}
	}
}

// value builds what encoding/json with UseNumber makes of a node.
func value(d *Doc, i uint32) any {
	n := d.Nodes[i]
	switch n.Kind {
	case Null:
		return nil
	case False, True:
		return n.Kind == True
	case Integer, Number:
		return json.Number(d.String(i))
	case String:
		return d.String(i)
	case Array:
		out := make([]any, 0, n.N)
		for k := i + 1; k < n.Next; k = d.Nodes[k].Next {
			out = append(out, value(d, k))
		}
		return out
	}
	out := make(map[string]any, n.N)
	for k := i + 1; k < n.Next; k = d.Nodes[k+1].Next {
		out[d.String(k)] = value(d, k+1)
	}
	return out
}

var seeds = []string{
	`{"id":"ord-1","items":[{"sku":"a","qty":1,"price":12.50}],"ok":true,"none":null}`, ` [1 , -2.5e+3, "\u00e9\ud83d\ude00" ] `, `"\ud800"`, `{"a":1,"\u0061":2}`,
	`{"a":{"a":1},"b":[{"a":1},{"a":2}]}`, "\"\xff\"", `1e1000000000000000000`, `01`, `-`, `[1,]`, `{"a":1,}`, "\"a\nb\"", `nul`, ``, `[[[[]]]]`, `{"":{"":[]}}`, `"\\\"\/\b\f\n\r\t"`,
}

func FuzzParse(f *testing.F) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	f.Add([]byte(wide(30, 29, func(i int) string { return strings.Repeat("x", i) })))
	f.Add([]byte(wide(30, 0, func(i int) string { return strings.Repeat("x", i) + `\n` })))
	f.Fuzz(func(t *testing.T, text []byte) {
		var d Doc
		err := d.Parse(text)
		if want := json.Valid(text) && !refused(text); (err == nil) != want {
			t.Fatalf("%q: %v, should be accepted: %v", text, err, want)
		}
		if err != nil {
			checkSyntaxError(t, text, err)
			return
		}
		dec := json.NewDecoder(bytes.NewReader(text))
		dec.UseNumber()
		var want any
		if err := dec.Decode(&want); err != nil {
			t.Fatal(err)
		}
		if got := value(&d, 0); !reflect.DeepEqual(got, want) {
			t.Fatalf("%q: %#v, want %#v", text, got, want)
		}
	})
}

func checkSyntaxError(t *testing.T, text []byte, err error) {
	t.Helper()
	e := err.(*SyntaxError)
	if e.Offset < 0 || e.Offset > len(text) || e.Line < 1 || e.Column < 1 || e.Reason == "" || !utf8.ValidString(e.Reason) && utf8.Valid(text) {
		t.Fatalf("%q: %#v", text, e)
	}
}

func FuzzEncode(f *testing.F) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var d, again Doc
		if d.Parse(text) != nil {
			return
		}
		var want bytes.Buffer
		if err := json.Compact(&want, text); err != nil {
			t.Fatal(err)
		}
		out := d.Append(nil, 0)
		if !bytes.Equal(out, want.Bytes()) || d.Compact() != bytes.Equal(out, text) {
			t.Fatalf("%q: compact %q (%v), want %q", text, out, d.Compact(), want.Bytes())
		}
		sorted := d.AppendSorted(nil, 0)
		if err := again.Parse(sorted); err != nil || !Equal(&d, 0, &again, 0) || Compare(&again, 0, &d, 0) != 0 {
			t.Fatalf("%q: sorted %q: %v", text, sorted, err)
		}
		if twice := again.AppendSorted(nil, 0); !bytes.Equal(twice, sorted) || !again.Compact() {
			t.Fatalf("%q: sorted %q, then %q", text, sorted, twice)
		}
	})
}

func FuzzAppendQuoted(f *testing.F) {
	for _, s := range []string{"", "a\"\\\n", "\xff\xed\xa0\x80", "é😀\u2028", "\x00\x7f"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		out := AppendQuoted(nil, s)
		d := parse(t, string(out))
		if got, want := d.String(0), string([]rune(s)); got != want {
			t.Fatalf("%q: %s stands for %q", s, out, got)
		}
		var std bytes.Buffer
		enc := json.NewEncoder(&std)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(s); err != nil || len(out) > std.Len()-1 {
			t.Fatalf("%q: %s is longer than %s (%v)", s, out, std.Bytes(), err)
		}
	})
}

func FuzzCompare(f *testing.F) {
	for i, group := range ordered {
		f.Add([]byte(group[0]), []byte(group[len(group)-1]))
		f.Add([]byte(group[0]), []byte(ordered[(i+1)%len(ordered)][0]))
	}
	f.Fuzz(func(t *testing.T, x, y []byte) {
		var a, b Doc
		if a.Parse(x) != nil || b.Parse(y) != nil {
			return
		}
		c := Compare(&a, 0, &b, 0)
		if Compare(&b, 0, &a, 0) != -c || Equal(&a, 0, &b, 0) != (c == 0) || Equal(&b, 0, &a, 0) != (c == 0) {
			t.Fatalf("%s and %s: %d, %d, equal %v", x, y, c, Compare(&b, 0, &a, 0), Equal(&a, 0, &b, 0))
		}
		if Compare(&a, 0, &a, 0) != 0 || !Equal(&b, 0, &b, 0) {
			t.Fatalf("%s or %s differs from itself", x, y)
		}
		if bytes.Equal(a.AppendSorted(nil, 0), b.AppendSorted(nil, 0)) && c != 0 {
			t.Fatalf("%s and %s are sorted to the same text and differ", x, y)
		}
	})
}
