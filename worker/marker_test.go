package worker

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

// encoded gives a marker with register changes as its messages.
func encoded(t *testing.T, m marker, limit int) []marker {
	t.Helper()
	parts, err := encodeMarker(m, limit)
	if err != nil {
		t.Fatal(err)
	}
	var out []marker
	for _, text := range parts {
		if len(text) > limit {
			t.Errorf("a part of %d bytes, over the limit of %d", len(text), limit)
		}
		part, err := decodeMarker(text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		out = append(out, part)
	}
	return out
}

// TestMarkerParts spreads register changes over messages: put together they
// are the same, and only the last one holds positions and state.
func TestMarkerParts(t *testing.T) {
	m := marker{V: 1, Txn: 7, Writer: "w", Bucket: "b", Positions: positions{"a.v0/0-1/acmeCo/in": 12}, State: json.RawMessage(`{"cursor":5}`)}
	for i := range 50 {
		c := registerChange{Key: []byte{2, byte(i), 0}, Value: []byte(strings.Repeat("9", i+1))}
		if i%7 == 0 {
			c.Value = nil
		}
		m.Registers = append(m.Registers, c)
	}
	for _, limit := range []int{1 << 20, 700, 400} {
		parts := encoded(t, m, limit)
		if (limit == 1<<20) != (len(parts) == 1) {
			t.Errorf("limit %d: %d parts", limit, len(parts))
		}
		var registers []registerChange
		for i, p := range parts {
			registers = append(registers, p.Registers...)
			isLast := i == len(parts)-1
			if p.last() != isLast || p.Txn != 7 || (p.Positions != nil) != isLast || (p.State != nil) != isLast {
				t.Errorf("part %d of %d: %+v", i+1, len(parts), p)
			}
		}
		if !reflect.DeepEqual(registers, m.Registers) {
			t.Errorf("limit %d: registers differ: %v", limit, registers)
		}
	}
}

func TestMarkerErrors(t *testing.T) {
	huge := marker{V: 1, Registers: []registerChange{{Key: []byte{2, 'k', 0}, Value: bytes.Repeat([]byte("1"), 1000)}}}
	if _, err := encodeMarker(huge, 500); err == nil || !strings.Contains(err.Error(), `register ["k"] takes`) {
		t.Errorf("a register over the limit: %v", err)
	}
	for text, want := range map[string]string{
		`{"v":2}`:                     "format version 2",
		`{}`:                          "format version 0",
		`[]`:                          "marker:",
		`{"v":1,"registers":[["!"]]}`: "register key",
		`{"v":1,"registers":[[]]}`:    "0 members",
	} {
		if _, err := decodeMarker([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

// FuzzMarker reads arbitrary bytes as a marker, and what it can read writes
// and reads again.
func FuzzMarker(f *testing.F) {
	f.Add([]byte(`{"v":1,"txn":3,"writer":"w","bucket":"b","positions":{"t.v0/0-1/c":9},"registers":[["AGsA",{"n":1}],["AGsB"]],"state":null}`))
	f.Add([]byte(`{"v":1,"part":1,"parts":2,"registers":[["AGsA",null]]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := decodeMarker(text)
		if err != nil {
			return
		}
		m.Part, m.Parts = 0, 0
		again := encoded(t, m, 1<<24)
		if len(again) != 1 || len(again[0].Registers) != len(m.Registers) || again[0].Txn != m.Txn || !reflect.DeepEqual(again[0].Positions, m.Positions) && len(m.Positions) > 0 {
			t.Errorf("%+v came back as %+v", m, again)
		}
		for i := range m.Registers {
			a, b := m.Registers[i], again[0].Registers[i]
			if !bytes.Equal(a.Key, b.Key) || (a.Value == nil) != (b.Value == nil) {
				t.Errorf("register %v came back as %v", a, b)
			}
		}
	})
}

// FuzzRegister does the same with registers' records.
func FuzzRegister(f *testing.F) {
	f.Add([]byte(`[1,"AGsA",{"n":1}]`))
	f.Add([]byte(`[1,"AGsB"]`))
	f.Add([]byte(`[2,"AGsB",1]`))
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := decodeRegister(text)
		if err != nil {
			return
		}
		again, err := decodeRegister(encodeRegister(c))
		if err != nil || !bytes.Equal(again.Key, c.Key) || (again.Value == nil) != (c.Value == nil) {
			t.Errorf("%v came back as %v, %v", c, again, err)
		}
	})
}

func TestRegisterRecordErrors(t *testing.T) {
	for text, want := range map[string]string{
		`[]`:             "empty",
		`[2,"AGsA",1]`:   "format version 2",
		`["AGsA",1]`:     "version",
		`[1]`:            "0 members",
		`[1,"AGsA",1,2]`: "3 members",
		`{"v":1}`:        "register:",
	} {
		if _, err := decodeRegister([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

// TestQuickRegister reads records in both ways: what the quick one takes it
// reads as the other does, and it takes all that is written.
func TestQuickRegister(t *testing.T) {
	for _, test := range []struct {
		text  string
		quick bool
	}{
		{string(encodeRegister(registerChange{Key: []byte{2, 'a', 0}, Value: []byte(`{"a":[1,"]"]}`)})), true},
		{string(encodeRegister(registerChange{Key: []byte{}, Value: []byte(`null`)})), true},
		{string(encodeRegister(registerChange{Key: []byte{2, 'a', 0}})), true},
		{`[1, "AmEA",1]`, false},
		{`[1,"AmEA" ,1]`, false},
		{`[1,"AmEA",1,2]`, false},
		{`[1,"AmEA",]`, false},
		{`[1,"AmEA",1`, false},
		{`[1,"Am+A",1]`, false},
		{`[1,"\u0041mEA",1]`, false},
		{`[2,"AmEA",1]`, false},
		{`[1,"AmEA"`, false},
		{``, false},
	} {
		got, quick := quickRegister([]byte(test.text))
		if quick != test.quick {
			t.Errorf("%s: quick %v", test.text, quick)
		}
		var parts []json.RawMessage
		var want registerChange
		err := json.Unmarshal([]byte(test.text), &parts)
		if err == nil {
			err = want.set(parts[1:])
		}
		if quick && (err != nil || !bytes.Equal(got.Key, want.Key) || !bytes.Equal(got.Value, want.Value) || (got.Value == nil) != (want.Value == nil)) {
			t.Errorf("%s: quickly %v, else %v, %v", test.text, got, want, err)
		}
	}
}
