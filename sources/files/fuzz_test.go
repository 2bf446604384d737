package files

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"weir/schema"
)

// split gives the texts of content, or the error at which it ends.
func split(content string, s splitter, oneByOne bool) (out []text, err error) {
	var in io.Reader = strings.NewReader(content)
	if oneByOne {
		in = iotest.OneByteReader(in)
	}
	t := &texts{in: in, split: s}
	for {
		got, err := t.next()
		if err != nil {
			return out, err
		}
		got.data = bytes.Clone(got.data)
		out = append(out, got)
	}
}

func splitters() map[string]func() splitter {
	return map[string]func() splitter{
		"lines":      func() splitter { return &lineSplitter{} },
		"rows":       func() splitter { return &rowSplitter{delimiter: ','} },
		"paragraphs": func() splitter { return &paragraphSplitter{} },
		"values":     func() splitter { return &valueSplitter{} },
	}
}

// FuzzSplit checks of each splitter that it does not matter in which pieces a
// file is read, and that going on behind any text gives the others.
func FuzzSplit(f *testing.F) {
	for _, seed := range []string{
		"", "\n\n", "a\nb", "{\"a\":1}\n{\"b\":2}\n", "[1,[2],\"]\\\"\"]", "1 2\"x\"{}", "[1,", "a,\"b\nc\"\n\"\"\"\"\n", "A: b\n c\n\nD: e",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, content string) {
		for name, fresh := range splitters() {
			whole, err := split(content, fresh(), false)
			pieces, err2 := split(content, fresh(), true)
			if !errors.Is(err, io.EOF) != !errors.Is(err2, io.EOF) || !slices.EqualFunc(whole, pieces, sameText) {
				t.Fatalf("%s of %q: at once %+v, %v; byte by byte %+v, %v", name, content, whole, err, pieces, err2)
			}
			if name == "values" { // is read from the beginning always
				continue
			}
			for i, at := range whole {
				rest, _ := split(content[at.end:], fresh(), false)
				for n := range rest {
					rest[n].offset, rest[n].end, rest[n].line, rest[n].lines = rest[n].offset+at.end, rest[n].end+at.end, rest[n].line+at.lines, rest[n].lines+at.lines
				}
				if !slices.EqualFunc(rest, whole[i+1:], sameText) {
					t.Fatalf("%s of %q behind text %d: %+v, want %+v", name, content, i, rest, whole[i+1:])
				}
			}
		}
	})
}

func sameText(a, b text) bool {
	return string(a.data) == string(b.data) && a.offset == b.offset && a.end == b.end && a.line == b.line && a.lines == b.lines && a.open == b.open
}

// FuzzValues compares the splitter of values with the standard library: what
// both take for values is the same.
func FuzzValues(f *testing.F) {
	for _, seed := range []string{"", "[]", "[1,{\"a\":[]},\"x,]\"]", "{} {}", "1 2", "\"a\\\\\"", "[1 2]", "nul", "[1]2"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, content string) {
		var want []string
		d := json.NewDecoder(strings.NewReader(content))
		for {
			var v json.RawMessage
			err := d.Decode(&v)
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return // no JSON: the splitter need not see it
			}
			if bytes.HasPrefix(v, []byte("[")) {
				var elements []json.RawMessage
				if json.Unmarshal(v, &elements) != nil {
					return
				}
				for _, e := range elements {
					want = append(want, string(e))
				}
				continue
			}
			want = append(want, string(v))
		}
		texts, err := split(content, &valueSplitter{}, false)
		var got []string
		for _, v := range texts {
			got = append(got, string(v.data))
		}
		if slices.Equal(got, want) && errors.Is(err, io.EOF) || adjacent(content) {
			return
		}
		t.Fatalf("%q: %q, %v; want %q", content, got, err, want)
	})
}

// adjacent says whether words or numbers stand beside each other without a
// blank, which the standard library divides and the splitter leaves together.
func adjacent(content string) bool {
	texts, _ := split(content, &valueSplitter{}, false)
	return slices.ContainsFunc(texts, func(v text) bool { return !json.Valid(v.data) })
}

// FuzzRows compares rows with the standard library's.
func FuzzRows(f *testing.F) {
	for _, seed := range []string{"a,b\n", "\"a\"\"b\",c\n", ",\n", "\"x\ny\",\n1,2\n", "a\"b\n", "\"a\"b\n", "a\r\nb"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, content string) {
		if strings.Contains(content, "\r") { // which the library changes within fields
			return
		}
		r := csv.NewReader(strings.NewReader(content))
		r.FieldsPerRecord = -1
		want, err := r.ReadAll()
		if err != nil {
			want = nil
		}
		texts, _ := split(content, &rowSplitter{delimiter: ','}, false)
		var got [][]string
		var scratch []byte
		for _, row := range texts {
			var fields []string
			fault := eachField(row.data, ',', &scratch, func(text []byte) error {
				fields = append(fields, string(text))
				return nil
			})
			if fault != nil {
				if err == nil {
					t.Fatalf("%q: %v, the library takes it", content, fault)
				}
				return
			}
			got = append(got, fields)
		}
		if err != nil {
			t.Fatalf("%q: taken, the library says %v", content, err)
		}
		if !slices.EqualFunc(got, want, slices.Equal[[]string]) {
			t.Fatalf("%q: %q, want %q", content, got, want)
		}
	})
}

// FuzzDocuments checks that a row or paragraph becomes JSON, or is refused.
func FuzzDocuments(f *testing.F) {
	f.Add("a,1,true,\n", uint8(255))
	f.Add("A: b\n .\n  c", uint8(0))
	f.Add("\xff", uint8(7))
	f.Fuzz(func(t *testing.T, content string, types uint8) {
		kinds := func(string) kind { return kind{types: schema.Types(types) & schema.AnyType, guess: types == 0} }
		for _, d := range []decoder{newRows(',', []string{"a", "b\"", "c"}, kinds), newParagraphs(kinds)} {
			doc, err := d.append([]byte("x"), []byte(content))
			if doc[0] != 'x' || err != nil && len(doc) != 1 {
				t.Fatalf("%q: %q, %v", content, doc, err)
			}
			if err == nil && !json.Valid(doc[1:]) {
				t.Fatalf("%q becomes %q", content, doc[1:])
			}
			if err == nil {
				if out := appendWithMeta(nil, doc[1:], "f", 1); !json.Valid(out) {
					t.Fatalf("%q becomes %q", content, out)
				}
			}
		}
	})
}

// FuzzState checks that a state is read or refused.
func FuzzState(f *testing.F) {
	f.Add(`{"v":1,"bindings":{"x":{"mark":1,"files":{"a":[1,2,3,4,"v",5,"h",true]}}}}`)
	f.Add(`{"v":1,"bindings":{"x":null}}`)
	f.Fuzz(func(t *testing.T, text string) {
		s, err := parseState(json.RawMessage(text))
		if err != nil {
			return
		}
		for _, p := range s.Bindings {
			b := newBinding(0, "x", resource{}, nil, nil, p)
			b.progress.Files[""] = &record{}
		}
	})
}

func FuzzPattern(f *testing.F) {
	f.Add("a*[!b-c]{d,e}?", "axdx")
	f.Add("**/", "a/")
	f.Fuzz(func(_ *testing.T, glob, key string) {
		if p, err := parsePattern(glob); err == nil {
			p.matches(key)
		}
	})
}
