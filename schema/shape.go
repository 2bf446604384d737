package schema

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"

	"weir/document"
)

// Types is a set of JSON types. A schema's `number` is both Integer and Fractional.
type Types uint8

// The JSON types, in the order that Names lists them.
const (
	TypeArray Types = 1 << iota
	TypeBoolean
	TypeInteger
	TypeFractional
	TypeNull
	TypeObject
	TypeString

	TypeNumber = TypeInteger | TypeFractional
	AnyType    = TypeArray | TypeBoolean | TypeNumber | TypeNull | TypeObject | TypeString
)

// Names lists the types as JSON Schema names them, sorted; none means that no value is possible.
func (t Types) Names() []string {
	var names []string
	for _, n := range []struct {
		bit  Types
		name string
	}{{TypeArray, "array"}, {TypeBoolean, "boolean"}, {TypeInteger, "integer"}, {TypeNull, "null"},
		{TypeFractional, "number"}, {TypeObject, "object"}, {TypeString, "string"}} {
		if t&n.bit == 0 || n.bit == TypeInteger && t&TypeFractional != 0 {
			continue
		}
		names = append(names, n.name)
	}
	return names
}

func (t Types) String() string { return strings.Join(t.Names(), ", ") }

// Exists tells whether a location is in the documents that a schema accepts.
type Exists uint8

// The ways a location can exist.
const (
	Cannot   Exists = iota // no valid document has it
	Implicit               // only because the schema does not forbid it
	May                    // the schema describes it
	Must                   // every valid document has it
)

func (e Exists) String() string {
	return [...]string{"cannot", "implicit", "may", "must"}[e]
}

// Shape is what a schema says about the values at one location, as far as that can be said without a document.
// Whatever is uncertain is left open: every valid value fits its shape, not the reverse. Shapes may be shared
// and, where a schema is recursive, cyclic shapes are cut off by a shape that says nothing. For reading only.
type Shape struct {
	Types           Types
	Title           string
	Description     string
	Default         json.RawMessage   // nil when there is none
	Enum            []json.RawMessage // nil when values are not enumerated
	Format          string            // of strings
	ContentEncoding string            // of strings
	Minimum         string            // least number as JSON text, "" when unbounded
	Maximum         string            // greatest number as JSON text
	Properties      map[string]*Shape
	Required        map[string]bool
	Additional      *Shape // members that Properties does not name; nil when anything may stand there
	Declared        bool   // Additional comes from the schema (additionalProperties or patternProperties)
	Prefix          []*Shape
	Items           *Shape // elements behind Prefix; nil when anything may stand there
	MinItems        int
	MaxItems        int // -1 when unbounded
}

// anything is the shape of a location that a schema does not restrict.
func anything() *Shape { return &Shape{Types: AnyType, MaxItems: -1} }

// nothing is the shape of a location that cannot exist.
func nothing() *Shape { return &Shape{MaxItems: -1} }

// Locate returns the shape at p and whether values exist there. The shape is never nil.
func (sh *Shape) Locate(p document.Pointer) (*Shape, Exists) {
	exists := Must
	for _, token := range p {
		sub, here := sh.child(token)
		if here == Cannot {
			return nothing(), Cannot
		}
		sh, exists = sub, min(exists, here)
	}
	return sh, exists
}

// child combines the member and the element that a token may mean.
func (sh *Shape) child(token string) (*Shape, Exists) {
	sub, exists := nothing(), Cannot
	if sh.Types&TypeObject != 0 {
		sub, exists = sh.member(token)
	}
	if sh.Types&TypeArray != 0 {
		if element, here := sh.element(token); here > Cannot {
			sub, exists = unite(sub, element), max(exists, here)
		}
	}
	if exists == Must && sh.Types != TypeObject && sh.Types != TypeArray {
		exists = May
	}
	return sub, exists
}

func (sh *Shape) member(name string) (*Shape, Exists) {
	if sub, ok := sh.Properties[name]; ok {
		switch {
		case sub.Types == 0:
			return sub, Cannot
		case sh.Required[name]:
			return sub, Must
		}
		return sub, May
	}
	sub, exists := anything(), Implicit
	if sh.Additional != nil {
		sub = sh.Additional
		if sh.Declared {
			exists = May
		}
	}
	if sub.Types == 0 {
		return sub, Cannot
	}
	if sh.Required[name] {
		exists = Must
	}
	return sub, exists
}

func (sh *Shape) element(token string) (*Shape, Exists) {
	index, err := strconv.Atoi(token)
	if err != nil || index < 0 || strconv.Itoa(index) != token || sh.MaxItems >= 0 && index >= sh.MaxItems {
		return nothing(), Cannot
	}
	sub, exists := anything(), Implicit
	switch {
	case index < len(sh.Prefix):
		sub, exists = sh.Prefix[index], May
	case sh.Items != nil:
		sub, exists = sh.Items, May
	}
	switch {
	case sub.Types == 0:
		return sub, Cannot
	case index < sh.MinItems:
		exists = Must
	}
	return sub, exists
}

// Names lists the declared properties, sorted.
func (sh *Shape) Names() []string { return slices.Sorted(maps.Keys(sh.Properties)) }
