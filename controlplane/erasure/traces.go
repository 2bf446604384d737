package erasure

import (
	"encoding/json"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"weir/catalog"
	"weir/collection"
	"weir/controlplane"
	"weir/document"
)

// tellingBytes is how long the values of a key are, all of them together, that
// stand in no text by chance: those of a shorter one may be any number or word.
const tellingBytes = 8

// traces tells which texts of tasks are about the erased key.
type traces struct {
	*erasing
	subject []string // of the key's own documents, by tokens; "*" for any
	values  []string // of the key, as texts have them
	// tasks are those that read or write the collection, and the names of their
	// transforms that read it.
	tasks map[controlplane.Task][]string
}

// trace is a text of a task, and what it says of a document that it is about.
type trace struct {
	task       controlplane.Task
	texts      []string
	collection string // that seq is of; "" when subject says it
	subject    string
	seq        uint64
}

func (e *erasing) newTraces() (*traces, error) {
	t := &traces{erasing: e, tasks: map[controlplane.Task][]string{}}
	all, err := e.target.Select(nil)
	if err != nil {
		return nil, err
	}
	filter, err := all.KeyFilter(e.packed)
	if err != nil {
		return nil, err
	}
	t.subject = strings.Split(filter, ".")
	var values []json.RawMessage
	if err := json.Unmarshal(e.report.Key, &values); err != nil {
		return nil, err
	}
	for _, value := range values {
		text := string(value)
		_ = json.Unmarshal(value, &text) // what is no string stays as it is
		t.values = append(t.values, text)
	}
	for i := range e.records {
		t.addTask(&e.records[i])
	}
	return t, nil
}

// addTask notes the task of a record if it reads or writes the collection.
func (t *traces) addTask(r *catalog.Record) {
	name := t.target.Name
	var uses bool
	var transforms []string
	switch {
	case r.Collection != nil:
		uses = r.Collection.Name == name
		if d := r.Collection.Derive; d != nil {
			for _, transform := range d.Transforms {
				if transform.Source.Name == name {
					transforms = append(transforms, transform.Name)
				}
			}
		}
	case r.Capture != nil:
		uses = slices.ContainsFunc(r.Capture.Bindings, func(b catalog.CaptureBinding) bool { return b.Target == name })
	case r.Materialization != nil:
		uses = slices.ContainsFunc(r.Materialization.Bindings, func(b catalog.MaterializationBinding) bool { return b.Source.Name == name })
	}
	if uses || len(transforms) > 0 {
		t.tasks[controlplane.Task{Kind: r.TaskKind(), Name: r.Name()}] = transforms
	}
}

// about says whether a text is about the key, for sure or perhaps. For sure it
// is if it names an erased sequence or the subject of the key; of a task that
// reads or writes the collection also if a document of that key stands in it, or
// the key's values do as words and are long enough to tell. Shorter ones: perhaps.
func (t *traces) about(s trace) (sure, perhaps bool) {
	if t.isErased(s.collection, s.subject, s.seq) || slices.ContainsFunc(s.texts, t.names) || t.isOwn(s.subject) {
		return true, false
	}
	if !t.uses(s.task) {
		return false, false
	}
	if slices.ContainsFunc(s.texts, t.quotes) {
		return true, false
	}
	if !slices.ContainsFunc(s.texts, t.mentions) {
		return false, false
	}
	telling := len(strings.Join(t.values, "")) >= tellingBytes
	return telling, !telling
}

// uses says whether a task reads or writes the collection.
func (t *traces) uses(task controlplane.Task) bool {
	_, ok := t.tasks[task]
	return ok
}

// isErased says whether a sequence is one of those found in the collection's stream.
func (t *traces) isErased(name, subject string, seq uint64) bool {
	if subject != "" {
		name = ""
		for _, root := range []string{collection.DocFilter(t.target.Name), collection.PubSubject(t.target.Name) + ".>"} {
			if strings.HasPrefix(subject+".", strings.TrimSuffix(root, ">")) {
				name = t.target.Name
			}
		}
	}
	return name == t.target.Name && t.found[seq]
}

// isOwn says whether a subject is that of the key's documents.
func (t *traces) isOwn(subject string) bool {
	tokens := strings.Split(subject, ".")
	return slices.EqualFunc(t.subject, tokens, func(want, have string) bool { return want == "*" || want == have })
}

// Places of documents as errors write them.
var (
	placeOnSubject = regexp.MustCompile(`sequence (\d+) on ([^\s:]+)`)
	placeOf        = regexp.MustCompile(`sequence (\d+) of ([^\s:]+)`)
)

// names says whether a text names an erased sequence, or the key's own subject.
func (t *traces) names(text string) bool {
	for _, m := range placeOnSubject.FindAllStringSubmatch(text, -1) {
		if seq, err := strconv.ParseUint(m[1], 10, 64); err == nil && t.isErased("", m[2], seq) {
			return true
		}
	}
	for _, m := range placeOf.FindAllStringSubmatch(text, -1) {
		if seq, err := strconv.ParseUint(m[1], 10, 64); err == nil && t.isErased(m[2], "", seq) {
			return true
		}
	}
	return slices.ContainsFunc(strings.Fields(text), func(word string) bool {
		return t.isOwn(word) || t.isOwn(strings.TrimRight(word, ":,;.)"))
	})
}

// quotes says whether a document of the key stands in a text as a whole.
func (t *traces) quotes(text string) bool {
	var d document.Doc
	for i := range len(text) {
		if text[i] != '{' {
			continue
		}
		var raw json.RawMessage
		if json.NewDecoder(strings.NewReader(text[i:])).Decode(&raw) == nil && d.Parse(raw) == nil && t.target.HasKey(&d, t.packed) {
			return true
		}
	}
	return false
}

// mentions says whether each value of the key stands in a text as a word.
func (t *traces) mentions(text string) bool {
	return !slices.ContainsFunc(t.values, func(value string) bool { return !hasWord(text, value) })
}

// hasWord says whether a word stands in a text and is not a part of another one.
func hasWord(text, word string) bool {
	within := func(r rune) bool { return r != utf8.RuneError && (unicode.IsLetter(r) || unicode.IsDigit(r)) }
	for from := 0; word != ""; {
		at := strings.Index(text[from:], word)
		if at < 0 {
			return false
		}
		at += from
		before, _ := utf8.DecodeLastRuneInString(text[:at])
		after, _ := utf8.DecodeRuneInString(text[at+len(word):])
		if !within(before) && !within(after) {
			return true
		}
		from = at + len(word)
	}
	return false
}
