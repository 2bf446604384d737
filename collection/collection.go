package collection

import (
	"fmt"
	"strconv"
	"strings"

	"weir/catalog"
	"weir/document"
	"weir/schema"
)

// A Collection is a catalog collection, compiled. It does not change and is safe
// for concurrent use; what has scratch memory ([Checker], [Combiner]) is made for
// each goroutine.
//
// It is the collection as its writers see it: what they write is valid by Schema.
// Readers take [Collection.ForReading].
type Collection struct {
	Name       string
	Spec       *catalog.Collection
	Schema     *schema.Schema
	Key        *document.Key
	Fields     []string // names of the logical partition fields, in the order of subjects
	Partitions int

	fields    *document.Key // of the logical partition fields; nil when there are none
	docPrefix string        // weir.doc.<c>. with the dot
	reading   *Collection   // as readers see it; nil: the same
	inference *inference    // of a collection as readers see it, when Schema is partly inferred
}

// New compiles the schema and the key of a checked catalog's collection.
func New(spec *catalog.Collection) (*Collection, error) {
	c, err := compile(spec)
	if err != nil {
		return nil, fmt.Errorf("collection %s: %w", spec.Name, err)
	}
	return c, nil
}

func compile(spec *catalog.Collection) (*Collection, error) {
	if err := checkName(spec.Name); err != nil {
		return nil, err
	}
	if len(spec.Key) == 0 {
		return nil, fmt.Errorf("key: a collection needs at least one key pointer")
	}
	if p := spec.Partitions; p < 1 || p&(p-1) != 0 {
		return nil, fmt.Errorf("partitions: %d is not a power of two", p)
	}
	s, err := schema.Compile(spec.Schema)
	if err != nil {
		return nil, err // it names the schema
	}
	read := s
	if spec.ReadSchema != nil {
		if read, err = schema.Compile(*spec.ReadSchema); err != nil {
			return nil, fmt.Errorf("readSchema: %w", err)
		}
	}
	key, err := document.NewKey(spec.Key)
	if err != nil {
		return nil, err // it names the key
	}
	setDefaults(key, s, read)
	names, fields, err := partitionFields(spec)
	if err != nil {
		return nil, err
	}
	c := &Collection{
		Name: spec.Name, Spec: spec, Schema: s, Key: key, Partitions: spec.Partitions, Fields: names, fields: fields,
		docPrefix: docRoot + EncodeToken(spec.Name) + ".",
	}
	if read == s {
		return c, nil
	}
	if _, infers := spec.ReadSchema.Resources[catalog.InferredSchemaURL]; infers {
		c.reading, err = newInference(c, read)
		return c, err
	}
	reading := *c
	reading.Schema = read
	c.reading = &reading
	return c, nil
}

// ForReading is the collection as its readers see it: its Schema is the one of
// documents that are read, and what is made of it ([Checker], [Combiner]) goes by
// that. All else is the same.
func (c *Collection) ForReading() *Collection {
	if c.reading == nil {
		return c
	}
	return c.reading
}

// partitionFields gives the names and the locations of the logical partition
// fields.
func partitionFields(spec *catalog.Collection) ([]string, *document.Key, error) {
	names := spec.PartitionFields()
	if len(names) == 0 {
		return nil, nil, nil
	}
	locations := make([]string, len(names))
	for i, name := range names {
		locations[i] = spec.Projections[name].Location
	}
	fields, err := document.NewKey(locations)
	if err != nil {
		return nil, nil, fmt.Errorf("logical partitions: %w", err)
	}
	return names, fields, nil
}

// GroupedBy gives the collection as it is combined by other locations than its
// key's: for Combiners alone, since documents are stored under their own key.
// What a document lacks there is its default, or null.
func (c *Collection) GroupedBy(pointers []string) (*Collection, error) {
	key, err := document.NewKey(pointers)
	if err != nil {
		return nil, fmt.Errorf("collection %s: %w", c.Name, err)
	}
	setDefaults(key, c.Schema)
	grouped := *c
	grouped.Key = key
	return &grouped, nil
}

// checkName refuses names whose stream the server would refuse, or would share
// with streams of the server's own or of Weir's.
func checkName(name string) error {
	stream := StreamName(name)
	switch {
	case name == "":
		return fmt.Errorf("a collection needs a name")
	case len(stream) > maxName:
		return fmt.Errorf("the name takes %d bytes as a stream's name, NATS allows %d: shorten it", len(stream), maxName)
	case stream == BadStream, strings.HasPrefix(stream, "KV_"), strings.HasPrefix(stream, "OBJ_"):
		return fmt.Errorf("stream %s is reserved: begin the name with a prefix, as in acmeCo/%s", stream, name)
	}
	return nil
}

// setDefaults lets a schema's default stand in for a key component that a document
// leaves out. A key is the same for who writes and who reads: the default may stand
// in either schema.
func setDefaults(key *document.Key, schemas ...*schema.Schema) {
	for _, s := range schemas {
		shape := s.Shape()
		for i, pointer := range key.Pointers {
			sub, exists := shape.Locate(pointer)
			if exists == schema.Cannot || sub == nil || sub.Default == nil {
				continue
			}
			if key.Defaults == nil {
				key.Defaults = make([][]byte, len(key.Pointers))
			}
			if key.Defaults[i] == nil {
				key.Defaults[i] = sub.Default
			}
		}
	}
}

// StreamName is the name of the collection's stream.
func (c *Collection) StreamName() string { return StreamName(c.Name) }

// StreamSubjects is what the collection's stream takes. Nobody publishes to a
// derivation by hand, so a derived collection has no publishing subjects.
func (c *Collection) StreamSubjects() []string {
	token := EncodeToken(c.Name)
	subjects := []string{docRoot + token + ".>", txnRoot + token + ".>"}
	if c.Spec.Derive == nil {
		subjects = append(subjects, pubRoot+token, pubRoot+token+".>")
	}
	return subjects
}

// Transform is the stream's subject transform: it stores what is published under
// the right number of tokens, of logical partition fields and of the key, where
// Weir's own writers would. Only the key counts for the partition. Both are empty
// for a derived collection.
func (c *Collection) Transform() (from, to string) {
	if c.Spec.Derive != nil {
		return "", ""
	}
	token := EncodeToken(c.Name)
	f, t := strings.Builder{}, strings.Builder{}
	f.WriteString(pubRoot + token)
	fmt.Fprintf(&t, "%s%s.{{partition(%d", docRoot, token, c.Partitions)
	tokens := len(c.Fields) + len(c.Key.Pointers)
	for i := len(c.Fields); i < tokens; i++ {
		fmt.Fprintf(&t, ",%d", i+1)
	}
	t.WriteString(")}}")
	for i := range tokens {
		f.WriteString(".*")
		fmt.Fprintf(&t, ".{{wildcard(%d)}}", i+1)
	}
	return f.String(), t.String()
}

// AppendSubject appends the subject that a document is stored under,
// weir.doc.<c>.<partition>.<partition fields>.<k1>... The error is an [*Invalid]
// when the document has no key.
func (c *Collection) AppendSubject(dst []byte, d *document.Doc) ([]byte, error) {
	var room [128]byte
	packed, err := c.Key.AppendPacked(room[:0], d, 0)
	if err != nil {
		return dst, c.badKey(d.Src, err)
	}
	dst, err = c.AppendKeyedSubject(dst, d, packed)
	if err != nil {
		return dst, c.badKey(d.Src, err)
	}
	return dst, nil
}

// AppendKeyedSubject is [Collection.AppendSubject] for a document whose packed
// key is known.
func (c *Collection) AppendKeyedSubject(dst []byte, d *document.Doc, packed []byte) ([]byte, error) {
	begin := len(dst)
	dst = append(dst, c.docPrefix...)
	start := len(dst)
	dst, err := c.appendFields(dst, d)
	if err != nil {
		return dst[:begin], err
	}
	key := len(dst)
	if dst, err = appendTokens(dst, packed); err != nil {
		return dst[:begin], err
	}
	// The partition hashes the key's tokens but stands before all: they move up.
	end := len(dst)
	var room [12]byte
	partition := append(strconv.AppendInt(room[:0], int64(partitionOf(dst[key:], c.Partitions)), 10), '.')
	dst = append(dst, partition...)
	copy(dst[start+len(partition):], dst[start:end])
	copy(dst[start:], partition)
	if len(dst)-begin > maxSubject {
		return dst[:begin], fmt.Errorf("its subject would take %d bytes, NATS allows %d: the key has too many long components", len(dst)-begin, maxSubject)
	}
	return dst, nil
}

// appendFields appends the tokens of the document's logical partition fields, a
// dot behind each.
func (c *Collection) appendFields(dst []byte, d *document.Doc) ([]byte, error) {
	if c.fields == nil {
		return dst, nil
	}
	var room [128]byte
	packed, err := c.fields.AppendPacked(room[:0], d, 0)
	if err != nil {
		return dst, err
	}
	if dst, err = appendTokens(dst, packed); err != nil {
		return dst, err
	}
	return append(dst, '.'), nil
}
