package collection

import (
	"strings"
	"testing"
)

func TestRejectionRoundTrip(t *testing.T) {
	for _, r := range []Rejection{
		{Task: "acmeCo/totals", Pointer: "/amount", Rule: "type", Reason: "is a string", Origin: "weir.doc.acmeCo/orders.3.a", Sequence: 7},
		{Task: "acmeCo/orders", Rule: RuleJSON, Reason: "no value", Origin: "weir.pub.acmeCo/orders", Sequence: 1 << 41, Part: 2, Parts: 3},
	} {
		if got := ParseRejection(r.Header()); got != r {
			t.Errorf("got %+v, want %+v", got, r)
		}
	}
	long := ParseRejection(Rejection{Reason: "two\nlines" + strings.Repeat("ä", 600)}.Header())
	if strings.ContainsAny(long.Reason, "\r\n") || len(long.Reason) > 520 || !strings.HasSuffix(long.Reason, "...") {
		t.Errorf("reason %q", long.Reason)
	}
}

func TestBadSubjects(t *testing.T) {
	subject := BadSubject("acmeCo/a.b", "acmeCo/t~fromX.v0/0-1/acmeCo/orders", 12, 3)
	want := BadName{Collection: "acmeCo/a.b", By: "acmeCo/t~fromX.v0/0-1/acmeCo/orders", Sequence: 12, N: 3, Part: 1}
	if got, err := ParseBadSubject(subject); err != nil || got != want {
		t.Errorf("%s: %+v, %v", subject, got, err)
	}
	want.Part = 4
	if got, err := ParseBadSubject(BadPart(subject, 4)); err != nil || got != want {
		t.Errorf("part: %+v, %v", got, err)
	}
	for _, bad := range []string{"", "weir.bad.x", "weir.doc.a.b.1.0", "weir.bad.a.b.x.0", "weir.bad.a.b.1.x", "weir.bad.a.b.1.-1", "weir.bad.a.b.1.0-1", "weir.bad.a%2.b.1.0", "weir.bad.a.b.1.0.0"} {
		if got, err := ParseBadSubject(bad); err == nil {
			t.Errorf("%q is read as %+v", bad, got)
		}
	}
}

func FuzzParseBadSubject(f *testing.F) {
	f.Add("weir.bad.acmeCo/orders.acmeCo/totals.12.0")
	f.Add("weir.bad.a%2Eb.c~d.1.2-3")
	f.Fuzz(func(t *testing.T, subject string) {
		name, err := ParseBadSubject(subject)
		if err != nil {
			return
		}
		again, err := ParseBadSubject(BadPart(BadSubject(name.Collection, name.By, name.Sequence, name.N), name.Part))
		if err != nil || again != name {
			t.Fatalf("%q: %+v reads back as %+v, %v", subject, name, again, err)
		}
	})
}
