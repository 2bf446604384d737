package catalog

import (
	"encoding/json"
	"reflect"
	"strings"
)

// JSONSchema returns the JSON Schema (draft 2020-12) of a catalog's files, for
// editors. It is made of the types that Load reads into. What it accepts Load may
// still refuse: that names resolve and schemas compile is beyond it.
func JSONSchema() []byte {
	root := structSchema(reflect.TypeFor[catalogFile]())
	root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	root["title"] = "Weir catalog"
	root["description"] = "A file of a catalog: flow.yaml, flow.json, or what they import."
	text, err := json.MarshalIndent(root, "", "  ")
	if err != nil {
		panic("schema of the catalog format: " + err.Error()) // it is made of strings, numbers, maps and lists
	}
	return append(text, '\n')
}

func structSchema(t reflect.Type) shapeText {
	properties := shapeText{}
	var required []string
	for _, f := range fieldsOf(t) {
		if f.later != "" {
			continue
		}
		properties[f.name] = fieldSchema(&f)
		if f.alias != "" {
			aliased := fieldSchema(&f)
			aliased["description"] = "Another name of " + f.name + "."
			properties[f.alias] = aliased
		}
		if f.required {
			required = append(required, f.name)
		}
	}
	out := shapeText{"type": "object", "additionalProperties": false, "properties": properties}
	if len(required) > 0 {
		out["required"] = required
	}
	if c, ok := reflect.New(t).Interface().(interface{ constrain(s shapeText) }); ok {
		c.constrain(out)
	}
	return out
}

func fieldSchema(f *field) shapeText {
	if f.ignored != "" {
		return shapeText{"description": "Accepted, without a meaning here: " + f.ignored + "."}
	}
	out := typeSchema(f.typ, f.tag)
	out["description"] = f.tag.Get("doc")
	if text, ok := f.tag.Lookup("default"); ok {
		out["default"] = defaultValue(text)
	}
	return out
}

// defaultValue is the value of a default tag, which is JSON or a plain string.
func defaultValue(text string) any {
	if json.Valid([]byte(text)) {
		return json.RawMessage(text)
	}
	return text
}

func typeSchema(t reflect.Type, tag reflect.StructTag) shapeText {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if c, ok := reflect.New(t).Interface().(custom); ok {
		return c.describe()
	}
	switch t.Kind() {
	case reflect.Struct:
		return structSchema(t)
	case reflect.Map:
		out := shapeText{"type": "object", "additionalProperties": typeSchema(t.Elem(), "")}
		if tag.Get("names") == "catalog" {
			out["propertyNames"] = shapeText{"pattern": namePattern}
		}
		return out
	case reflect.Slice:
		return shapeText{"type": "array", "items": typeSchema(t.Elem(), tag)}
	case reflect.Bool:
		return shapeText{"type": "boolean"}
	case reflect.Int:
		out := shapeText{"type": "integer", "minimum": intLimit(tag, "min", 0)}
		if _, ok := tag.Lookup("max"); ok {
			out["maximum"] = intLimit(tag, "max", 0)
		}
		return out
	default:
		return stringSchema(tag)
	}
}

func stringSchema(tag reflect.StructTag) shapeText {
	out := shapeText{"type": "string"}
	if enum, ok := tag.Lookup("enum"); ok {
		out["enum"] = strings.Split(enum, "|")
	}
	if pattern, ok := tag.Lookup("pattern"); ok {
		out["pattern"] = pattern
	}
	if tag.Get("format") == "pointer" {
		out["pattern"] = pointerPattern
	}
	return out
}
