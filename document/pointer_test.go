package document

import "testing"

func TestPointerFind(t *testing.T) {
	d := parse(t, `{"a":{"b":[10,{"c":true}]},"":1,"x/y":2,"~":3,"m~n/":4,"0":5,"é":6,"-":7}`)
	tests := []struct {
		pointer, want string
	}{
		{"", string(d.Src)}, {"/a/b/0", "10"}, {"/a/b/1/c", "true"}, {"/", "1"}, {"/x~1y", "2"}, {"/~0", "3"}, {"/m~0n~1", "4"},
		{"/0", "5"}, {"/é", "6"}, {"/-", "7"}, {"/~01", ""},
		{"/a/b/2", ""}, {"/a/b/-", ""}, {"/a/b/01", ""}, {"/a/b/+1", ""}, {"/a/b/", ""}, {"/a/b/4294967296", ""}, {"/a/c", ""}, {"/a/b/0/x", ""}, {"/zzz", ""},
	}
	for _, test := range tests {
		p, err := ParsePointer(test.pointer)
		if err != nil {
			t.Errorf("%q: %v", test.pointer, err)
			continue
		}
		if p.String() != test.pointer {
			t.Errorf("%q is written as %q", test.pointer, p.String())
		}
		i, ok := p.Find(d, 0)
		if ok != (test.want != "") || ok && string(d.Raw(i)) != test.want {
			t.Errorf("%q: found %v", test.pointer, ok)
		}
	}
}

func TestParsePointerRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"id":    `pointer "id": must begin with '/', as in "/id"`,
		"#/id":  `pointer "#/id": must begin with '/', as in "/#/id"`,
		"/a~":   `pointer "/a~": '~' must be followed by 0 or 1 (~0 stands for '~', ~1 for '/')`,
		"/a~2b": `pointer "/a~2b": '~' must be followed by 0 or 1 (~0 stands for '~', ~1 for '/')`,
	} {
		if _, err := ParsePointer(text); err == nil || err.Error() != want {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func FuzzPointer(f *testing.F) {
	for _, s := range []string{"", "/", "/a/0", "/~0~1", "a", "/~", "//"} {
		f.Add(s)
	}
	d := parse(f, `{"a":[1,[2]],"":{"":1},"~/":1}`)
	f.Fuzz(func(t *testing.T, s string) {
		p, err := ParsePointer(s)
		if err != nil {
			return
		}
		if p.String() != s {
			t.Fatalf("%q is written as %q", s, p.String())
		}
		p.Find(d, 0)
	})
}
