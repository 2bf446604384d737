package postgres

import (
	"encoding/binary"
	"strconv"
	"strings"
	"testing"
	"time"

	"weir/document"
	"weir/sinks/sqltable"
)

// FuzzTexts: whatever a string holds, it is refused or becomes a value of the
// right size; times are what Go reads, and numbers keep their digits.
func FuzzTexts(f *testing.F) {
	for _, c := range typeCases {
		f.Add(strings.Trim(c.value, `"`))
	}
	sizes := map[kind][]int{kindDate: {4}, kindTimestamp: {8}, kindTime: {8}, kindInterval: {16}, kindCIDR: {8, 20}, kindMAC: {6}, kindMAC8: {8}, kindUUID: {16}}
	f.Fuzz(func(t *testing.T, text string) {
		v := sqltable.Value{Kind: sqltable.Text, Text: []byte(text)}
		for k, allowed := range sizes {
			out, err := appendField([]byte("before"), k, &v)
			if err != nil {
				if string(out) != "before" {
					t.Errorf("kind %d leaves %q", k, out)
				}
				continue
			}
			size, fits := len(out)-len("before")-4, false
			for _, n := range allowed {
				fits = fits || n == size
			}
			if !fits || int(binary.BigEndian.Uint32(out[len("before"):])) != size {
				t.Errorf("kind %d of %q: %x", k, text, out)
			}
		}
		checkTime(t, text)
		checkNumber(t, text)
	})
}

func checkTime(t *testing.T, text string) {
	want, err := time.Parse(time.RFC3339Nano, text)
	if err != nil || strings.ContainsRune(text, ',') { // a comma Go takes, and RFC 3339 does not
		return
	}
	got, err := appendTimestamp(nil, []byte(text))
	if err != nil {
		t.Fatalf("%s is a time: %v", text, err)
	}
	micros := int64(binary.BigEndian.Uint64(got)) + epochSeconds*second
	if off := micros - want.UnixMicro(); off != 0 && off != 1 { // rounded here, cut there
		t.Errorf("%s is off by %d us", text, off)
	}
}

func checkNumber(t *testing.T, text string) {
	v := sqltable.Value{Kind: sqltable.Decimal, Text: []byte(text)}
	if _, err := document.ParseDecimal(v.Text); err != nil {
		return
	}
	out, err := appendNumeric(nil, &v)
	if err != nil {
		return // more digits than the server takes
	}
	if back := numericText(out); document.CompareNumbers([]byte(back), v.Text) != 0 {
		t.Errorf("%s becomes %s", text, back)
	}
}

// numericText reads the binary form of NUMERIC.
func numericText(b []byte) string {
	n, weight, sign := int(binary.BigEndian.Uint16(b)), int(int16(binary.BigEndian.Uint16(b[2:]))), binary.BigEndian.Uint16(b[4:])
	if n == 0 {
		return "0"
	}
	var s strings.Builder
	if sign == signMinus {
		s.WriteString("-")
	}
	for i := range n {
		group := strconv.Itoa(int(binary.BigEndian.Uint16(b[8+2*i:])))
		if i > 0 {
			group = strings.Repeat("0", 4-len(group)) + group
		}
		s.WriteString(group)
	}
	return s.String() + "e" + strconv.Itoa(4*(weight-n+1))
}
