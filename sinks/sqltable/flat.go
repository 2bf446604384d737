package sqltable

import (
	"slices"

	"weir/sinks"
)

// Flat is the one type of a column that all values of a location fit.
type Flat uint8

// The flat types.
const (
	Never Flat = iota // no value is possible, null apart
	Boolean
	Integer
	Number
	String
	StringInteger // strings that hold integers, and integers
	StringNumber  // strings that hold numbers, and numbers
	Binary        // strings in base64
	Array
	Object
	Multiple // more than one type
	flatCount
)

// exactNumber is StringNumber as columns take it that hold decimals.
const exactNumber = flatCount

// String names the type for messages.
func (f Flat) String() string {
	names := [flatCount]string{"never", "boolean", "integer", "number", "string", "string integer", "string number", "binary", "array", "object", "multiple"}
	return names[f]
}

// Flatten gives the flat type of a projection and whether its column may hold
// NULL.
func Flatten(p sinks.Projection) (f Flat, nullable bool) {
	types := withoutNull(p.Inference.Types)
	nullable = p.Inference.Exists != sinks.Must || len(types) < len(p.Inference.Types)
	switch {
	case p.Inference.Format == "integer" && within(types, "integer", "string") && slices.Contains(types, "string"):
		return StringInteger, nullable
	case p.Inference.Format == "number" && within(types, "integer", "number", "string") && slices.Contains(types, "string"):
		return StringNumber, nullable
	case p.Inference.ContentEncoding == "base64" && within(types, "string") && len(types) > 0:
		return Binary, nullable
	}
	return flatten(types), nullable
}

// FlattenKey is Flatten for a component of the key, which is a boolean, an
// integer or a string, whatever else its schema allows; strings stay strings
// there whatever their format, since "7" and "07" are two keys.
func FlattenKey(p sinks.Projection) (f Flat, nullable bool) {
	types := slices.DeleteFunc(withoutNull(p.Inference.Types), func(t string) bool { return t == "array" || t == "object" })
	hasDefault := len(p.Inference.Default) > 0 && string(p.Inference.Default) != "null"
	nullable = p.Inference.Exists != sinks.Must && !hasDefault || slices.Contains(p.Inference.Types, "null")
	f = flatten(types)
	switch f {
	case Number:
		f = Integer // no key has a fraction
	case Never:
		f = Multiple
	}
	return f, nullable
}

func flatten(types []string) Flat {
	switch {
	case len(types) == 0:
		return Never
	case within(types, "integer"):
		return Integer
	case within(types, "integer", "number"):
		return Number
	case len(types) > 1:
		return Multiple
	}
	switch types[0] {
	case "boolean":
		return Boolean
	case "string":
		return String
	case "array":
		return Array
	case "object":
		return Object
	}
	return Multiple
}

func withoutNull(types []string) []string {
	return slices.DeleteFunc(slices.Clone(types), func(t string) bool { return t == "null" })
}

func within(types []string, allowed ...string) bool {
	for _, t := range types {
		if !slices.Contains(allowed, t) {
			return false
		}
	}
	return true
}
