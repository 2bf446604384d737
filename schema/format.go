package schema

import (
	"bytes"
	"maps"
	"regexp"

	"github.com/santhosh-tekuri/jsonschema/v5"

	"weir/document"
)

// formats are v5's, and two for strings that hold numbers.
func formats() map[string]func(any) bool {
	all := maps.Clone(jsonschema.Formats)
	all["integer"] = isIntegerText
	all["number"] = isNumberText
	return all
}

func formatNamed(name string) *format {
	if name == "" {
		return nil
	}
	accepts, ok := formats()[name]
	if !ok {
		return nil
	}
	return &format{accepts: accepts, quick: quickFormat(name)}
}

func (f *format) valid(text []byte) bool {
	return f.quick != nil && f.quick(text) || f.accepts(string(text))
}

func isIntegerText(v any) bool {
	s, ok := v.(string)
	if !ok {
		return true
	}
	_, err := document.ParseDecimal([]byte(s))
	return err == nil && !bytes.ContainsAny([]byte(s), ".eE")
}

// isNumberText accepts what stands for a double that JSON cannot write, too.
func isNumberText(v any) bool {
	s, ok := v.(string)
	if !ok || s == "NaN" || s == "Infinity" || s == "-Infinity" {
		return true
	}
	_, err := document.ParseDecimal([]byte(s))
	return err == nil
}

// quickFormat accepts the usual spellings of a format without taking memory. What it does not accept may still be
// valid.
func quickFormat(name string) func([]byte) bool {
	switch name {
	case "date-time":
		return quickDateTime
	case "date":
		return quickDate
	case "time":
		return quickTime
	case "uuid":
		return quickUUID
	}
	return nil
}

func quickDateTime(b []byte) bool {
	return len(b) >= 20 && b[10]|0x20 == 't' && quickDate(b[:10]) && quickTime(b[11:])
}

// two reads two decimal digits, or returns 100.
func two(b []byte) int {
	hi, lo := b[0]-'0', b[1]-'0'
	if hi > 9 || lo > 9 {
		return 100
	}
	return int(hi)*10 + int(lo)
}

// quickDate leaves the last days of months to the calendar.
func quickDate(b []byte) bool {
	if len(b) != 10 || b[4] != '-' || b[7] != '-' || two(b) == 100 || two(b[2:]) == 100 {
		return false
	}
	month, day := two(b[5:]), two(b[8:])
	return month >= 1 && month <= 12 && day >= 1 && day <= 28
}

// quickTime leaves leap seconds alone.
func quickTime(b []byte) bool {
	if len(b) < 9 || b[2] != ':' || b[5] != ':' || two(b) > 23 || two(b[3:]) > 59 || two(b[6:]) > 59 {
		return false
	}
	b = b[8:]
	if b[0] == '.' {
		n := 1
		for n < len(b) && b[n]-'0' <= 9 {
			n++
		}
		if n == 1 || n == len(b) {
			return false
		}
		b = b[n:]
	}
	switch b[0] {
	case 'Z', 'z':
		return len(b) == 1
	case '+', '-':
		return len(b) == 6 && b[3] == ':' && two(b[1:]) <= 23 && two(b[4:]) <= 59
	}
	return false
}

func quickUUID(b []byte) bool {
	if len(b) != 36 {
		return false
	}
	for i, c := range b {
		switch i {
		case 8, 13, 18, 23:
			if c != '-' {
				return false
			}
		default:
			if c-'0' > 9 && (c|0x20 < 'a' || c|0x20 > 'f') {
				return false
			}
		}
	}
	return true
}

func isRegex(s string) bool {
	_, err := regexp.Compile(s)
	return err == nil
}

// KnownFormat says whether a format of this name is checked.
func KnownFormat(name string) bool { return formatNamed(name) != nil }
