package natsendpoint

import "testing"

func TestOverlap(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"a.b", "a.b", true}, {"a.b", "a.c", false}, {"a.*", "a.c", true}, {"a.*", "*.c", true}, {"a.*", "a.b.c", false},
		{"a.>", "a.b.c", true}, {"a.>", "a", false}, {">", "a", true}, {"a.>", "b.>", false}, {"*.*", "a.>", true},
	} {
		if Overlap(c.a, c.b) != c.want || Overlap(c.b, c.a) != c.want {
			t.Errorf("%s and %s: not %v", c.a, c.b, c.want)
		}
	}
	if !AnyOverlap([]string{"x", "a.>"}, "a.b") || AnyOverlap(nil, "a") {
		t.Error("any overlap")
	}
	for _, bad := range []string{"", "a..b", "a.>.b", "a.b*", "a b", "a."} {
		if CheckSubject(bad) == nil {
			t.Errorf("%q is taken for a subject", bad)
		}
	}
}
