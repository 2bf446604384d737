package derive

import (
	"math"
	"strings"

	"github.com/dop251/goja"

	"weir/document"
)

// values makes and keeps the goja values of a VM that documents share.
type values struct {
	rt      *goja.Runtime
	yes, no goja.Value
	small   [1024]goja.Value  // 0 to 1023
	strings [1024]cachedValue // by hash: short strings come back (states, kinds, names)
}

// cachedValue holds a string that came more than once. A string enters when it is the last that missed the slot for
// the second time: ids, which never come back, neither evict others nor are copied.
type cachedValue struct {
	text   string
	value  goja.Value
	missed uint32 // hash of the last string that was not in the slot
}

const (
	maxCachedText = 24      // bytes of a string worth keeping
	maxKeptWhole  = 4 << 10 // bytes of the document that a string which JavaScript keeps may keep alive; of larger ones it is copied
)

func newValues(rt *goja.Runtime) *values {
	v := &values{rt: rt, yes: rt.ToValue(true), no: rt.ToValue(false)}
	for i := range v.small {
		v.small[i] = rt.ToValue(i)
	}
	return v
}

// number gives the JavaScript number of a JSON number's text.
func (v *values) number(text []byte) goja.Value {
	if n, ok := smallInteger(text); ok {
		if n >= 0 && n < int64(len(v.small)) {
			return v.small[n]
		}
		return v.rt.ToValue(n)
	}
	f := document.Float64(text)
	if f == 0 && text[0] == '-' {
		f = math.Copysign(0, -1)
	}
	return v.rt.ToValue(f)
}

// smallInteger reads an integer of at most 15 digits; "-0" is none.
func smallInteger(text []byte) (int64, bool) {
	digits := text
	if text[0] == '-' {
		digits = text[1:]
	}
	if len(digits) > 15 || len(digits) < len(text) && digits[0] == '0' {
		return 0, false
	}
	var n int64
	for _, c := range digits {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	if len(digits) < len(text) {
		n = -n
	}
	return n, true
}

// text gives the JavaScript string of s.
func (v *values) text(s string) goja.Value {
	if len(s) > maxCachedText || len(s) == 0 {
		return v.rt.ToValue(s)
	}
	h := hashText(s)
	slot := &v.strings[h%uint32(len(v.strings))]
	switch {
	case slot.value != nil && slot.text == s:
	case slot.missed != h:
		slot.missed = h
		return v.rt.ToValue(s)
	default:
		s = strings.Clone(s)
		slot.text, slot.value = s, v.rt.ToValue(s)
	}
	return slot.value
}

// hashText is FNV-1a.
func hashText(s string) uint32 {
	h := uint32(2166136261)
	for i := 0; i < len(s); i++ {
		h = (h ^ uint32(s[i])) * 16777619
	}
	return h
}
