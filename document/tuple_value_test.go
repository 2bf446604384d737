package document

import (
	"encoding/hex"
	"testing"
)

// TestAppendTuple compares with what FoundationDB's tuple layer documents of its encoding.
func TestAppendTuple(t *testing.T) {
	for text, want := range map[string]string{
		`null`: "00", `true`: "27", `"a\u0000b"`: "02" + "6100ff62" + "00", `7`: "1507", `-1`: "13fe", `7.0`: "1507",
		`1.5`: "21bff8000000000000", `-1.5`: "214007ffffffffffff", `[1,{"a":2}]`: "01" + hex.EncodeToString([]byte(`[1,{"a":2}]`)) + "00",
		`1e400`: "1d", `1e-400`: "218000000000000000", `1e9999`: "02" + hex.EncodeToString([]byte("1e9999")) + "00",
	} {
		var d Doc
		if err := d.Parse([]byte(text)); err != nil {
			t.Fatal(err)
		}
		got := hex.EncodeToString(AppendTuple(nil, &d, 0))
		if text == `1e400` { // an integer of many bytes
			got = got[:2]
		}
		if got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
	if got := hex.EncodeToString(AppendTupleString(AppendTupleNull(nil), "a\x00")); got != "00"+"026100ff00" {
		t.Error(got)
	}
}
