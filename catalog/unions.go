package catalog

import (
	"encoding/json"
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"weir/document"
	"weir/fault"
)

// shapeText is a fragment of the format's JSON Schema.
type shapeText map[string]any

// schemaRef is a JSON schema, inline or the name of a file with an optional
// fragment. It only remembers its place: bundling reads it.
type schemaRef struct{ At *place }

func (s *schemaRef) decode(l *loader, p *place) {
	switch p.node.kind {
	case kindObject, kindString, kindBoolean:
		s.At = p
	default:
		l.errorf(fault.WrongType, p, "a JSON schema, inline or the name of its file", "expected a schema, found %s", p.node.kind)
	}
}

func (*schemaRef) describe() shapeText {
	return shapeText{"oneOf": []any{
		shapeText{"type": "object", "description": "The schema itself, JSON Schema draft 2020-12."},
		shapeText{"type": "string", "minLength": 1, "description": "The schema's file, relative to this file, perhaps with a fragment: order.schema.yaml#/$defs/line, order.schema.yaml#Line."},
	}}
}

// jsonValue is any JSON value.
type jsonValue struct {
	At   *place
	Text json.RawMessage
}

func (v *jsonValue) decode(_ *loader, p *place) { v.At, v.Text = p, p.node.json() }
func (*jsonValue) describe() shapeText          { return shapeText{} }
func (*jsonObject) describe() shapeText {
	return objectOrFile("The name of a file that holds it, relative to this file.")
}
func objectOrFile(description string) shapeText {
	return shapeText{"oneOf": []any{shapeText{"type": "object"}, shapeText{"type": "string", "minLength": 1, "description": description}}}
}

// jsonObject is a JSON object, or the name of a file that holds one.
type jsonObject struct {
	At   *place // where the object stands
	Text json.RawMessage
}

func (o *jsonObject) decode(l *loader, p *place) {
	if p.node.kind == kindString {
		if p = l.openRef(p); p == nil {
			return
		}
	}
	o.At = p
	if l.expect(p, kindObject) {
		o.Text = p.node.json()
	}
}

// documents are a test's documents, or the name of a file that holds them.
type documents struct {
	List *place // of the array
	At   []*place
}

func (d *documents) decode(l *loader, p *place) {
	if p.node.kind == kindString {
		if p = l.openRef(p); p == nil {
			return
		}
	}
	if !l.expect(p, kindArray) {
		return
	}
	d.List = p
	for i := range p.node.items {
		if item := p.item(i); l.expect(item, kindObject) {
			d.At = append(d.At, item)
		}
	}
}

func (*documents) describe() shapeText {
	return shapeText{"oneOf": []any{
		shapeText{"type": "array", "items": shapeText{"type": "object"}},
		shapeText{"type": "string", "minLength": 1, "description": "The name of a file that holds the list, relative to this file."},
	}}
}

// where is the place of the list, the zero one when it could not be read.
func (d *documents) where() Place {
	if d.List == nil {
		return Place{}
	}
	return d.List.where()
}

// json returns the documents' texts; never nil, so that an empty list stays one.
func (d *documents) json() []json.RawMessage {
	texts := make([]json.RawMessage, len(d.At))
	for i, p := range d.At {
		texts[i] = p.node.json()
	}
	return texts
}

// shuffle is the word any, or a key.
type shuffle struct {
	At  *place
	Any bool
	Key []string
}

type shuffleBody struct {
	located
	Key    []string `flow:"key,required" hint:"JSON pointers into the source document" format:"pointer" doc:"JSON pointers into the source document: documents of the same values meet in one place, and share a register."`
	Lambda struct{} `flow:"lambda" later:"use key"`
}

func (s *shuffle) decode(l *loader, p *place) {
	s.At = p
	switch {
	case p.node.kind == kindString && p.node.text == "any":
		s.Any = true
	case p.node.kind == kindObject:
		var body shuffleBody
		l.decodeStruct(p, reflect.ValueOf(&body).Elem())
		s.Key = body.Key
	default:
		l.errorf(fault.WrongType, p, "any, or as in: shuffle: { key: [/customer] }", "%s is no shuffle", l.sample(p))
	}
}

func (*shuffle) describe() shapeText {
	return shapeText{"oneOf": []any{
		shapeText{"const": "any", "description": "Documents may be processed anywhere; there is no register."},
		structSchema(reflect.TypeFor[shuffleBody]()),
	}}
}

// projection is a pointer, or an object that holds one.
type projection struct {
	At        *place // of the pointer
	Location  string
	Partition bool
}

type projectionBody struct {
	located
	Location  string `flow:"location,required" hint:"a JSON pointer" format:"pointer" doc:"JSON pointer to the location."`
	Partition bool   `flow:"partition" default:"false" doc:"Makes the field a logical partition: its value stands in the documents' subjects, so that a source can select by it. Every document must have it, as a boolean, integer, string or null. It cannot be changed later."`
}

func (v *projection) decode(l *loader, p *place) {
	switch p.node.kind {
	case kindString:
		v.At, v.Location = p, p.node.text
	case kindObject:
		var body projectionBody
		l.decodeStruct(p, reflect.ValueOf(&body).Elem())
		v.At, v.Location, v.Partition = p.must("location"), body.Location, body.Partition
	default:
		l.errorf(fault.WrongType, p, "a JSON pointer", "expected a string or an object, found %s", p.node.kind)
	}
}

func (*projection) describe() shapeText {
	return shapeText{"oneOf": []any{
		shapeText{"type": "string", "pattern": pointerPattern},
		structSchema(reflect.TypeFor[projectionBody]()),
	}}
}

// endpointFile is an object of one member: the kind of connector.
type endpointFile struct {
	At     *place
	Kind   string
	Config json.RawMessage
}

func (e *endpointFile) decode(l *loader, p *place) {
	e.At = p
	if !l.expect(p, kindObject) {
		return
	}
	if len(p.node.members) != 1 {
		l.errorf(fault.Contradiction, p, "as in: endpoint: { sqlite: { path: totals.db } }", "an endpoint has exactly one member, the kind of connector, not %d", len(p.node.members))
		return
	}
	e.Kind = p.node.members[0].name
	switch e.Kind {
	case "connector", "dekaf":
		l.later(p.name(e.Kind), "an endpoint of kind "+e.Kind, "use a connector that is built in, as in: endpoint: { sqlite: { path: totals.db } }, or a program: endpoint: { local: { command: [./connector] } }")
	case LocalEndpoint:
		var local localFile
		l.decodeStruct(p.must(e.Kind), reflect.ValueOf(&local).Elem())
		e.Config = l.localConfig(p.must(e.Kind), &local)
	case "":
		l.errorf(fault.Missing, p.name(""), "as in: endpoint: { sqlite: { path: totals.db } }", "the kind of connector is empty")
	default:
		var config jsonObject
		config.decode(l, p.must(e.Kind))
		e.Config = config.Text
	}
}

func (*endpointFile) describe() shapeText {
	return shapeText{
		"type": "object", "minProperties": 1, "maxProperties": 1,
		"propertyNames":        shapeText{"not": shapeText{"enum": []any{"connector", "dekaf", ""}}},
		"properties":           shapeText{LocalEndpoint: structSchema(reflect.TypeFor[localFile]())},
		"additionalProperties": objectOrFile("The name of a file that holds the configuration, relative to this file."),
	}
}

// localFile is a connector that is a program.
type localFile struct {
	located
	Command  []string          `flow:"command,required" hint:"the program and its arguments, as in: command: [python3, connector.py]" doc:"The program and its arguments. It is started without a shell."`
	Config   *jsonObject       `flow:"config" doc:"What the connector is configured with, or the name of a file that holds it. It is told on its standard input."`
	Env      map[string]string `flow:"env" doc:"Environment variables of the program, beside PATH, HOME, TMPDIR and LANG. They are no place for secrets."`
	Dir      string            `flow:"dir" doc:"The directory that the program is started in, relative to this file; the directory of this file if it is left out."`
	Protobuf offFlag           `flow:"protobuf" doc:"Only false: messages are lines of JSON."`
}

// localConfig is what the connector gets of it: what was written, and where.
func (l *loader) localConfig(p *place, f *localFile) json.RawMessage {
	if at, ok := p.field("command"); ok && at.node.kind == kindArray && len(f.Command) == 0 {
		l.errorf(fault.Missing, at, "the program and its arguments, as in: command: [python3, connector.py]", "command is empty")
	}
	for _, text := range slices.AppendSeq(slices.Clone(f.Command), maps.Values(f.Env)) {
		if strings.Contains(text, "${env:") || strings.Contains(text, "${file:") {
			l.errorf(fault.Secret, p, "name the secret under config, which the program is told on its standard input", "a secret stands in command or env, where other users of the machine see it")
			break
		}
	}
	config := json.RawMessage("{}")
	if f.Config != nil && len(f.Config.Text) > 0 {
		config = f.Config.Text
	}
	dir := f.Dir
	if !filepath.IsAbs(dir) {
		if _, nowhere := l.disk.(sent); nowhere {
			l.errorf(fault.File, p, "name the program's directory on the worker's machine, as in dir: /opt/connectors", "files that were sent have no directory that a program could be started in")
		}
		dir = filepath.Join(filepath.Dir(p.file.abs), dir)
	}
	text, err := json.Marshal(struct {
		Command []string          `json:"command"`
		Config  json.RawMessage   `json:"config"`
		Env     map[string]string `json:"env,omitempty"`
		Dir     string            `json:"dir"`
	}{f.Command, config, f.Env, dir})
	if err != nil {
		panic("catalog: " + err.Error()) // text, and JSON that was read
	}
	return text
}

// depth is a number of levels, or true for all and false for none.
type depth struct{ Levels int }

func (d *depth) decode(l *loader, p *place) {
	levels, err := strconv.ParseUint(p.node.text, 10, 16)
	switch {
	case p.node.kind == kindBoolean && p.node.text == "true":
		d.Levels = AnyDepth
	case p.node.kind == kindBoolean:
		d.Levels = 0
	case p.node.kind == kindNumber && err == nil:
		d.Levels = int(levels)
	default:
		l.errorf(fault.WrongValue, p, "a number of levels from 0 to 65535, true or false", "%s is no depth", l.sample(p))
	}
}

func (*depth) describe() shapeText {
	return shapeText{"oneOf": []any{shapeText{"type": "boolean"}, shapeText{"type": "integer", "minimum": 0, "maximum": 65535}}}
}

// offFlag is a switch of Flow's that may only be off.
type offFlag struct{}

func (*offFlag) decode(l *loader, p *place) {
	if p.node.kind == kindNull {
		return
	}
	if l.expect(p, kindBoolean) && p.node.text == "true" {
		l.later(p, p.token+": true", "leave it out")
	}
}

func (*offFlag) describe() shapeText { return shapeText{"enum": []any{false, nil}} }

// nullOnly is a part of Flow's that may only be switched off.
type nullOnly struct{}

func (*nullOnly) decode(l *loader, p *place) {
	if p.node.kind != kindNull {
		l.later(p, p.token, "leave it out, and write the bindings")
	}
}

func (*nullOnly) describe() shapeText { return shapeText{"type": "null"} }

// testFile is a test: an object, or its steps alone.
type testFile struct{ Body testBody }

func (t *testFile) decode(l *loader, p *place) {
	body := reflect.ValueOf(&t.Body).Elem()
	if p.node.kind != kindArray {
		l.decodeStruct(p, body)
		return
	}
	t.Body.At = p
	l.decodeSlice(p, reflect.ValueOf(&t.Body.Steps).Elem(), "")
}

func (*testFile) describe() shapeText {
	body := structSchema(reflect.TypeFor[testBody]())
	steps := shapeText{"type": "array", "items": typeSchema(reflect.TypeFor[stepFile](), "")}
	return shapeText{"oneOf": []any{body, steps}}
}

// sample shows a value in a message.
func (l *loader) sample(p *place) string {
	switch p.node.kind {
	case kindArray, kindObject:
		return p.node.kind.String()
	}
	text := string(p.node.json())
	if len(text) > 40 {
		text = strings.ToValidUTF8(text[:40], "") + "..."
	}
	return text
}

// pointer parses a pointer by Flow's rules, which have no empty tokens.
func (l *loader) pointer(p *place, text string) (document.Pointer, bool) {
	pointer, err := document.ParsePointer(text)
	if err != nil {
		hint := ""
		if !strings.HasPrefix(text, "/") {
			hint = "write /" + text
		}
		l.errorf(fault.WrongValue, p, hint, "%q is no JSON pointer: %s", text, pointerFault(text))
		return nil, false
	}
	for _, token := range pointer {
		if token == "" {
			l.errorf(fault.WrongValue, p, "as in /id or /address/city", "%q is no JSON pointer: a name between two / is empty", text)
			return nil, false
		}
	}
	return pointer, true
}

func pointerFault(text string) string {
	if !strings.HasPrefix(text, "/") {
		return "it begins with /"
	}
	return "~ is written ~0, and / inside a name ~1"
}
