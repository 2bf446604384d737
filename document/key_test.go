package document

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"math/big"
	"reflect"
	"strings"
	"testing"
)

func TestPackScalars(t *testing.T) {
	tests := []struct{ text, want string }{
		{`null`, "00"}, {`false`, "26"}, {`true`, "27"},
		{`""`, "0200"}, {`"A"`, "024100"}, {`"F\u00d4O\u0000bar"`, "0246c3944f00ff62617200"}, {`"\u0000"`, "0200ff00"},
		{`0`, "14"}, {`-0`, "14"}, {`0.0`, "14"}, {`-0e9`, "14"}, {`1`, "1501"}, {`1.0`, "1501"}, {`1e2`, "1564"}, {`-1`, "13fe"}, {`255`, "15ff"}, {`256`, "160100"},
		{`-255`, "1300"}, {`-256`, "12feff"}, {`-5551212`, "11ab4b93"},
		{`9223372036854775807`, "1c7fffffffffffffff"}, {`-9223372036854775808`, "0c7fffffffffffffff"},
		{`18446744073709551615`, "1cffffffffffffffff"}, {`-18446744073709551615`, "0c0000000000000000"},
		{`18446744073709551616`, "1d09010000000000000000"}, {`-18446744073709551616`, "0bf6feffffffffffffffff"}, {`1e20`, "1d09056bc75e2d63100000"},
	}
	key, err := NewKey([]string{""})
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range tests {
		packed, err := key.AppendPacked(nil, parse(t, test.text), 0)
		if got := hex.EncodeToString(packed); err != nil || got != test.want {
			t.Errorf("%s: %s %v, want %s", test.text, got, err, test.want)
		}
	}
}

func TestPackKey(t *testing.T) {
	key, err := NewKey([]string{"/customer/id", "/lines/1", "/flag", "/none"})
	if err != nil {
		t.Fatal(err)
	}
	d := parse(t, `[{"customer":{"id":"c-1"},"lines":[7,300],"flag":true}]`)
	packed, err := key.AppendPacked([]byte("x"), d, 1)
	if got := hex.EncodeToString(packed); err != nil || got != "7802632d310016012c2700" {
		t.Errorf("%s %v", got, err)
	}
	key.Defaults = [][]byte{nil, nil, nil, []byte(`"eur"`)}
	packed, err = key.AppendPacked(nil, d, 1)
	if err != nil {
		t.Fatal(err)
	}
	if text, err := AppendKeyJSON([]byte("+"), packed); err != nil || string(text) != `+["c-1",300,true,"eur"]` {
		t.Errorf("%s %v", text, err)
	}
}

func TestKeyRefuses(t *testing.T) {
	tests := []struct{ text, def, want string }{
		{`{"a":[1]}`, ``, `key: the value at "/a" is an array; keys are made of strings, integers, booleans and null`},
		{`{"a":{}}`, ``, `key: the value at "/a" is an object; keys are made of strings, integers, booleans and null`},
		{`{"a":1.5}`, ``, `key: the value at "/a" is the fractional number 1.5; keys take integers only`},
		{`{"a":1e615}`, ``, `key: the value at "/a" is an integer of more than 255 bytes`},
		{`{"a":9e614}`, ``, `key: the value at "/a" is an integer of more than 255 bytes`},
		{`{"a":-1e999999999}`, ``, `key: the value at "/a" is an integer of more than 255 bytes`},
		{`{}`, `0.5`, `key: the value at "/a" is missing, and its default is the fractional number 0.5; keys take integers only`},
		{`{}`, `x`, `key: the value at "/a" is missing, and its default cannot be read: JSON line 1, column 1 (byte 0): expected a JSON value, found 'x'`},
	}
	for _, test := range tests {
		key, err := NewKey([]string{"/a"})
		if err != nil {
			t.Fatal(err)
		}
		if test.def != "" {
			key.Defaults = [][]byte{[]byte(test.def)}
		}
		out, err := key.AppendPacked([]byte("x"), parse(t, test.text), 0)
		var refused *KeyError
		if !errors.As(err, &refused) || err.Error() != test.want || refused.Pointer != "/a" || string(out) != "x" {
			t.Errorf("%s: %v\nwant %s", test.text, err, test.want)
		}
	}
	for _, pointers := range [][]string{nil, {"id"}} {
		if _, err := NewKey(pointers); err == nil {
			t.Errorf("a key of %q", pointers)
		}
	}
}

func TestUnpackKey(t *testing.T) {
	key, err := NewKey([]string{"/0", "/1", "/2", "/3", "/4", "/5", "/6", "/7", "/8", "/9"})
	if err != nil {
		t.Fatal(err)
	}
	const text = `[null,true,"a\u0000b",-7,9223372036854775808,1e30,-1e30,-9223372036854775808,"",-9223372036854775809]`
	packed, err := key.AppendPacked(nil, parse(t, text), 0)
	if err != nil {
		t.Fatal(err)
	}
	huge, _ := new(big.Int).SetString("1"+strings.Repeat("0", 30), 10)
	below, _ := new(big.Int).SetString("-9223372036854775809", 10)
	want := []any{nil, true, "a\x00b", int64(-7), uint64(1 << 63), huge, new(big.Int).Neg(huge), int64(math.MinInt64), "", below}
	got, err := UnpackKey(packed)
	if err != nil || len(got) != len(want) {
		t.Fatalf("%v %v", got, err)
	}
	for i := range want {
		if !reflect.DeepEqual(got[i], want[i]) && fmt.Sprintf("%T %v", got[i], got[i]) != fmt.Sprintf("%T %v", want[i], want[i]) {
			t.Errorf("component %d: %T %v, want %T %v", i, got[i], got[i], want[i], want[i])
		}
	}
	parts, err := SplitKey(packed)
	if err != nil || len(parts) != len(want) || !bytes.Equal(bytes.Join(parts, nil), packed) {
		t.Errorf("split: %x, %v", parts, err)
	}
	for i, part := range parts {
		if one, err := UnpackKey(part); err != nil || len(one) != 1 || fmt.Sprint(one[0]) != fmt.Sprint(want[i]) {
			t.Errorf("component %d by itself: %v, %v", i, one, err)
		}
	}
	if text, err := AppendKeyJSON(nil, nil); err != nil || string(text) != "[]" {
		t.Errorf("the empty key: %s %v", text, err)
	}
}

func TestUnpackKeyRefuses(t *testing.T) {
	for packed, want := range map[string]string{
		"1501ff":               "packed key: the code 0xff, which is none of a key's at byte 2",
		"0261":                 "packed key: a string without an end at byte 0",
		"026100ff":             "packed key: a string without an end at byte 0",
		"02ff00":               "packed key: a string that is not UTF-8 at byte 0",
		"02c300ffa900":         "packed key: a string that is not UTF-8 at byte 0",
		"1601":                 "packed key: an integer of 2 bytes, of which 1 are there at byte 0",
		"160001":               "packed key: an integer that has a shorter form at byte 0",
		"12ff00":               "packed key: an integer that has a shorter form at byte 0",
		"1d":                   "packed key: an integer without its length at byte 0",
		"1d0101":               "packed key: a big integer of 1 bytes at byte 0",
		"0bf7ffffffffffffffff": "packed key: a big integer of 8 bytes at byte 0",
		"0100":                 "packed key: the code 0x01, which is none of a key's at byte 0",
	} {
		raw, err := hex.DecodeString(packed)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := UnpackKey(raw); err == nil || err.Error() != want {
			t.Errorf("%s: %v\nwant %s", packed, err, want)
		}
		if out, err := AppendKeyJSON([]byte("x"), raw); err == nil || string(out) != "x" {
			t.Errorf("%s as JSON: %s %v", packed, out, err)
		}
	}
}
