package catalog

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"weir/schema"
)

// Text writes published specs as a catalog's file that can be published again.
// Schemas stand in it in full, modules as what they were bundled into.
func Text(records ...Record) ([]byte, error) {
	specs, err := Specs(records...)
	if err != nil {
		return nil, err
	}
	return YAML(specs)
}

// Specs is Text as JSON.
func Specs(records ...Record) ([]byte, error) {
	f := textFile{Collections: map[string]textCollection{}, Captures: map[string]textCapture{}, Materializations: map[string]textMaterialization{}}
	for _, r := range records {
		var err error
		switch {
		case r.Collection != nil:
			f.Collections[r.Name()], err = collectionText(r.Collection)
		case r.Capture != nil:
			f.Captures[r.Name()] = captureText(r.Capture)
		case r.Materialization != nil:
			f.Materializations[r.Name()] = materializationText(r.Materialization)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", r.Name(), err)
		}
	}
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(f); err != nil {
		return nil, err
	}
	return text.Bytes(), nil
}

// The file's forms: those of format.go, to be written.

type textFile struct {
	Collections      map[string]textCollection      `json:"collections,omitempty"`
	Captures         map[string]textCapture         `json:"captures,omitempty"`
	Materializations map[string]textMaterialization `json:"materializations,omitempty"`
}

type textCollection struct {
	Key         []string        `json:"key"`
	Partitions  int             `json:"partitions,omitempty"`
	OnInvalid   string          `json:"onInvalid,omitempty"`
	Schema      json.RawMessage `json:"schema,omitempty"`
	WriteSchema json.RawMessage `json:"writeSchema,omitempty"`
	ReadSchema  json.RawMessage `json:"readSchema,omitempty"`
	Projections map[string]any  `json:"projections,omitempty"`
	Derive      *textDerive     `json:"derive,omitempty"`
}

type textDerive struct {
	Using      map[string]any  `json:"using"`
	Register   *textRegister   `json:"register,omitempty"`
	Transforms []textTransform `json:"transforms"`
	Shards     *textShards     `json:"shards,omitempty"`
}

type textRegister struct {
	Schema  json.RawMessage `json:"schema"`
	Initial json.RawMessage `json:"initial,omitempty"`
}

type textTransform struct {
	Name      string `json:"name"`
	Source    any    `json:"source"`
	Shuffle   any    `json:"shuffle"`
	Backfill  int    `json:"backfill,omitempty"`
	Disable   bool   `json:"disable,omitempty"`
	Priority  int    `json:"priority,omitempty"`
	ReadDelay string `json:"readDelay,omitempty"`
	Lambda    string `json:"lambda,omitempty"`
}

type textShards struct {
	Disable bool `json:"disable"`
}

type textCapture struct {
	Endpoint map[string]json.RawMessage `json:"endpoint"`
	Interval string                     `json:"interval,omitempty"`
	Bindings []CaptureBinding           `json:"bindings"`
	Shards   *textShards                `json:"shards,omitempty"`
}

type textMaterialization struct {
	Endpoint map[string]json.RawMessage `json:"endpoint"`
	Bindings []textBinding              `json:"bindings"`
	Shards   *textShards                `json:"shards,omitempty"`
}

type textBinding struct {
	Source         any             `json:"source"`
	Resource       json.RawMessage `json:"resource"`
	Fields         *textFields     `json:"fields,omitempty"`
	Disable        bool            `json:"disable,omitempty"`
	Backfill       int             `json:"backfill,omitempty"`
	Priority       int             `json:"priority,omitempty"`
	OnIncompatible string          `json:"onIncompatibleSchemaChange,omitempty"`
}

type textFields struct {
	Recommended any                        `json:"recommended"`
	Require     map[string]json.RawMessage `json:"require,omitempty"`
	Exclude     []string                   `json:"exclude,omitempty"`
	GroupBy     []string                   `json:"groupBy,omitempty"`
}

func collectionText(c *Collection) (textCollection, error) {
	t := textCollection{Key: c.Key, Derive: derivationText(c.Derive)}
	if c.Partitions != defaultPartitions {
		t.Partitions = c.Partitions
	}
	if c.OnInvalid != OnInvalidStop {
		t.OnInvalid = c.OnInvalid
	}
	for name, p := range c.Projections {
		if t.Projections == nil {
			t.Projections = map[string]any{}
		}
		t.Projections[name] = p.Location
		if p.Partition {
			t.Projections[name] = p
		}
	}
	var err error
	if c.ReadSchema == nil {
		t.Schema, err = schemaText(c.Schema)
	} else if t.WriteSchema, err = schemaText(c.Schema); err == nil {
		t.ReadSchema, err = schemaText(*c.ReadSchema)
	}
	if err != nil || c.Derive == nil || c.Derive.Register == nil {
		return t, err
	}
	t.Derive.Register = &textRegister{Initial: c.Derive.Register.Initial}
	t.Derive.Register.Schema, err = schemaText(c.Derive.Register.Schema)
	return t, err
}

// schemaText is a schema in one piece. What it is made of keeps its URL, so
// that references lead where they led.
func schemaText(s schema.Source) (json.RawMessage, error) {
	name, _, fragment := strings.Cut(s.URL, "#")
	var others []string
	for url := range s.Resources {
		if url != name && !strings.HasPrefix(url, flowScheme) {
			others = append(others, url)
		}
	}
	if len(others) == 0 && !fragment {
		return s.Resources[name], nil
	}
	slices.Sort(others)
	parts := map[string]json.RawMessage{}
	for i, url := range append([]string{name}, others...) {
		members := map[string]json.RawMessage{}
		if err := json.Unmarshal(s.Resources[url], &members); err != nil { // a schema may be true or false
			members = map[string]json.RawMessage{"allOf": json.RawMessage("[" + string(s.Resources[url]) + "]")}
		}
		if members["$id"] == nil {
			id, err := json.Marshal(url)
			if err != nil {
				return nil, err
			}
			members["$id"] = id
		}
		text, err := json.Marshal(members)
		if err != nil {
			return nil, err
		}
		parts[fmt.Sprintf("part%d", i)] = text
	}
	return json.Marshal(map[string]any{"$ref": s.URL, "$defs": parts})
}

func derivationText(d *Derivation) *textDerive {
	if d == nil {
		return nil
	}
	t := &textDerive{Using: map[string]any{}}
	switch u := d.Using; {
	case u.JavaScript != nil:
		t.Using["javascript"] = moduleText(d, u.JavaScript)
	case u.TypeScript != nil && u.TypeScript.Inline != "":
		t.Using["typescript"] = moduleText(d, u.TypeScript)
	case u.TypeScript != nil: // what it was bundled into is JavaScript
		t.Using["javascript"] = moduleText(d, u.TypeScript)
	case u.SQLite != nil:
		database := map[string][]string{}
		for _, m := range u.SQLite.Migrations {
			database["migrations"] = append(database["migrations"], sqlTextOf(&m))
		}
		t.Using["sqlite"] = database
	default:
		t.Using["copy"] = Copy{}
	}
	for _, from := range d.Transforms {
		to := textTransform{
			Name: from.Name, Source: sourceText(from.Source), Shuffle: "any", Backfill: from.Backfill, Disable: from.Disable,
			Priority: from.Priority, ReadDelay: from.ReadDelay, Lambda: sqlTextOf(from.Lambda),
		}
		if !from.Shuffle.Any {
			to.Shuffle = map[string][]string{"key": from.Shuffle.Key}
		}
		t.Transforms = append(t.Transforms, to)
	}
	t.Shards = shardsText(d.Disable)
	return t
}

// moduleText is a module's text: its own, or what it was bundled into, which
// keeps its exports in one variable.
func moduleText(d *Derivation, m *Module) map[string]string {
	t := map[string]string{"module": m.Inline}
	if m.Clock != ClockDocument {
		t["clock"] = m.Clock
	}
	if m.Inline != "" {
		return t
	}
	code, _, _ := strings.Cut(m.Bundle, "\n//# sourceMappingURL=")
	var b strings.Builder
	fmt.Fprintf(&b, "%s\nexport const Derivation = %s.Derivation;\n", strings.TrimRight(code, "\n"), BundleVariable)
	if !strings.Contains(code, "Derivation: () => Derivation") {
		b.Reset()
		b.WriteString(strings.TrimRight(code, "\n") + "\n")
		for _, from := range d.Transforms {
			fmt.Fprintf(&b, "export const %s = %s.%s;\n", from.Name, BundleVariable, from.Name)
		}
	}
	t["module"] = b.String()
	return t
}

// sqlTextOf is SQL that is not taken for the name of a file.
func sqlTextOf(s *SQL) string {
	if s == nil {
		return ""
	}
	if strings.HasSuffix(strings.ToLower(s.Text), sqlSuffix) && !strings.Contains(s.Text, "\n") {
		return s.Text + "\n"
	}
	return s.Text
}

func sourceText(s Source) any {
	if s.Partitions == nil && s.NotBefore == nil && s.NotAfter == nil {
		return s.Name
	}
	return s
}

func shardsText(disable bool) *textShards {
	if !disable {
		return nil
	}
	return &textShards{Disable: true}
}

func captureText(c *Capture) textCapture {
	t := textCapture{Endpoint: map[string]json.RawMessage{c.Endpoint.Kind: c.Endpoint.Config}, Bindings: c.Bindings, Shards: shardsText(c.Disable)}
	if c.Interval != defaultInterval {
		t.Interval = c.Interval
	}
	return t
}

func materializationText(m *Materialization) textMaterialization {
	t := textMaterialization{Endpoint: map[string]json.RawMessage{m.Endpoint.Kind: m.Endpoint.Config}, Shards: shardsText(m.Disable)}
	for _, b := range m.Bindings {
		to := textBinding{
			Source: sourceText(b.Source), Resource: b.Resource, Disable: b.Disable, Backfill: b.Backfill, Priority: b.Priority,
			OnIncompatible: b.OnIncompatible,
		}
		if b.Fields != nil {
			to.Fields = &textFields{Recommended: b.Fields.Recommended, Require: b.Fields.Require, Exclude: b.Fields.Exclude, GroupBy: b.Fields.GroupBy}
			if b.Fields.Recommended == AnyDepth {
				to.Fields.Recommended = true
			}
		}
		t.Bindings = append(t.Bindings, to)
	}
	return t
}
