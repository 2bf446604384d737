package controlplane

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"weir/catalog"
)

// mostWords bounds how many differences of one spec are told one by one.
const mostWords = 12

// Differences says in words what differs between two specs of one name. What
// an endpoint is configured with is named, its values are not.
func Differences(old, now catalog.Record) []string {
	var d differ
	d.value(nil, plain(old), plain(now))
	if len(d.words) == 0 && old.Block != now.Block {
		d.words = append(d.words, "its stream")
	}
	words := slices.Compact(d.words)
	if len(words) > mostWords {
		words = append(words[:mostWords], fmt.Sprintf("and %d more", len(words)-mostWords))
	}
	return words
}

// plain gives a record's spec as JSON values, without where it was written.
func plain(r catalog.Record) any {
	var spec any
	switch {
	case r.Collection != nil:
		spec = r.Collection
	case r.Capture != nil:
		spec = r.Capture
	default:
		spec = r.Materialization
	}
	text, err := json.Marshal(spec)
	if err != nil { // as in catalog: a spec holds strings, numbers and checked JSON
		panic("differences of a spec: " + err.Error())
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var out map[string]any
	if err := decoder.Decode(&out); err != nil {
		panic("differences of a spec: " + err.Error())
	}
	delete(out, "origin")
	return out
}

// differ gathers differences.
type differ struct{ words []string }

// value compares two values that stand at a path; nil is one that is not there.
func (d *differ) value(path []string, old, now any) {
	was, isObject := old.(map[string]any)
	is, stays := now.(map[string]any)
	if isObject && stays && !opaque(path) {
		names := maps.Clone(was)
		maps.Copy(names, is)
		for _, name := range slices.Sorted(maps.Keys(names)) {
			if !silent(path, name) {
				d.value(append(slices.Clone(path), name), was[name], is[name])
			}
		}
		return
	}
	before, isList := old.([]any)
	after, staysList := now.([]any)
	if isList && staysList && named(before) && named(after) {
		d.list(path, before, after)
		return
	}
	if same(old, now) {
		return
	}
	d.words = append(d.words, spell(path, old, now))
}

// silent says whether a member means nothing by itself.
func silent(path []string, name string) bool {
	switch name {
	case "shuffleKeyTypes": // they follow from schemas and shuffle keys
		return true
	case "line", "file":
		return len(path) > 0 && (path[len(path)-1] == "lambda" || slices.Contains(path, "migrations") || slices.Contains(path, "using"))
	case "url":
		return len(path) == 1 && strings.HasSuffix(strings.ToLower(path[0]), "schema")
	}
	return false
}

// opaque says whether what stands at a path is told as a whole.
func opaque(path []string) bool {
	last := ""
	if len(path) > 0 {
		last = path[len(path)-1]
	}
	return last == "resource" || last == "lambda"
}

// named says whether all items of a list are objects, which are told one by one.
func named(list []any) bool {
	return !slices.ContainsFunc(list, func(item any) bool { _, ok := item.(map[string]any); return !ok })
}

// list compares items by their names, or by their order where they have none.
func (d *differ) list(path []string, old, now []any) {
	was, is := byNameOf(old), byNameOf(now)
	names := maps.Clone(was)
	maps.Copy(names, is)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		d.value(append(slices.Clone(path), name), was[name], is[name])
	}
}

func byNameOf(list []any) map[string]any {
	out := make(map[string]any, len(list))
	for i, item := range list {
		name, ok := item.(map[string]any)["name"].(string)
		if !ok {
			name = strconv.Itoa(i)
		}
		out[name] = item
	}
	return out
}

func same(a, b any) bool {
	left, errA := json.Marshal(a)
	right, errB := json.Marshal(b)
	return errA == nil && errB == nil && bytes.Equal(left, right)
}

// spell says a difference: where it is, and what was and is there if that is
// short and no setting of an endpoint.
func spell(path []string, old, now any) string {
	where := place(path)
	switch {
	case strings.HasPrefix(where, "endpoint") || opaque(path) || strings.HasPrefix(where, "code") || strings.HasPrefix(where, "module"):
		if old == nil {
			return where + " added"
		}
		if now == nil {
			return where + " removed"
		}
		return where + " changed"
	case old == nil:
		return where + " added" + short(": ", now)
	case now == nil:
		return where + " removed" + short(", was ", old)
	}
	if before, after := short("", old), short("", now); before != "" && after != "" {
		return where + ": " + before + " becomes " + after
	}
	return where + " changed"
}

// short is a value's text behind a word, empty for an object and what is long.
func short(word string, v any) string {
	if _, isObject := v.(map[string]any); isObject || v == nil {
		return ""
	}
	text, err := json.Marshal(v)
	if err != nil || len(text) > 40 || bytes.ContainsRune(text, 0x7b) {
		return ""
	}
	return word + string(text)
}

// place names a path as people do.
func place(path []string) string {
	switch {
	case len(path) > 2 && strings.HasSuffix(strings.ToLower(path[0]), "schema") && path[1] == "resources":
		return inSchema(path[0], path[2], path[3:])
	case len(path) > 4 && path[0] == "derive" && path[1] == "register" && path[2] == "schema":
		return inSchema("register's schema", path[4], path[5:])
	case len(path) > 1 && path[0] == "derive" && path[1] == "using":
		return using(path[2:])
	case len(path) > 2 && path[0] == "derive" && path[1] == "transforms":
		return strings.Join(append([]string{"transform", path[2]}, path[3:]...), " ")
	case len(path) > 1 && path[0] == "bindings":
		return strings.Join(append([]string{"binding", path[1]}, path[2:]...), " ")
	case len(path) > 1 && path[0] == "endpoint" && path[1] == "config":
		return "endpoint's configuration at /" + strings.Join(path[2:], "/")
	}
	return strings.Join(path, " ")
}

// inSchema is a location in one of a schema's resources: those inside the
// catalog's file are told by their location alone.
func inSchema(what, resource string, path []string) string {
	where := what + " at /" + strings.Join(path, "/")
	if !strings.Contains(resource, "?") {
		where += " of " + resource
	}
	return where
}

// using is a part of what computes a derivation.
func using(path []string) string {
	if len(path) > 1 && (path[1] == "bundle" || path[1] == "inline") {
		return "code of the module"
	}
	if len(path) == 1 {
		return path[0] + " of the derivation"
	}
	return strings.Join(path, " ")
}
