package collection

import (
	"fmt"
	"strings"
	"testing"
)

func TestNames(t *testing.T) {
	for _, test := range []struct{ what, got, want string }{
		{"document filter", DocFilter("acmeCo/orders"), "weir.doc.acmeCo/orders.>"},
		{"name with a dot", DocFilter("acmeCo/v1.orders"), "weir.doc.acmeCo/v1%2Eorders.>"},
		{"name beyond ASCII", EncodeToken("acmeCo/größe"), "acmeCo/gr%C3%B6%C3%9Fe"},
		{"all that is escaped", EncodeToken(".*> %\t\x7f"), "%2E%2A%3E%20%25%09%7F"},
		{"all else as it is", EncodeToken(`!"#$&'()+,-/:;<=?@[\]^_{|}~`), `!"#$&'()+,-/:;<=?@[\]^_{|}~`},
		{"marker", TxnSubject("acmeCo/totals", "acmeCo/v1.totals", "0-1"), "weir.txn.acmeCo/totals.acmeCo/v1%2Etotals.0-1"},
		{"markers", TxnFilter("acmeCo/totals", "acmeCo/to.tals"), "weir.txn.acmeCo/totals.acmeCo/to%2Etals.>"},
		{"publishing without key", PubSubject("acmeCo/orders"), "weir.pub.acmeCo/orders"},
		{"publishing with key", PubSubject("acmeCo/orders", "a.b", "", "7"), "weir.pub.acmeCo/orders.a%2Eb.%e.7"},
		{"inbox", PubFilter(), "weir.pub.>"},
		{"quarantine", BadSubject("acmeCo/orders", "acmeCo/totals", 42, 3), "weir.bad.acmeCo/orders.acmeCo/totals.42.3"},
		{"quarantine of a collection", BadFilter("acmeCo/orders"), "weir.bad.acmeCo/orders.>"},
		{"stream", StreamName("acmeCo/sub/v1.orders"), "acmeCo=sub=v1%2Eorders"},
		{"stream of an impossible name", StreamName(`a=b\c`), "a%3Db%5Cc"},
		{"KV key", KVKey("acmeCo/v1.orders"), "acmeCo/v1=2Eorders"},
		{"KV key of anything", KVKey("a=b:c@d é\x02"), "a=3Db=3Ac=40d=20=C3=A9=02"},
		{"consumer", ConsumerName("acmeCo/totals", "0-1"), "acmeCo=totals_0-1"},
		{"consumer of a transform", ConsumerName("acmeCo/totals", "0-1", "from.orders"), "acmeCo=totals_0-1_from%2Eorders"},
		{"key component", KeyToken("cust-42"), "cust-42"},
		{"empty component", KeyToken(""), "%e"},
		{"component like an escape", KeyToken("%n"), "%25n"},
		{"longest component", KeyToken(strings.Repeat("x", 128)), strings.Repeat("x", 128)},
		{"longest component, escaped", KeyToken(strings.Repeat(".", 128)), strings.Repeat("%2E", 128)},
		// printf %0129d 0 | sha256sum
		{"too long component", KeyToken(strings.Repeat("0", 129)), "%hbeab3966389f2ad495c7db4f9dc029f1"},
	} {
		if test.got != test.want {
			t.Errorf("%s: got %s, want %s", test.what, test.got, test.want)
		}
	}
}

func TestConsumerNameFitsTheServer(t *testing.T) {
	long := "acmeCo/" + strings.Repeat("ö", 100)
	a, b := ConsumerName(long, "0-1", "one"), ConsumerName(long, "0-1", "two")
	if len(a) > maxConsumerName || a == b {
		t.Errorf("got %s (%d bytes) and %s", a, len(a), b)
	}
	if i := strings.IndexAny(a, "./*> \\"); i >= 0 {
		t.Errorf("%s holds %q", a, a[i])
	}
}

func TestDecodeRefusesOtherSpellings(t *testing.T) {
	type decoder func(string) (string, error)
	for _, test := range []struct {
		decode decoder
		in     string
		want   string
	}{
		{DecodeToken, "a%2e", `decode subject token "a%2e": an escape needs two upper-case hexadecimal digits`},
		{DecodeToken, "a%2", `decode subject token "a%2": an escape needs two upper-case hexadecimal digits`},
		{DecodeToken, "%41", `decode subject token "%41": byte 'A' at offset 0 must not be escaped`},
		{DecodeToken, "a.b", `decode subject token "a.b": byte '.' at offset 1 must be escaped`},
		{catalogName, "a/b", `decode stream name "a/b": byte '/' at offset 1 must be escaped`},
		{catalogName, "a=%", `decode stream name "a=%": an escape needs two upper-case hexadecimal digits`},
		{DecodeKVKey, "a%2E", `decode KV key "a%2E": byte '%' at offset 1 must be escaped`},
	} {
		if got, err := test.decode(test.in); err == nil || err.Error() != test.want {
			t.Errorf("%q: got %q, %v; want %s", test.in, got, err, test.want)
		}
	}
}

// catalogName is the reverse of StreamName.
func catalogName(stream string) (string, error) {
	parts := strings.Split(stream, "=")
	for i, part := range parts {
		s, err := unescape(part, '%', &namePlain)
		if err != nil {
			return "", fmt.Errorf("decode stream name %q: %w", stream, err)
		}
		parts[i] = s
	}
	return strings.Join(parts, "/"), nil
}

// fuzzEncoding proves of an encoding that it can be undone, that what it decodes is
// spelled in one way, and that it writes no byte that its place does not take.
func fuzzEncoding(f *testing.F, encode func(string) string, decode func(string) (string, error), never string) {
	for _, seed := range []string{"", "acmeCo/orders", "a.b", "%2E", "=2E", "ö\x00\xff", "a%2", "a=b=c", "*>"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		encoded := encode(s)
		if strings.ContainsAny(encoded, never) {
			t.Errorf("%q: encoded as %q", s, encoded)
		}
		if back, err := decode(encoded); err != nil || back != s {
			t.Errorf("%q: encoded as %q, decoded as %q, %v", s, encoded, back, err)
		}
		if plain, err := decode(s); err == nil && encode(plain) != s {
			t.Errorf("%q: decoded as %q, which is encoded as %q", s, plain, encode(plain))
		}
	})
}

func FuzzToken(f *testing.F)      { fuzzEncoding(f, EncodeToken, DecodeToken, ".*> \t\n\r\x7f") }
func FuzzStreamName(f *testing.F) { fuzzEncoding(f, StreamName, catalogName, "./\\*> \t\n\r\x7f") }
func FuzzKVKey(f *testing.F)      { fuzzEncoding(f, KVKey, DecodeKVKey, ".*> \t\n\r%:@\x7f") }
