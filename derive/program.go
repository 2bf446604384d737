package derive

import (
	"errors"
	"fmt"
	"sort"
	"strings"
	"time"
	"unicode"

	"github.com/dop251/goja"
	"github.com/dop251/goja/parser"

	"weir/catalog"
	"weir/document"
	"weir/schema"
)

// Program is a derivation ready to run: its module compiled, its functions known to be there. It is safe for
// concurrent use; each shard makes a VM of its own from it.
type Program struct {
	name       string // of the derived collection
	file       string // the module, for errors without a place
	script     *goja.Program
	sandbox    *goja.Program
	copies     bool // copy: {}
	wall       bool // clock: wall
	transforms []transform
	register   *registerSpec // nil when the derivation declares none
}

type transform struct {
	name     string
	source   string
	function string
	method   string        // of a class; function is tried second
	key      *document.Key // nil: shuffle any
}

type registerSpec struct {
	schema  *schema.Schema
	initial string // JSON text
}

// loadTimeout bounds the running of a module's body while it is compiled.
const loadTimeout = 10 * time.Second

// Compile makes the program of a derivation from the bundle that its module holds (see Bundle). It runs the
// module's body once and checks that each transform's function is exported: the transform's name, camel-cased
// where it is no identifier; or that a class Derivation is, which has them as methods. Errors are *ModuleError where the module is to blame.
func Compile(d *catalog.Derivation, name string) (*Program, error) {
	p := &Program{name: name}
	if err := p.addTransforms(d); err != nil {
		return nil, err
	}
	if d.Using.Copy != nil {
		p.copies = true
		return p, nil
	}
	m, typescript := d.Using.JavaScript, false
	if m == nil {
		m, typescript = d.Using.TypeScript, true
	}
	if m == nil {
		return nil, fmt.Errorf("derive %s: using names no module", name)
	}
	p.file, p.wall = moduleName(m, typescript), m.Clock == catalog.ClockWall
	if err := p.addRegister(d.Register); err != nil {
		return nil, err
	}
	if err := p.compile(m.Bundle); err != nil {
		return nil, err
	}
	vm, err := p.NewVM(VMOptions{Timeout: loadTimeout})
	if err == nil {
		err = vm.Open(nil)
	}
	var call *CallError
	if errors.As(err, &call) {
		err = &ModuleError{File: call.File, Line: call.Line, Column: call.Column, Message: call.Message}
	}
	return p, err
}

func (p *Program) addTransforms(d *catalog.Derivation) error {
	for _, t := range d.Transforms {
		x := transform{name: t.Name, source: t.Source.Name, function: functionName(t.Name), method: camelCase(t.Name)}
		if !t.Shuffle.Any && len(t.Shuffle.Key) > 0 {
			key, err := document.NewKey(t.Shuffle.Key)
			if err != nil {
				return fmt.Errorf("derive %s: transform %s: shuffle: %w", p.name, t.Name, err)
			}
			x.key = key
		}
		p.transforms = append(p.transforms, x)
	}
	return nil
}

func (p *Program) addRegister(r *catalog.Register) error {
	if r == nil {
		return nil
	}
	s, err := schema.Compile(r.Schema)
	if err != nil {
		return fmt.Errorf("derive %s: register schema: %w", p.name, err)
	}
	p.register = &registerSpec{schema: s, initial: "null"}
	if r.Initial == nil {
		return nil
	}
	p.register.initial = string(r.Initial)
	var d document.Doc
	if err := d.Parse(r.Initial); err != nil {
		return fmt.Errorf("derive %s: register initial: %w", p.name, err)
	}
	if !s.Validator().Valid(&d, 0) {
		return fmt.Errorf("derive %s: register initial: %s", p.name, explain(s, r.Initial))
	}
	return nil
}

func (p *Program) compile(bundle string) error {
	if bundle == "" {
		return fmt.Errorf("derive %s: the module %s has not been bundled", p.name, p.file)
	}
	ast, err := goja.Parse(p.file, bundle, parser.WithSourceMapLoader(noSourceMap))
	if err != nil {
		return &ModuleError{File: p.file, Message: err.Error()}
	}
	if p.script, err = goja.CompileAST(ast, true); err != nil {
		return &ModuleError{File: p.file, Message: err.Error()}
	}
	p.sandbox, err = goja.Compile(sandboxName, sandboxScript, true)
	return err
}

// noSourceMap keeps the engine from reading files that a bundle names as its source map; inline maps never come here.
func noSourceMap(string) ([]byte, error) {
	return nil, errors.New("source maps must be inline")
}

// missing says which function a module does not export and what it exports instead.
func (p *Program) missing(t transform, exports []string) error {
	message := fmt.Sprintf("transform %s has no function: write `export function %s({ doc }) { ... }`", t.name, t.function)
	sort.Strings(exports)
	switch {
	case len(exports) == 0:
		message += " (the module exports nothing)"
	default:
		message += " (the module exports " + strings.Join(exports, ", ") + ")"
	}
	return &ModuleError{File: p.file, Line: 1, Column: 1, Message: message}
}

// functionName gives the name of a transform's function: the transform's own where it is an identifier, else
// in camel case.
func functionName(name string) string {
	if isIdentifier(name) {
		return name
	}
	return camelCase(name)
}

// camelCase joins the parts of a name between the characters that no identifier holds and '_', each but the first
// with a capital.
func camelCase(name string) string {
	split := func(r rune) bool { return r == '_' || !inIdentifier(r) }
	var b strings.Builder
	for i, part := range strings.FieldsFunc(name, split) {
		if i > 0 {
			part = capital(part)
		}
		b.WriteString(part)
	}
	if s := b.String(); isIdentifier(s) {
		return s
	}
	return "_" + b.String()
}

func capital(s string) string {
	r := []rune(s)
	r[0] = unicode.ToUpper(r[0])
	return string(r)
}

func isIdentifier(s string) bool {
	for i, r := range s {
		if !inIdentifier(r) || i == 0 && unicode.IsDigit(r) {
			return false
		}
	}
	return s != ""
}

func inIdentifier(r rune) bool {
	return r == '_' || r == '$' || unicode.IsLetter(r) || unicode.IsDigit(r)
}
