package ui

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html/template"
	"maps"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"weir/collection"
)

// functions are those of the templates.
var functions = template.FuncMap{
	"count":    count,
	"size":     size,
	"ago":      ago,
	"span":     span,
	"stamp":    stamp,
	"label":    label,
	"id":       elementID,
	"path":     entityPath,
	"join":     strings.Join,
	"ref":      refPath,
	"refName":  refName,
	"refKind":  refKind,
	"seconds":  func(s float64) string { return span(time.Duration(s * float64(time.Second))) },
	"fields":   fieldsOf,
	"indented": indented,
	"short":    short,
	"number":   count64,
	"since":    func(t time.Time) string { return span(time.Since(t)) },
	"prose":    prose,
}

// count spells a number so that it stays narrow: 1,234 and 12.3k and 4.5M.
func count(v any) string {
	n := number(v)
	for _, unit := range []struct {
		at   float64
		name string
	}{{1e12, "T"}, {1e9, "G"}, {1e6, "M"}, {1e4, "k"}} {
		if n >= unit.at {
			scale := unit.at
			if unit.name == "k" {
				scale = 1e3
			}
			return strings.TrimSuffix(strconv.FormatFloat(n/scale, 'f', 1, 64), ".0") + unit.name
		}
	}
	switch {
	case n > 0 && n < 1:
		return strconv.FormatFloat(n, 'f', 1, 64)
	case n < 1000:
		return strconv.FormatFloat(math.Round(n), 'f', 0, 64)
	}
	return fmt.Sprintf("%d,%03d", int(n)/1000, int(n)%1000)
}

func number(v any) float64 {
	switch v := v.(type) {
	case int:
		return float64(v)
	case uint64:
		return float64(v)
	case float64:
		return v
	}
	panic(fmt.Sprintf("count of %T", v))
}

// size spells bytes.
func size(v any) string {
	n := number(v)
	for _, unit := range []string{"B", "KiB", "MiB", "GiB"} {
		if n < 1024 {
			if unit == "B" || n >= 100 {
				return fmt.Sprintf("%.0f %s", n, unit)
			}
			return fmt.Sprintf("%.1f %s", n, unit)
		}
		n /= 1024
	}
	return fmt.Sprintf("%.1f TiB", n)
}

// span spells a length of time in its two greatest units at most.
func span(d time.Duration) string {
	switch {
	case d < time.Second:
		return "0 s"
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 48*time.Hour:
		if d%time.Hour < time.Minute {
			return fmt.Sprintf("%d h", int(d.Hours()))
		}
		return fmt.Sprintf("%d h %d min", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%d days", int(d.Hours()/24))
}

// ago says how long ago a time was.
func ago(t time.Time) string {
	switch d := time.Since(t); {
	case t.IsZero():
		return "never"
	case d < 2*time.Second:
		return "now"
	default:
		return span(d) + " ago"
	}
}

// stamp spells a time to the millisecond, as everybody reads it the same.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02T15:04:05.000Z")
}

// label is a state in words.
func label(state string) string {
	if words, ok := map[string]string{"lagging": "behind", "retrying": "retrying", "pending": "waiting to start"}[state]; ok {
		return words
	}
	return state
}

// elementID makes an id of names.
func elementID(parts ...string) string {
	return collection.KVKey(strings.Join(parts, "-"))
}

// entityPath is the page of something with a name. Slashes of names stay: so
// the address reads as the name does.
func entityPath(section, name string) string {
	return (&url.URL{Path: "/" + section + "/" + name}).EscapedPath()
}

// refPath is the page of a task by its reference, kind/name.
func refPath(ref string) string { return entityPath("tasks", ref) }

// refName is the name in a reference.
func refName(ref string) string {
	_, name, _ := strings.Cut(ref, "/")
	return name
}

// short cuts a text between characters.
func short(text string, most int) string {
	runes := []rune(text)
	if len(runes) <= most {
		return text
	}
	return string(runes[:most]) + "…"
}

// refKind is the kind in a reference.
func refKind(ref string) string {
	kind, _, _ := strings.Cut(ref, "/")
	return kind
}

// field is one of those of a line of a log.
type field struct {
	Name  string
	Value string
}

func fieldsOf(of map[string]any) []field {
	var out []field
	for _, name := range slices.Sorted(maps.Keys(of)) {
		out = append(out, field{name, fmt.Sprint(of[name])})
	}
	return out
}

// prose shows a text whose commands and names stand between backticks.
func prose(text string) template.HTML {
	var b strings.Builder
	for i, part := range strings.Split(text, "`") {
		if i%2 == 1 {
			b.WriteString("<code>" + template.HTMLEscapeString(part) + "</code>")
		} else {
			b.WriteString(template.HTMLEscapeString(part))
		}
	}
	return template.HTML(b.String()) //nolint:gosec // every part is escaped
}

// indented spreads JSON over lines.
func indented(text json.RawMessage) string {
	var b bytes.Buffer
	if json.Indent(&b, text, "", "  ") != nil {
		return string(text)
	}
	return b.String()
}
