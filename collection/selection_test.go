package collection

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"weir/catalog"
)

// parted makes acmeCo/things with the logical partitions a-shop, priced and region.
func parted(t testing.TB) *Collection {
	t.Helper()
	s := spec(`{}`, "/id")
	s.Projections = map[string]catalog.Projection{
		"region": {Location: "/region", Partition: true}, "a-shop": {Location: "/at/shop", Partition: true},
		"priced": {Location: "/priced", Partition: true}, "plain": {Location: "/plain"},
	}
	c, err := New(s)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func values(texts ...string) []json.RawMessage {
	var out []json.RawMessage
	for _, text := range texts {
		out = append(out, json.RawMessage(text))
	}
	return out
}

type byField = map[string][]json.RawMessage

func selected(t testing.TB, c *Collection, include, exclude byField) Selection {
	t.Helper()
	s, err := c.Select(&catalog.Selector{Include: include, Exclude: exclude})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestPartitionedSubject has the fields' values, sorted by their names, between
// the partition and the key; the partition is that of the key alone.
func TestPartitionedSubject(t *testing.T) {
	c := parted(t)
	doc := parsed(t, `{"id":"x.y","region":"E U","at":{"shop":7},"priced":true}`)
	want := fmt.Sprintf("weir.doc.acmeCo/things.%d.7.true.E%%20U.x%%2Ey", partitionOf([]byte("x%2Ey"), 16))
	if got, err := c.AppendSubject(nil, doc); err != nil || string(got) != want {
		t.Errorf("got %s, %v, want %s", got, err, want)
	}
	for subject, message := range map[string]string{
		want:                                          "",
		strings.Replace(want, ".7.", ".8.", 1):        `/at/shop: subject: says "8", the document's logical partition field a-shop is "7"`,
		strings.Replace(want, "E%20U", "US", 1):       `/region: subject: says "US", the document's logical partition field region is "E%20U"`,
		strings.Replace(want, "x%2Ey", "z", 1):        `/id: subject: says "z", the document's key is "x%2Ey"`,
		strings.Replace(want, ".true", "", 1):         "has 3 tokens of logical partition fields and key, these have 4",
		strings.Replace(want, "things.", "other.", 1): "is not under weir.doc.acmeCo/things.>",
	} {
		switch err := c.Checker().Check(doc, subject); {
		case message == "" && err != nil, message != "" && (err == nil || !strings.Contains(err.Error(), message)):
			t.Errorf("%s: %v", subject, err)
		}
	}
	if _, err := c.AppendSubject(nil, parsed(t, `{"id":"x","region":[]}`)); err == nil || !strings.Contains(err.Error(), "/region") {
		t.Errorf("an array as a partition: %v", err)
	}
}

func TestSelection(t *testing.T) {
	c := parted(t)
	subjects := []string{}
	for _, doc := range []string{
		`{"id":"1","region":"EU","at":{"shop":7},"priced":true}`,
		`{"id":"2","region":"US","at":{"shop":7},"priced":false}`,
		`{"id":"3","region":"a.b","at":{"shop":-8},"priced":true}`,
	} {
		subject, err := c.AppendSubject(nil, parsed(t, doc))
		if err != nil {
			t.Fatal(err)
		}
		subjects = append(subjects, string(subject))
	}
	for _, test := range []struct {
		include, exclude  byField
		has, text, filter string
	}{
		{nil, nil, "123", "*.*.*", "weir.doc.acmeCo/things.>"},
		{byField{"region": values(`"EU"`)}, nil, "1", "*.*.EU", "weir.doc.acmeCo/things.*.*.*.EU.>"},
		{byField{"region": values(`"US"`, `"EU"`, `"US"`)}, nil, "12", "*.*.EU US", "weir.doc.acmeCo/things.*.*.*.*.>"},
		{byField{"a-shop": values("7.0"), "priced": values("true")}, nil, "1", "7.true.*", "weir.doc.acmeCo/things.*.7.true.*.>"},
		{byField{"a-shop": values("-8", "9")}, byField{"region": values(`"EU"`)}, "3", "-8 9.*.* EU", "weir.doc.acmeCo/things.*.*.*.*.>"},
		{nil, byField{"region": values(`"a.b"`), "priced": values("false")}, "1", "*.* false.* a%2Eb", "weir.doc.acmeCo/things.*.*.*.*.>"},
		{byField{"region": values(`"EU"`, `"US"`)}, byField{"region": values(`"EU"`)}, "2", "*.*.US", "weir.doc.acmeCo/things.*.*.*.US.>"},
	} {
		s := selected(t, c, test.include, test.exclude)
		has := ""
		for i, subject := range subjects {
			if s.Has(subject) {
				has += fmt.Sprint(i + 1)
			}
		}
		if has != test.has || s.String() != test.text || s.Filter() != test.filter || s.All() != (test.text == "*.*.*") {
			t.Errorf("%v but %v: has %s, is %q, reads %s", test.include, test.exclude, has, s, s.Filter())
		}
		again, err := c.ParseSelection(test.text)
		if err != nil || again.String() != test.text {
			t.Errorf("%q is read as %q, %v", test.text, again, err)
		}
		for _, foreign := range []string{"", "weir.doc.acmeCo/other.1.x", "weir.doc.acmeCo/things"} {
			if !s.Has(foreign) {
				t.Errorf("%v passes over %q, of which its reader should complain", s, foreign)
			}
		}
	}
	for _, bad := range []catalog.Selector{
		{Include: byField{"plain": values("1")}}, {Exclude: byField{"nothing": values("1")}},
		{Include: byField{"region": values("[]")}}, {Exclude: byField{"region": values("1.5")}}, {Exclude: byField{"region": values("x")}},
	} {
		if s, err := c.Select(&bad); err == nil {
			t.Errorf("%v is taken as %v", bad, s)
		}
	}
	if s, err := keyed(t, "/id").Select(nil); err != nil || !s.All() || !s.Has("anything") || s.Filter() != "weir.doc.acmeCo/things.>" {
		t.Errorf("without partitions: %v, %v", s, err)
	}
}

// TestSplit gives one part a combination of listed values; a list that makes too
// many stays whole. No value at all is no part.
func TestSplit(t *testing.T) {
	c := parted(t)
	texts := func(parts []Selection) string {
		var out []string
		for _, p := range parts {
			out = append(out, p.String())
		}
		return strings.Join(out, ", ")
	}
	s := selected(t, c, byField{"a-shop": values("1", "2"), "region": values(`"EU"`, `"US"`, `"XX"`)}, byField{"priced": values("true")})
	for most, want := range map[int]string{
		1: "1 2.* true.EU US XX",
		2: "1.* true.EU US XX, 2.* true.EU US XX",
		5: "1.* true.EU US XX, 2.* true.EU US XX",
		6: "1.* true.EU, 1.* true.US, 1.* true.XX, 2.* true.EU, 2.* true.US, 2.* true.XX",
	} {
		if got := texts(s.Split(most)); got != want {
			t.Errorf("at most %d: %s", most, got)
		}
	}
	if got := texts(selected(t, c, nil, nil).Split(4)); got != "*.*.*" {
		t.Errorf("of all: %s", got)
	}
	if got := selected(t, c, byField{"region": values(`"EU"`)}, byField{"region": values(`"EU"`)}).Split(4); len(got) != 0 {
		t.Errorf("of nothing: %v", got)
	}
}

// TestWithin compares with what the selections have of all combinations of a few
// values, one of which no selection names.
func TestWithin(t *testing.T) {
	c := parted(t)
	var all []Selection
	for _, region := range []string{"*", "EU", "US", "EU US", "* EU", "* EU US"} {
		for _, shop := range []string{"*", "7", "7 8", "* 7"} {
			s, err := c.ParseSelection(shop + ".*." + region)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, s)
		}
	}
	var subjects []string
	for _, region := range []string{"EU", "US", "other"} {
		for _, shop := range []string{"7", "8", "9"} {
			subjects = append(subjects, "weir.doc.acmeCo/things.0."+shop+".true."+region+".id")
		}
	}
	for _, a := range all {
		for _, b := range all {
			want := !slices.ContainsFunc(subjects, func(s string) bool { return a.Has(s) && !b.Has(s) })
			if got := a.Within(b); got != want {
				t.Errorf("%q within %q: %v", a, b, got)
			}
		}
	}
}

func FuzzParseSelection(f *testing.F) {
	for _, seed := range []string{"*.*.*", "7.true.EU US", "* 7.* false.* a%2Eb", "", "..", "* .  .*", "b a.*.*", "a a.*.*", "*.*", "> .x.y"} {
		f.Add(seed)
	}
	c := parted(f)
	f.Fuzz(func(t *testing.T, text string) {
		if s, err := c.ParseSelection(text); err == nil && s.String() != text {
			t.Errorf("%q is read as %q", text, s)
		}
	})
}
