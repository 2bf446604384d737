package files

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strings"

	"weir/document"
	"weir/internal/objects"
	"weir/schema"
	"weir/sources"
)

const (
	discoveredFiles = 10_000 // files that are listed
	sampledFiles    = 3      // of a kind
	sampledTexts    = 1000   // of a file
)

// kindOfFiles are files that seem to hold the same: they are in one folder, and
// their names differ in digits alone.
type kindOfFiles struct {
	match string
	name  string
	keys  []string // the newest last
}

// Discover lists the files, groups those whose names are alike, and infers the
// schema of each group from the beginnings of some of its files.
func (s Source) Discover(ctx context.Context, r sources.DiscoverRequest) (sources.Discovered, error) {
	var d sources.Discovered
	c, err := parseConfig(r.Config)
	if err != nil {
		return d, err
	}
	store, err := s.open(ctx, c.Location, r.DataDir)
	if err != nil {
		return d, fmt.Errorf("files: %w", err)
	}
	defer store.Close()
	if err := s.check(ctx, store); err != nil {
		return d, err
	}
	kinds, err := kindsOfFiles(ctx, store)
	if err != nil {
		return d, explain(store.String(), &storeError{err})
	}
	nameApart(kinds)
	for _, k := range kinds {
		b, err := discoverKind(ctx, store, k)
		if err != nil {
			return d, err
		}
		d.Bindings = append(d.Bindings, b)
	}
	return d, nil
}

func kindsOfFiles(ctx context.Context, store *objects.Store) ([]*kindOfFiles, error) {
	kinds := map[string]*kindOfFiles{}
	n := 0
	err := store.ListFolders(ctx, "", objects.Folders{Denied: passOver}, func(o objects.Object) error {
		_, rest := objects.CompressionOf(o.Key)
		if _, known := bySuffix[strings.ToLower(path.Ext(rest))]; !known || o.Size == 0 {
			return nil
		}
		match, name := alike(o.Key)
		if kinds[match] == nil {
			kinds[match] = &kindOfFiles{match: match, name: name}
		}
		kinds[match].keys = append(kinds[match].keys, o.Key)
		if n++; n == discoveredFiles {
			return errEnough
		}
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) {
		return nil, err
	}
	return slices.SortedFunc(maps.Values(kinds), func(a, b *kindOfFiles) int { return strings.Compare(a.match, b.match) }), nil
}

// passOver leaves out a folder that may not be read: those that a capture needs
// it tells of.
func passOver(string, error) {}

// nameApart makes the names of kinds differ: by what their patterns hold, or
// else by number.
func nameApart(kinds []*kindOfFiles) {
	count := map[string]int{}
	for _, k := range kinds {
		count[k.name]++
	}
	taken := map[string]bool{}
	for _, k := range kinds {
		if count[k.name] > 1 {
			name := strings.NewReplacer("*", "", "/", "-", `\`, "").Replace(k.match)
			k.name = strings.Trim(catalogName(name), "-_.")
		}
		name := k.name
		for n := 2; taken[k.name]; n++ {
			k.name = fmt.Sprintf("%s-%d", name, n)
		}
		taken[k.name] = true
	}
}

// alike gives the pattern of a file's name in which runs of digits and what
// divides them are stars, and a name for files of the pattern.
func alike(key string) (match, name string) {
	folder, base := path.Split(key)
	_, plain := objects.CompressionOf(base)
	ext := path.Ext(plain)
	stem, suffix := strings.TrimSuffix(plain, ext), base[len(plain)-len(ext):]
	var pattern strings.Builder
	for _, part := range strings.Split(strings.TrimSuffix(folder, "/"), "/") {
		if part == "" {
			continue
		}
		if star := starred(part); name == "" || strings.Trim(star, "*") != "" {
			name = part
		}
		pattern.WriteString(starred(part) + "/")
	}
	stem = starred(stem)
	pattern.WriteString(stem + escaped(suffix))
	if words := strings.Trim(strings.ReplaceAll(stem, "*", ""), "-_. T:"); words != "" {
		name = strings.ReplaceAll(words, `\`, "")
	}
	if name = strings.Trim(catalogName(name), "-_."); name == "" {
		name = "files"
	}
	return pattern.String(), name
}

// catalogName keeps what a part of a catalog name may hold.
func catalogName(name string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', strings.ContainsRune("-_.", r):
			return r
		}
		return '-'
	}, name)
}

// starred puts a star in the place of each run of digits.
func starred(text string) string {
	var b strings.Builder
	digits := false
	for i := range len(text) {
		c := text[i]
		isDigit := c >= '0' && c <= '9'
		divides := digits && strings.IndexByte("-_:.TZ", c) >= 0 && i+1 < len(text) && text[i+1] >= '0' && text[i+1] <= '9'
		switch {
		case divides:
		case isDigit && !digits:
			b.WriteByte('*')
		case !isDigit:
			b.WriteString(escaped(text[i : i+1]))
		}
		digits = isDigit || divides
	}
	return b.String()
}

// escaped is text as a glob that matches nothing else.
func escaped(text string) string {
	var b strings.Builder
	for i := range len(text) {
		if strings.IndexByte(`*?[]{}\,`, text[i]) >= 0 {
			b.WriteByte('\\')
		}
		b.WriteByte(text[i])
	}
	return b.String()
}

// sample is what was seen of a kind of files.
type sample struct {
	seen   *schema.Observed
	names  []string        // of members, in the order in which they came
	counts map[string]int  // documents with a scalar under a name
	values map[string]bool // name and value, of candidates for a key
	twice  map[string]bool // names with a value that came twice
	docs   int             // documents that are objects
	known  map[string]bool // of names
	doc    document.Doc    // room for one
}

func discoverKind(ctx context.Context, store *objects.Store, k *kindOfFiles) (d sources.DiscoveredBinding, err error) {
	res := resource{Match: k.match}
	if res.pattern, err = parsePattern(k.match); err != nil {
		return d, err
	}
	s := &sample{seen: schema.NewObserved(), counts: map[string]int{}, values: map[string]bool{}, twice: map[string]bool{}, known: map[string]bool{}}
	for _, key := range k.keys[max(0, len(k.keys)-sampledFiles):] {
		if err := s.file(ctx, store, res, key); err != nil {
			return d, err
		}
	}
	key := s.key()
	text, err := s.schema(key)
	if err != nil {
		return d, err
	}
	config, err := json.Marshal(map[string]string{"match": k.match})
	if err != nil {
		return d, err
	}
	return sources.DiscoveredBinding{Name: k.name, Resource: config, Schema: text, Key: key, ResourcePath: []string{k.match}, Disable: s.docs == 0}, nil
}

// file looks at the beginning of a file. What is no document is passed over:
// capturing it will say so.
func (s *sample) file(ctx context.Context, store *objects.Store, res resource, key string) error {
	b := newBinding(0, "", res, nil, nil, nil)
	b.kinds = guessed // the schema is what we look for
	c := candidate{object: objects.Object{Key: key}, settled: true}
	f, err := openFile(ctx, store, b, c)
	if objects.Missing(err) {
		return nil
	}
	if err != nil {
		return explain("", c.describe(store, err))
	}
	defer f.close()
	var buf []byte
	for range sampledTexts {
		out, _, problem, err := f.next(buf[:0])
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return explain("", c.describe(store, err))
		}
		if buf = out; problem == "" && s.doc.Parse(out) == nil {
			s.add()
		}
	}
	return nil
}

// add looks at the document that was parsed.
func (s *sample) add() {
	d := &s.doc
	if d.Nodes[0].Kind != document.Object {
		return
	}
	s.docs++
	s.seen.Add(d)
	for k := uint32(1); k < d.Nodes[0].Next; k = d.Nodes[k+1].Next {
		name := d.String(k)
		if !s.known[name] {
			s.known[name] = true
			s.names = append(s.names, name)
		}
		if kind := d.Nodes[k+1].Kind; kind == document.String || kind == document.Integer {
			s.counts[name]++
			text := name + "\x00" + string(d.Raw(k+1))
			s.twice[name] = s.twice[name] || s.values[text]
			s.values[text] = true
		}
	}
}

// keyNames are names of members that often are a key, the likeliest first.
var keyNames = []func(name string) bool{
	func(name string) bool { return name == "id" || name == "_id" },
	func(name string) bool { return name == "key" || name == "uuid" || name == "guid" },
	func(name string) bool { return strings.HasSuffix(strings.ToLower(name), "id") },
	func(name string) bool { return strings.HasSuffix(name, "Key") || strings.HasSuffix(name, "_key") },
}

// key proposes a key: a member that every document has, each with a value of
// its own, and whose name sounds like one; or where a document stands.
func (s *sample) key() []string {
	for _, sounds := range keyNames {
		for _, name := range s.names {
			if sounds(name) && s.counts[name] == s.docs && !s.twice[name] {
				return []string{document.Pointer{name}.String()}
			}
		}
	}
	return []string{metaFile, metaOffset}
}

const metaSchema = `"_meta":{"type":"object","required":["file","offset"],"properties":{"file":{"type":"string"},"offset":{"type":"integer"}}}`

// schema is what was seen, without what a few documents cannot tell: that there
// are no other members, and that arrays are always empty.
func (s *sample) schema(key []string) (json.RawMessage, error) {
	if s.docs == 0 {
		return json.RawMessage(`{"type":"object"}`), nil
	}
	text := string(s.seen.Schema()) // names are quoted in it: what follows cannot be a part of one
	text = strings.ReplaceAll(text, `,"additionalProperties":false`, "")
	text = strings.ReplaceAll(text, `,"maxItems":0`, "")
	required, properties := []string{"_meta"}, `"properties":{`
	if key[0] == metaFile {
		properties += metaSchema
		if len(s.names) > 0 {
			properties += ","
		}
	} else {
		pointer, err := document.ParsePointer(key[0])
		if err != nil {
			return nil, err
		}
		required = pointer
	}
	names, err := json.Marshal(required)
	if err != nil {
		return nil, err
	}
	if len(s.names) == 0 {
		text = strings.TrimSuffix(text, "}") + `,"properties":{}}`
	}
	head := `{"type":"object",`
	text = head + `"required":` + string(names) + "," + strings.TrimPrefix(text, head)
	return json.RawMessage(strings.Replace(text, `"properties":{`, properties, 1)), nil
}
