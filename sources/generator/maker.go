package generator

import (
	"bytes"
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"strings"
	"text/template"
	"time"

	"weir/document"
	"weir/sources"
)

// maker makes the documents of a binding.
type maker struct {
	binding  int
	stateKey string
	resource resource
	count    int64   // of documents; below 0: no end
	rate     float64 // documents a second; 0: no limit
	made     int64   // documents, of all sessions
	here     int64   // documents, of this one

	seed     [2]uint64
	pcg      *rand.PCG
	draw     draw
	template *template.Template // nil: shaper
	shaper   *shaper
	buf      bytes.Buffer
	doc      document.Doc
}

func newMaker(c config, r resource, b sources.Binding, now func() time.Time) (*maker, error) {
	m := &maker{stateKey: b.StateKey, resource: r, count: -1, rate: c.Rate, pcg: &rand.PCG{}}
	if m.stateKey == "" {
		m.stateKey = r.Name
	}
	if r.Count != nil {
		m.count = *r.Count
	}
	if r.Rate != nil {
		m.rate = *r.Rate
	}
	name := fnv.New64a()
	_, _ = name.Write([]byte(r.Name)) // a hash takes everything
	m.seed = [2]uint64{uint64(c.Seed), name.Sum64()}
	m.draw = draw{random: rand.New(m.pcg), now: now} //nolint:gosec // documents are to be drawn again
	if r.template != nil {
		t, err := r.template.Clone()
		if err != nil {
			return nil, err
		}
		m.template = t.Funcs(m.draw.functions())
		return m, nil
	}
	if b.Collection.Writes == nil {
		return nil, errors.New("the collection's schema is not known: give the resource a template")
	}
	var err error
	m.shaper, err = newShaper(b.Collection.Writes.Spec.Schema, b.Collection.Key)
	return m, err
}

// next makes the next document.
func (m *maker) next() ([]byte, error) {
	// Each document has numbers of its own, so that any can be made alone.
	m.pcg.Seed(m.seed[0]^uint64(m.made)*0x9e3779b97f4a7c15, m.seed[1])
	m.draw.n = m.made
	doc, err := m.make()
	if err != nil {
		return nil, err
	}
	m.made++
	m.here++
	return doc, nil
}

// attempts is how often a document is shaped until the schema takes it.
const attempts = 100

func (m *maker) make() ([]byte, error) {
	if m.template == nil {
		return m.shape()
	}
	m.buf.Reset()
	if err := m.template.Execute(&m.buf, nil); err != nil {
		return nil, errors.New(strings.TrimPrefix(err.Error(), "template: "))
	}
	doc := bytes.Clone(bytes.TrimSpace(m.buf.Bytes()))
	if err := m.doc.Parse(doc); err != nil {
		return nil, fmt.Errorf("the template gives no JSON: %w: %.200s", err, doc)
	}
	return doc, nil
}

func (m *maker) shape() ([]byte, error) {
	var refused []byte
	for range attempts {
		doc := m.shaper.document(m.draw.random, m.draw.n)
		if err := m.doc.Parse(doc); err != nil {
			return nil, fmt.Errorf("shaping the document: %w", err)
		}
		if m.shaper.takes(&m.doc) {
			return doc, nil
		}
		refused = doc
	}
	return nil, fmt.Errorf("no document could be shaped that the schema takes (%s): give the resource a template", m.shaper.why(refused))
}
