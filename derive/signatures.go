package derive

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"weir/catalog"
	"weir/document"
	"weir/schema"
)

// declaredMethod is a function or a method as types tell it. Transforms whose names differ in what no identifier holds
// share one.
type declaredMethod struct {
	function, method, pascal string
	sources, keys            []string // types
	keyed, unkeyed           bool     // transforms with a shuffle key, and without
}

// derivation writes what a derivation's module is typed by: its functions, and the class that Flow's form extends.
func (d *declaration) derivation() error {
	d.derived = true
	byName := map[string]*declaredMethod{}
	var methods []*declaredMethod
	for i := range d.spec.Derive.Transforms {
		t := &d.spec.Derive.Transforms[i]
		name := functionName(t.Name)
		m := byName[name]
		if m == nil {
			m = &declaredMethod{function: name, method: camelCase(t.Name), pascal: capital(camelCase(t.Name))}
			byName[name] = m
			methods = append(methods, m)
		}
		if err := d.addTransform(m, t); err != nil {
			return fmt.Errorf("transform %s: %w", t.Name, err)
		}
	}
	register, err := d.register()
	if err != nil {
		return err
	}
	for _, m := range methods {
		d.signature(m, register)
	}
	d.class(methods)
	return nil
}

// addTransform adds what a transform reads to the method that it calls.
func (d *declaration) addTransform(m *declaredMethod, t *catalog.Transform) error {
	source := d.catalog.Collections[t.Source.Name]
	name := "Document"
	if source.ReadSchema != nil {
		name = "ReadDocument"
	}
	if source != d.spec {
		name = "import(" + quoted(d.relative(source.Name)) + ")." + name
	}
	key := "[]"
	if t.Shuffle.Any || len(t.Shuffle.Key) == 0 {
		m.unkeyed = true
	} else {
		m.keyed = true
		var err error
		if key, err = keyType(source, t.Shuffle.Key); err != nil {
			return err
		}
	}
	m.sources, m.keys = appendNew(m.sources, name), appendNew(m.keys, key)
	return nil
}

func appendNew(list []string, s string) []string {
	if slices.Contains(list, s) {
		return list
	}
	return append(list, s)
}

// relative is the module of another collection as this one's imports it.
func (d *declaration) relative(name string) string {
	own := strings.Split(d.spec.Name, "/")
	other := strings.Split(name, "/")
	same := 0
	for same < min(len(own), len(other))-1 && own[same] == other[same] {
		same++
	}
	up := strings.Repeat("../", len(own)-1-same)
	if up == "" {
		up = "./"
	}
	return up + path.Join(other[same:]...)
}

// keyType is the type of a shuffle key, a tuple.
func keyType(source *catalog.Collection, pointers []string) (string, error) {
	text := source.Schema
	if source.ReadSchema != nil {
		text = *source.ReadSchema
	}
	compiled, err := schema.Compile(text)
	if err != nil {
		return "", err
	}
	var parts []string
	for _, p := range pointers {
		pointer, err := document.ParsePointer(p)
		if err != nil {
			return "", err
		}
		at, exists := compiled.Shape().Locate(pointer)
		component := *at
		component.Types &= schema.TypeString | schema.TypeInteger | schema.TypeBoolean | schema.TypeNull
		if exists != schema.Must {
			component.Types |= schema.TypeNull // a component that is missing meets those that are null
			component.Enum = nil
		}
		parts = append(parts, compactText(&component))
	}
	return "[" + strings.Join(parts, ", ") + "]", nil
}

// register writes the register's type and gives that of its handle, "" when there is none.
func (d *declaration) register() (string, error) {
	r := d.spec.Derive.Register
	if r == nil {
		return "", nil
	}
	sh, err := d.compile(&r.Schema)
	if err != nil {
		return "", fmt.Errorf("register: %w", err)
	}
	d.export("Register", sh, "The register of a shuffle key.")
	if r.Initial == nil {
		return "RegisterHandle<Register, null>", nil
	}
	return "RegisterHandle<Register>", nil
}

// signature writes the types of one method: what it reads, what a function gets, and what a method gets.
func (d *declaration) signature(m *declaredMethod, register string) {
	key := strings.Join(m.keys, " | ")
	d.add("/** A document that %s reads. */\nexport type Source%s = %s;", m.function, m.pascal, strings.Join(m.sources, " | "))
	var handle string
	switch {
	case register == "" || !m.keyed:
	case m.unkeyed:
		handle = "\n  readonly register?: " + register + ";"
	default:
		handle = "\n  readonly register: " + register + ";"
	}
	d.add("/** What the function %s gets. */\nexport type Call%s = {\n  readonly doc: Source%[2]s;%[3]s\n  readonly key: %[4]s;\n  readonly meta: Meta;\n};",
		m.function, m.pascal, handle, key)
	d.add("/** The function %s. */\nexport type Function%s = (call: Call%[2]s) => Outputs<Document>;", m.function, m.pascal)
	d.add("/** What the method %s gets. */\nexport type Read%s = Call%[2]s & { readonly uuid: Uuid; readonly shuffle: Shuffle<%[3]s> };", m.method, m.pascal, key)
}

// class writes what a module of the class form extends.
func (d *declaration) class(methods []*declaredMethod) {
	var b strings.Builder
	written := map[string]bool{}
	for _, m := range methods {
		if !written[m.method] {
			written[m.method] = true
			fmt.Fprintf(&b, "  abstract %s(read: Read%s): Outputs<Document>;\n", m.method, m.pascal)
		}
	}
	d.add("/** What flush may return instead of documents. */\nexport type FlushResponse = Flush<Document>;")
	d.add(`/** What a module's class Derivation extends. Its fields are lost when the task stops; only the state is durable. */
export abstract class IDerivation {
  constructor(open: Open, config?: EndpointConfig);
%s  /** Ends the documents of a transaction: what it returns is published with them. */
  flush(statePatches?: unknown[]): Flushed<Document> | Promise<Flushed<Document>>;
  /** Ends a transaction: the state that it returns is durable with it. */
  startCommit(startCommit: StartCommit): StartedCommit | Promise<StartedCommit>;
  /** Begins anew, as runners of tests ask for. */
  reset(): void | Promise<void>;
}`, b.String())
}
