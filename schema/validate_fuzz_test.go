package schema

import (
	"math/rand/v2"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v5"
)

// agree compares the verdicts of a generated schema on generated documents with v5's. It reports whether the schema
// was one.
func agree(t *testing.T, data []byte) bool {
	c := &chooser{data: data}
	text := c.rootSchema()
	s, err := compileText(text)
	if err != nil {
		if _, ok := err.(*CompileError); !ok {
			t.Fatalf("%s: error is a %T: %v", text, err, err)
		}
		return false
	}
	v := s.Validator()
	for range 4 {
		doc := c.document(4)
		d := parse(t, doc)
		verdict := judge(s.oracle, decode(d, 0))
		if _, loops := verdict.(jsonschema.InfiniteLoopError); loops && len(s.Fallbacks()) == 0 {
			t.Fatalf("%s: v5 loops on %s", text, doc)
		}
		if got := v.Valid(d, 0); got != (verdict == nil) {
			t.Fatalf("schema %s\ndocument %s\nvalid is %t, v5 says %v", text, doc, got, verdict)
		}
		explained := s.Explain([]byte(doc))
		if (len(explained) == 0) != (verdict == nil) {
			t.Fatalf("schema %s\ndocument %s\nexplained as %v", text, doc, explained)
		}
		shapeHolds(t, s, text, d)
	}
	return true
}

func FuzzValid(f *testing.F) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 60 {
		f.Add(randomBytes(r, 400))
	}
	f.Fuzz(func(t *testing.T, data []byte) { agree(t, data) })
}

func randomBytes(r *rand.Rand, n int) []byte {
	data := make([]byte, n)
	for i := range data {
		data[i] = byte(r.Uint32())
	}
	return data
}

func TestRandomSchemasAgreeWithTheOracle(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	compiled := 0
	for range 600 {
		if agree(t, randomBytes(r, 100+r.IntN(500))) {
			compiled++
		}
	}
	if compiled < 150 {
		t.Errorf("only %d schemas compiled", compiled)
	}
}
