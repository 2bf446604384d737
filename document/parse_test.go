package document

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// parse parses a text that must be good.
func parse(t testing.TB, text string) *Doc {
	t.Helper()
	d := new(Doc)
	if err := d.Parse([]byte(text)); err != nil {
		t.Fatalf("parse %.200q: %v", text, err)
	}
	return d
}

func TestParseNodes(t *testing.T) {
	d := parse(t, ` {"a" : [1, -2.5e3], "b\n":"x\u00e9", "c":{}, "d":[true,false,null]} `)
	want := []string{
		`object 4 {"a" : [1, -2.5e3], "b\n":"x\u00e9", "c":{}, "d":[true,false,null]}`,
		`string 0 a`, `array 2 [1, -2.5e3]`, `integer 0 1`, `number 0 -2.5e3`,
		`string 0 b\n`, `string 0 x\u00e9`,
		`string 0 c`, `object 0 {}`,
		`string 0 d`, `array 3 [true,false,null]`, `true 0 true`, `false 0 false`, `null 0 null`,
	}
	if len(d.Nodes) != len(want) {
		t.Fatalf("%d nodes, want %d", len(d.Nodes), len(want))
	}
	for i, n := range d.Nodes {
		if got := fmt.Sprintf("%v %d %s", n.Kind, n.N, d.Text(uint32(i))); got != want[i] {
			t.Errorf("node %d: %s, want %s", i, got, want[i])
		}
	}
	for i, next := range map[int]uint32{0: 14, 1: 2, 2: 5, 8: 9, 10: 14} {
		if d.Nodes[i].Next != next {
			t.Errorf("node %d: next is %d, want %d", i, d.Nodes[i].Next, next)
		}
	}
	if d.Nodes[5].Flags != Escaped || d.Nodes[6].Flags != Escaped || d.Nodes[1].Flags != 0 {
		t.Error("flags of escapes are wrong")
	}
}

func TestParseRefuses(t *testing.T) {
	deep := strings.Repeat("[", MaxDepth+1)
	tests := []struct {
		text, reason string
		offset       int
	}{
		{``, "the document is empty", 0},
		{" \n", "the document is empty", 2},
		{"\uFEFF{}", "expected a JSON value, found a byte order mark", 0},
		{`nul`, "expected a JSON value, found 'n'", 0},
		{`NaN`, "expected a JSON value, found 'N'", 0},
		{`1 2`, "expected nothing after the document, found '2'", 2},
		{`{"amount":1 "b":2}`, `expected ',' or '}' after the value of "amount", found '"'`, 12},
		{`{"amount":1`, `expected ',' or '}' after the value of "amount", but the text ends`, 11},
		{`{"a":{"b":1},"c":[1,2}`, `expected ',' or ']' after element 1, found '}'`, 21},
		{`{"a":}`, `expected a value for "a", found '}'`, 5},
		{`{"a" 1}`, `expected ':' after the name "a", found '1'`, 5},
		{`{"a":[1],"b"`, `expected ':' after the name "b", but the text ends`, 12},
		{`{a:1}`, `expected a name in double quotes or '}', found 'a'`, 1},
		{`{"a":1,}`, "a comma must not stand before '}'", 7},
		{`{"a":[],b}`, `expected a name in double quotes after the value of "a", found 'b'`, 8},
		{`[1,]`, "a comma must not stand before ']'", 3},
		{`[`, "expected a value or ']', but the text ends", 1},
		{`[1,x]`, "expected a value for element 1, found 'x'", 3},
		{`['a']`, `expected a value or ']', found '\''`, 1},
		{`"abc`, "the text ends within a string", 4},
		{`"abc\`, "the text ends within a string", 5},
		{"\"a\tb\"", "the control character 0x09 must be escaped in a string", 2},
		{`"\x41"`, "unknown escape in a string: a backslash followed by 'x'", 1},
		{`"\u12g4"`, `\u must be followed by four hexadecimal digits`, 1},
		{`"\u12`, `\u must be followed by four hexadecimal digits`, 1},
		{`"a\ud800"`, `the escape \ud800 is one half of a surrogate pair without the other`, 2},
		{`"\ud800\u0041"`, `the escape \ud800 is one half of a surrogate pair without the other`, 1},
		{`"\ud800\ud800"`, `the escape \ud800 is one half of a surrogate pair without the other`, 1},
		{`"\uDFFF"`, `the escape \uDFFF is one half of a surrogate pair without the other`, 1},
		{"\"ab\xff\"", "the byte 0xff is not valid UTF-8", 3},
		{"\"\xed\xa0\x80\"", "the byte 0xed is not valid UTF-8", 1},
		{`"\` + "\x01", "unknown escape in a string: a backslash followed by the byte 0x01", 1},
		{`{"a":1,"b`, "the text ends within a string", 9},
		{`[[1,"`, "the text ends within a string", 5},
		{"\"\xc0\x80\"", "the byte 0xc0 is not valid UTF-8", 1},
		{`01`, "a number must not begin with a superfluous 0", 0},
		{`-`, "expected a digit in the number, but the text ends", 1},
		{`+1`, "expected a JSON value, found '+'", 0},
		{`.5`, "expected a JSON value, found '.'", 0},
		{`1.`, "expected a digit in the number, but the text ends", 2},
		{`1.e3`, "expected a digit in the number, found 'e'", 2},
		{`1e+`, "expected a digit in the number, but the text ends", 3},
		{`1e1000000000000000000`, "the number's exponent has more than 18 digits", 2},
		{`{"a":1,"b":2,"a":3}`, `the name "a" occurs twice in one object`, 13},
		{`{"a":1,"\u0061":3}`, `the name "\u0061" occurs twice in one object`, 7},
		{`{"\u0061":1,"a":3}`, `the name "a" occurs twice in one object`, 12},
		{`{"":1,"x":{"":1,"":2}}`, `the name "" occurs twice in one object`, 16},
		{deep, "arrays and objects are nested deeper than 512 levels", MaxDepth},
	}
	var d Doc
	for _, test := range tests {
		err := d.Parse([]byte(test.text))
		var syntax *SyntaxError
		if !errors.As(err, &syntax) {
			t.Errorf("%.60q: %v, want a syntax error", test.text, err)
			continue
		}
		if syntax.Reason != test.reason || syntax.Offset != test.offset {
			t.Errorf("%.60q: byte %d: %s\nwant byte %d: %s", test.text, syntax.Offset, syntax.Reason, test.offset, test.reason)
		}
		if len(d.Nodes) != 0 {
			t.Errorf("%.60q: nodes are left after an error", test.text)
		}
	}
}

func TestParseAccepts(t *testing.T) {
	long := strings.Repeat("9", 5000)
	for _, text := range []string{
		`0`, `-0`, `-0.0e-00`, `1E+2`, `1e400`, `1e-999999999999999999`, `1e+00000000000000000000000000000001`, long, `""`, `[]`, `{}`,
		"\t\r\n [ ] \n", `"\u0000\ud83d\ude00\/"`, `{"":{"":{"":null}}}`, `{"a":1,"A":2,"aa":3}`, `"` + "\U0010FFFF\u2028\x7f" + `"`,
		strings.Repeat("[", MaxDepth) + strings.Repeat("]", MaxDepth),
		strings.Repeat(`{"a":`, MaxDepth) + "1" + strings.Repeat("}", MaxDepth),
	} {
		parse(t, text)
	}
}

func TestSyntaxErrorPlace(t *testing.T) {
	var d Doc
	err := d.Parse([]byte("{\n  \"größe\": 1,\n  \"maß\": zwei\n}"))
	const want = `JSON line 3, column 10 (byte 28): expected a value for "maß", found 'z'`
	if err == nil || err.Error() != want {
		t.Errorf("%v\nwant %s", err, want)
	}
}

func TestSyntaxErrorShortensNames(t *testing.T) {
	var d Doc
	err := d.Parse([]byte(`{"` + strings.Repeat("ü", 500) + `"}`))
	if err == nil || len(err.Error()) > 200 || !strings.Contains(err.Error(), `üü…"`) {
		t.Errorf("%v", err)
	}
}

func TestParseSize(t *testing.T) {
	text := bytes.Repeat([]byte("x"), MaxSize+1)
	text[0], text[MaxSize-1], text[MaxSize] = '"', '"', ' '
	var d Doc
	if err := d.Parse(text[:MaxSize]); err != nil {
		t.Errorf("a document of the largest size: %v", err)
	}
	if err := d.Parse(text); err == nil || !strings.Contains(err.Error(), "67108865 bytes") {
		t.Errorf("a larger one: %v", err)
	}
}

// wide returns an object of n members whose name at index twice repeats the one at index 0.
func wide(n, twice int, name func(i int) string) string {
	members := make([]string, n)
	for i := range members {
		members[i] = fmt.Sprintf(`"%s":[%d]`, name(i), i)
	}
	if twice > 0 {
		members[twice] = fmt.Sprintf(`"%s":0`, name(0))
	}
	return "{" + strings.Join(members, ",") + "}"
}

func TestDuplicateNames(t *testing.T) {
	plain := func(i int) string { return fmt.Sprint("member ", i) }
	escaped := func(i int) string { return fmt.Sprintf(`%c\u%04x`, 'a'+i%26, 0x4e00+i) }
	var d Doc
	for _, n := range []int{2, manyMembers, manyMembers + 1, 300, 40_000} {
		for _, name := range []func(int) string{plain, escaped} {
			if n > 300 && name(0) != plain(0) {
				continue // there are not as many names of that form
			}
			if err := d.Parse([]byte(wide(n, 0, name))); err != nil {
				t.Errorf("%d names, all different: %v", n, err)
			}
			err := d.Parse([]byte(wide(n, n-1, name)))
			if err == nil || !strings.Contains(err.Error(), "twice") {
				t.Errorf("%d names, the last one is the first again: %v", n, err)
			}
		}
	}
}

func TestDocIsReusable(t *testing.T) {
	var d Doc
	for _, text := range []string{`{"a":[1,2,{"b":"\n"}]}`, `7`, `[[`, `"x"`, `{"a":{},"b":[]}`} {
		err := d.Parse([]byte(text))
		var fresh Doc
		wantErr := fresh.Parse([]byte(text))
		if (err == nil) != (wantErr == nil) || fmt.Sprint(d.Nodes) != fmt.Sprint(fresh.Nodes) {
			t.Errorf("%s: reused %v %v, fresh %v %v", text, d.Nodes, err, fresh.Nodes, wantErr)
		}
	}
}

func TestGet(t *testing.T) {
	d := parse(t, `{"a":1,"b":{"a":2},"\u0063\n":3,"":4,"a\u0000":5}`)
	tests := []struct {
		name, want string
	}{{"a", "1"}, {"b", `{"a":2}`}, {"c\n", "3"}, {"", "4"}, {"a\x00", "5"}, {"x", ""}, {`\u0063\n`, ""}}
	for _, test := range tests {
		i, ok := d.Get(0, test.name)
		if ok != (test.want != "") || ok && string(d.Raw(i)) != test.want {
			t.Errorf("get %q: %v", test.name, ok)
		}
	}
	if _, ok := d.Get(2, "a"); ok {
		t.Error("a number has members")
	}
}

func TestStrings(t *testing.T) {
	d := parse(t, `["a\"\\\/\b\f\n\r\t\u00e9\uD83D\uDE00\u0000z","plain",12.50,[1]]`)
	want := []string{"a\"\\/\b\f\n\r\té😀\x00z", "plain", "12.50", "[1]"}
	for n, i := 0, uint32(1); n < len(want); n, i = n+1, d.Nodes[i].Next {
		if got := d.String(i); got != want[n] {
			t.Errorf("string %d: %q, want %q", n, got, want[n])
		}
		if got := string(d.AppendString([]byte("+"), i)); got != "+"+want[n] {
			t.Errorf("appended string %d: %q", n, got)
		}
	}
	if got := string(d.Raw(2)); got != `"plain"` {
		t.Errorf("raw: %s", got)
	}
}

// TestNoAllocations holds the promise that a warm Doc costs the garbage collector nothing.
func TestNoAllocations(t *testing.T) {
	texts := [][]byte{
		orders(1)[0], spaced(orders(1))[0],
		[]byte(`{"\u0061":"\n","b":1.5e3}`),
		[]byte(wide(500, 0, func(i int) string { return fmt.Sprint("m", i) })),
	}
	key, err := NewKey([]string{"/id", "/b", "/missing"})
	if err != nil {
		t.Fatal(err)
	}
	var d, other Doc
	var out, packed []byte
	for _, text := range texts {
		work := func() {
			if err := d.Parse(text); err != nil {
				t.Fatal(err)
			}
			if err := other.Parse(text); err != nil {
				t.Fatal(err)
			}
			out = d.Append(out[:0], 0)
			if !Equal(&d, 0, &other, 0) && d.Nodes[0].N <= manyMembers {
				t.Fatal("differs from itself")
			}
			if d.Nodes[0].N <= manyMembers {
				out = d.AppendSorted(out[:0], 0)
			}
			if packed, err = key.AppendPacked(packed[:0], &d, 0); err != nil {
				t.Fatal(err)
			}
		}
		limit := 0.0
		if d.Parse(text) == nil && d.Nodes[0].N > manyMembers {
			limit = 2 // sorting the names of two wide objects
		}
		work()
		if n := testing.AllocsPerRun(20, work); n > limit {
			t.Errorf("%.40s: %v allocations", text, n)
		}
	}
}

func TestParsePrefix(t *testing.T) {
	var d Doc
	src := []byte(` {"a": [1, 2]} , "x",7] `)
	var got []string
	for at := 0; ; at++ { // behind a comma
		end, err := d.ParsePrefix(src[at:])
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, string(d.Raw(0)))
		if at += end; src[at] == ' ' {
			at++
		}
		if src[at] != ',' {
			break
		}
	}
	if want := []string{`{"a": [1, 2]}`, `"x"`, `7`}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	for _, bad := range []string{"", " ", "]", `{"a":1,}`, `"open`} {
		var syntax *SyntaxError
		if _, err := d.ParsePrefix([]byte(bad)); !errors.As(err, &syntax) || len(d.Nodes) != 0 {
			t.Errorf("%q: %v, %d nodes", bad, err, len(d.Nodes))
		}
	}
}
