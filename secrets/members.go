package secrets

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Masked is what stands in place of a secret.
const Masked = "***"

// Mask gives a configuration as people may see it: the members that its schema
// marks as secret hold *** unless what they hold only names a secret.
func Mask(schema, config json.RawMessage) json.RawMessage {
	root, err := decode(config)
	if err != nil || len(schema) == 0 {
		return config
	}
	changed := false
	for _, m := range members(schema, root) {
		if hidden, ok := m.masked(); ok {
			m.set(hidden)
			changed = true
		}
	}
	if !changed {
		return config
	}
	out, err := encode(root)
	if err != nil { // it was JSON
		return json.RawMessage(`"` + Masked + `"`)
	}
	return out
}

// Literals points at the secret members of a configuration that hold their
// secret instead of naming it.
func Literals(schema, config json.RawMessage) (pointers []string) {
	root, err := decode(config)
	if err != nil {
		return nil
	}
	for _, m := range members(schema, root) {
		if m.literal() {
			pointers = append(pointers, m.pointer)
		}
	}
	return pointers
}

// Values gives what the secret members of a configuration hold.
func Values(schema, config json.RawMessage) (values []string) {
	root, err := decode(config)
	if err != nil {
		return nil
	}
	for _, m := range members(schema, root) {
		if m.mark != "" {
			for _, text := range texts(m.value) {
				values = append(values, tokensIn(text, m.mark)...)
			}
			continue
		}
		values = append(values, strings.Join(texts(m.value), "\n"))
		values = append(values, texts(m.value)...)
	}
	return values
}

// member is a value that a schema marks as secret.
type member struct {
	pointer string
	value   any
	set     func(any)
	mark    string // inUser or inURL where only a part of it is secret
}

// placeholder stands for a name in a text that is looked at without its names.
const placeholder = "\x00"

// bare gives a text with a sign in place of each name, and the names.
func bare(text string) (out string, names []string) {
	for _, p := range split(text) {
		if out += p.text; p.name != "" {
			out += placeholder
			names = append(names, p.name)
		}
	}
	return out, names
}

// masked gives the member as people may see it, if it holds a secret.
func (m member) masked() (any, bool) {
	text, ok := m.value.(string)
	if m.mark == "" || !ok {
		return Masked, m.literal()
	}
	plain, names := bare(text)
	var out strings.Builder
	done := 0
	for _, at := range spans(plain, m.mark) {
		if !strings.Contains(plain[at.from:at.to], placeholder) {
			out.WriteString(plain[done:at.from] + Masked)
			done = at.to
		}
	}
	if done == 0 {
		return m.value, false
	}
	shown := out.String() + plain[done:]
	for _, name := range names {
		shown = strings.Replace(shown, placeholder, "${"+name+"}", 1)
	}
	return shown, true
}

// literal says whether the member holds a secret: all that names none, but
// also a URL with a password beside names, as postgres://me:word@${env:HOST}/db.
func (m member) literal() bool {
	for _, text := range texts(m.value) {
		plain, _ := bare(text)
		if m.mark != "" {
			return slices.ContainsFunc(tokensIn(plain, m.mark), func(part string) bool { return !strings.Contains(part, placeholder) })
		}
		password := passwordIn(plain)
		if plain != "" && !strings.Contains(plain, placeholder) || password != "" && !strings.Contains(password, placeholder) {
			return true
		}
	}
	return false
}

// passwordIn gives the password of a URL; a user without one is a token.
func passwordIn(text string) string {
	_, rest, ok := strings.Cut(text, "://")
	at := strings.LastIndexByte(rest, '@')
	if !ok || at < 0 {
		return ""
	}
	user, password, both := strings.Cut(rest[:at], ":")
	if !both {
		return user
	}
	return password
}

// texts gives the strings and numbers of a value.
func texts(value any) (all []string) {
	switch v := value.(type) {
	case string:
		return []string{v}
	case json.Number:
		return []string{v.String()}
	case []any:
		for _, one := range v {
			all = append(all, texts(one)...)
		}
	case map[string]any:
		for _, name := range sorted(v) {
			all = append(all, texts(v[name])...)
		}
	}
	return all
}

func sorted(m map[string]any) []string { return slices.Sorted(maps.Keys(m)) }

// maxDepth bounds how deep a schema is followed: it may refer to itself.
const maxDepth = 32

// members finds the values of a configuration that its schema marks as secret,
// each once.
func members(schema json.RawMessage, root any) []member {
	top, err := decode(schema)
	if err != nil {
		return nil
	}
	f := finder{top: top, seen: map[string]bool{}}
	f.find(top, member{value: root}, 0)
	return f.found
}

type finder struct {
	top   any
	seen  map[string]bool
	found []member
}

func (f *finder) find(schema any, m member, depth int) {
	s, ok := schema.(map[string]any)
	if !ok || depth > maxDepth {
		return
	}
	if s["secret"] == true && m.set != nil {
		f.leaves(m)
		return
	}
	if mark, ok := s["secret"].(string); ok && m.set != nil {
		m.mark = mark
		f.leaves(m)
		return
	}
	if ref, ok := s["$ref"].(string); ok {
		f.find(f.lookUp(ref), m, depth+1)
	}
	for _, keyword := range []string{"allOf", "anyOf", "oneOf"} {
		if list, ok := s[keyword].([]any); ok {
			for _, one := range list {
				f.find(one, m, depth+1)
			}
		}
	}
	for _, keyword := range []string{"if", "then", "else"} {
		f.find(s[keyword], m, depth+1)
	}
	switch v := m.value.(type) {
	case map[string]any:
		f.properties(s, v, m.pointer, depth)
	case []any:
		for i := range v {
			f.find(s["items"], member{m.pointer + "/" + strconv.Itoa(i), v[i], func(value any) { v[i] = value }, ""}, depth+1)
		}
	}
}

// leaves takes what a secret member holds: of a list or an object each value by
// itself, so that those which only name a secret can be told from the others.
func (f *finder) leaves(m member) {
	switch v := m.value.(type) {
	case map[string]any:
		for _, name := range sorted(v) {
			f.leaves(member{m.pointer + "/" + escape(name), v[name], func(value any) { v[name] = value }, m.mark})
		}
	case []any:
		for i := range v {
			f.leaves(member{m.pointer + "/" + strconv.Itoa(i), v[i], func(value any) { v[i] = value }, m.mark})
		}
	default:
		if !f.seen[m.pointer] {
			f.seen[m.pointer] = true
			f.found = append(f.found, m)
		}
	}
}

func (f *finder) properties(s, object map[string]any, pointer string, depth int) {
	known, _ := s["properties"].(map[string]any)
	for _, name := range sorted(object) {
		of, ok := known[name]
		if !ok {
			of = s["additionalProperties"]
		}
		f.find(of, member{pointer + "/" + escape(name), object[name], func(value any) { object[name] = value }, ""}, depth+1)
	}
}

// lookUp follows a reference within the schema.
func (f *finder) lookUp(ref string) any {
	pointer, ok := strings.CutPrefix(ref, "#")
	if !ok {
		return nil
	}
	at := f.top
	for _, token := range strings.Split(pointer, "/")[1:] {
		object, ok := at.(map[string]any)
		if !ok {
			return nil
		}
		at = object[strings.NewReplacer("~1", "/", "~0", "~").Replace(token)]
	}
	return at
}
