package generator

import (
	"encoding/json"
	"fmt"
	"math"
	"path"
	"regexp/syntax"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// float is a number of a schema.
func float(v any, otherwise float64) float64 {
	if n, ok := v.(json.Number); ok {
		if f, err := n.Float64(); err == nil {
			return f
		}
	}
	return otherwise
}

// natural is a count of a schema.
func natural(v any, otherwise int) int {
	return int(min(max(float(v, float64(otherwise)), 0), 1000))
}

// number appends a number within its bounds; as a component of the key, the
// number of the document.
func (d *drawing) number(dst []byte, s map[string]any, whole, isKey bool) []byte {
	low := max(float(s["minimum"], math.Inf(-1)), float(s["exclusiveMinimum"], math.Inf(-1)))
	high := min(float(s["maximum"], math.Inf(1)), float(s["exclusiveMaximum"], math.Inf(1)))
	step := float(s["multipleOf"], 0)
	if whole && (step == 0 || step != math.Trunc(step)) {
		step = max(1, math.Trunc(step))
	}
	switch {
	case math.IsInf(low, -1) && math.IsInf(high, 1):
		low, high = 0, 1000*max(step, 1)
	case math.IsInf(low, -1):
		low = high - 1000*max(step, 1)
	case math.IsInf(high, 1):
		high = low + 1000*max(step, 1)
	}
	if isKey && step != 0 {
		if v := (math.Ceil(low/step) + float64(d.n)) * step; v <= high || s["maximum"] == nil && s["exclusiveMaximum"] == nil {
			return strconv.AppendFloat(dst, v, 'f', -1, 64)
		}
	}
	if step != 0 {
		first, last := math.Ceil(low/step), math.Floor(high/step)
		v := (first + float64(d.random.Int64N(int64(min(max(last-first, 0), 1<<53))+1))) * step
		return strconv.AppendFloat(dst, v, 'f', -1, 64)
	}
	v := low + d.random.Float64()*(high-low)
	if rounded := math.Round(v*100) / 100; rounded >= low && rounded <= high {
		v = rounded
	}
	return strconv.AppendFloat(dst, v, 'f', -1, 64)
}

// text is a string as its format, pattern or name asks for it; as a component
// of the key, one that has the number of the document.
func (d *drawing) text(s map[string]any, ptr string) string {
	if format, _ := s["format"].(string); format != "" {
		if text, ok := d.formatted(format); ok {
			return text
		}
	}
	if pattern, _ := s["pattern"].(string); pattern != "" {
		if tree, err := syntax.Parse(pattern, syntax.Perl); err == nil {
			return d.matching(tree)
		}
	}
	low := natural(s["minLength"], 0)
	high := natural(s["maxLength"], 1000)
	name := path.Base(ptr)
	var text string
	switch {
	case d.key[ptr]:
		text = fmt.Sprintf("%0*d", min(max(low, 6), high), d.n+1)
	case strings.HasSuffix(strings.ToLower(name), "name"):
		text = givenNames[d.random.IntN(len(givenNames))]
	default:
		text = words[d.random.IntN(len(words))]
	}
	for utf8.RuneCountInString(text) < low {
		text += " " + words[d.random.IntN(len(words))]
	}
	if len(text) > high {
		text = text[:high] // plain words: a byte is a character
	}
	return text
}

// formatted makes a string of a format.
func (d *drawing) formatted(format string) (string, bool) {
	word := func() string { return words[d.random.IntN(len(words))] }
	at := epoch.Add(time.Duration(d.random.Int64N(int64(365*24*time.Hour/time.Second))) * time.Second)
	switch format {
	case "date-time":
		return at.Format(time.RFC3339), true
	case "date":
		return at.Format(time.DateOnly), true
	case "time":
		return at.Format("15:04:05Z"), true
	case "duration":
		return fmt.Sprintf("PT%dM", 1+d.random.IntN(600)), true
	case "email", "idn-email":
		return word() + "@" + word() + ".example", true
	case "hostname", "idn-hostname":
		return word() + ".example", true
	case "uri", "iri", "uri-reference", "iri-reference":
		return "https://" + word() + ".example/" + word(), true
	case "uuid":
		return uuid(d.random), true
	case "ipv4":
		return fmt.Sprintf("192.0.2.%d", d.random.IntN(256)), true
	case "ipv6":
		return fmt.Sprintf("2001:db8::%x", 1+d.random.IntN(0xffff)), true
	case "integer":
		return strconv.Itoa(d.random.IntN(1000)), true
	case "number":
		return strconv.FormatFloat(float64(d.random.IntN(100_000))/100, 'f', -1, 64), true
	}
	return "", false
}

// matching makes a string that an expression matches, as far as one can be made
// by walking along it.
func (d *drawing) matching(e *syntax.Regexp) string {
	switch e.Op {
	case syntax.OpLiteral:
		return string(e.Rune)
	case syntax.OpCharClass:
		return string(d.oneOf(e.Rune))
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		return string(rune('a' + d.random.IntN(26)))
	case syntax.OpCapture:
		return d.matching(e.Sub[0])
	case syntax.OpConcat:
		var b strings.Builder
		for _, sub := range e.Sub {
			b.WriteString(d.matching(sub))
		}
		return b.String()
	case syntax.OpAlternate:
		return d.matching(e.Sub[d.random.IntN(len(e.Sub))])
	case syntax.OpStar:
		return d.repeated(e.Sub[0], 0, 3)
	case syntax.OpPlus:
		return d.repeated(e.Sub[0], 1, 4)
	case syntax.OpQuest:
		return d.repeated(e.Sub[0], 0, 1)
	case syntax.OpRepeat:
		most := e.Max
		if most < 0 {
			most = e.Min + 3
		}
		return d.repeated(e.Sub[0], e.Min, most)
	}
	return "" // anchors and the like have no text
}

func (d *drawing) repeated(e *syntax.Regexp, low, high int) string {
	var b strings.Builder
	for range low + d.random.IntN(high-low+1) {
		b.WriteString(d.matching(e))
	}
	return b.String()
}

// oneOf chooses of ranges of characters, of the printable ASCII ones if there
// are any.
func (d *drawing) oneOf(ranges []rune) rune {
	var printable []rune
	for i := 0; i+1 < len(ranges); i += 2 {
		if low, high := max(ranges[i], ' '), min(ranges[i+1], '~'); low <= high {
			printable = append(printable, low, high)
		}
	}
	if len(printable) > 0 {
		ranges = printable
	}
	if len(ranges) == 0 {
		return 'x'
	}
	i := d.random.IntN(len(ranges)/2) * 2
	return ranges[i] + rune(d.random.IntN(int(ranges[i+1]-ranges[i])+1))
}
