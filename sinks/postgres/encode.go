package postgres

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"net"
	"net/netip"

	"weir/sinks/sqltable"
)

// kind is how a column's values are written in the binary format of COPY and
// of arguments.
type kind uint8

const (
	kindText kind = iota
	kindJSON
	kindBool
	kindInt8
	kindFloat8
	kindNumeric
	kindDate
	kindTimestamp
	kindTime
	kindInterval
	kindCIDR
	kindMAC
	kindMAC8
	kindUUID
)

// kinds by the types of the dialect.
var kinds = map[string]kind{
	"TEXT": kindText, "JSON": kindJSON, "BOOLEAN": kindBool, "BIGINT": kindInt8, "DOUBLE PRECISION": kindFloat8, "NUMERIC": kindNumeric, "DECIMAL": kindNumeric,
	"DATE": kindDate, "TIMESTAMPTZ": kindTimestamp, "TIME": kindTime, "INTERVAL": kindInterval, "CIDR": kindCIDR, "MACADDR": kindMAC, "MACADDR8": kindMAC8, "UUID": kindUUID,
}

var (
	// errWide is an integer that a column of 64 bits has no room for.
	errWide = errors.New("the integer does not fit 64 bits")

	// errNUL is the one character that no column of text can hold.
	errNUL = errors.New("holds the character U+0000, which PostgreSQL has no place for in text: leave the field out under the binding's fields, or mend the document")
)

// unfit is a value that is none of its column's type.
func unfit(typ string, value []byte) error {
	const limit = 60 // bytes that a message spends on a value
	if len(value) > limit {
		value = append(bytes.Clone(value[:limit]), "..."...)
	}
	option := "ignoreStringFormat"
	if typ == "number" || typ == "integer" {
		option = "castToString"
	}
	return fmt.Errorf("%q is no %s that PostgreSQL can hold: let the column be text, by `fields: {require: {FIELD: {%s: true}}}` of the binding, or correct the schema", value, typ, option)
}

// appendField adds a value with its length before it. On an error dst is
// returned as it was.
func appendField(dst []byte, k kind, v *sqltable.Value) ([]byte, error) {
	if v.Kind == sqltable.Null {
		return binary.BigEndian.AppendUint32(dst, math.MaxUint32), nil
	}
	start := len(dst)
	out, err := appendValue(append(dst, 0, 0, 0, 0), k, v)
	if err != nil {
		return dst[:start], err
	}
	binary.BigEndian.PutUint32(out[start:], uint32(len(out)-start-4))
	return out, nil
}

func appendValue(dst []byte, k kind, v *sqltable.Value) ([]byte, error) {
	switch k {
	case kindText:
		if bytes.IndexByte(v.Text, 0) >= 0 {
			return dst, errNUL
		}
		return append(dst, v.Text...), nil
	case kindJSON:
		return append(dst, v.Text...), nil
	case kindBool:
		if v.Kind == sqltable.Bool {
			return append(dst, byte(v.Int)), nil
		}
	case kindInt8:
		switch v.Kind {
		case sqltable.Int:
			return binary.BigEndian.AppendUint64(dst, uint64(v.Int)), nil
		case sqltable.Digits:
			return dst, errWide
		}
		return dst, unfit("integer", v.Text)
	case kindFloat8:
		if v.Kind == sqltable.Float {
			return binary.BigEndian.AppendUint64(dst, math.Float64bits(v.Float)), nil
		}
	case kindNumeric:
		return appendNumeric(dst, v)
	case kindTimestamp:
		if v.Kind == sqltable.Time {
			return binary.BigEndian.AppendUint64(dst, uint64(v.Int/1000-epochSeconds*1e6)), nil
		}
		return appendTimestamp(dst, v.Text)
	case kindDate:
		return appendDate(dst, v.Text)
	case kindTime:
		return appendTime(dst, v.Text)
	case kindInterval:
		return appendInterval(dst, v.Text)
	case kindCIDR, kindMAC, kindMAC8:
		return appendAddress(dst, k, v.Text)
	case kindUUID:
		return appendUUID(dst, v.Text)
	}
	return dst, fmt.Errorf("the value is not of the column's type")
}

// Families of addresses as PostgreSQL writes them.
const (
	familyIPv4 = 2
	familyIPv6 = 3
)

func appendAddress(dst []byte, k kind, text []byte) ([]byte, error) {
	if k == kindCIDR {
		a, err := netip.ParseAddr(string(text))
		if err != nil || a.Zone() != "" {
			return dst, unfit("address", text)
		}
		family := byte(familyIPv6)
		if a.Is4() {
			family = familyIPv4
		}
		raw := a.AsSlice()
		return append(append(dst, family, byte(a.BitLen()), 1, byte(len(raw))), raw...), nil
	}
	a, err := net.ParseMAC(string(text))
	switch {
	case err == nil && k == kindMAC && len(a) == 6, err == nil && k == kindMAC8 && len(a) == 8:
		return append(dst, a...), nil
	case err == nil && k == kindMAC8 && len(a) == 6:
		return append(append(append(dst, a[:3]...), 0xff, 0xfe), a[3:]...), nil
	}
	return dst, unfit("address of a network card", text)
}

func appendUUID(dst, text []byte) ([]byte, error) {
	start, digits := len(dst), 0
	var b byte
	for i, c := range text {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		case c == '-' && (i == 8 || i == 13 || i == 18 || i == 23):
			continue
		default:
			return dst[:start], unfit("UUID", text)
		}
		b = b<<4 | c
		if digits++; digits%2 == 0 {
			dst = append(dst, b)
		}
	}
	if digits != 32 {
		return dst[:start], unfit("UUID", text)
	}
	return dst, nil
}
