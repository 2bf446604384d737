package catalog

import (
	"encoding/json"
	"slices"
	"strconv"

	"weir/document"
	"weir/schema"
)

// keySchema is what the locations that say where documents belong, as their key does,
// say of all documents that have the given shape when they are written: that something is
// there, and of which type.
func keySchema(locations []string, shape *schema.Shape) json.RawMessage {
	root := map[string]any{"type": "object"}
	for _, text := range locations {
		if pointer, err := document.ParsePointer(text); err == nil && shape != nil {
			describeKey(root, shape, pointer)
		}
	}
	text, err := json.Marshal(root)
	if err != nil {
		panic("schema of a key: " + err.Error()) // it is made of strings, numbers, maps and lists
	}
	return text
}

// describeKey says in a schema what is known of a component below a location.
// Where the location may be an object or an array, that is nothing.
func describeKey(into map[string]any, shape *schema.Shape, pointer document.Pointer) {
	if len(pointer) == 0 {
		if shape.Types != 0 {
			into["type"] = shape.Types.Names()
		}
		if shape.Default != nil {
			into["default"] = shape.Default
		}
		return
	}
	sub, exists := shape.Locate(pointer[:1])
	switch shape.Types {
	case schema.TypeObject:
		into["type"] = "object"
		if required, _ := into["required"].([]string); exists == schema.Must && !slices.Contains(required, pointer[0]) {
			into["required"] = append(required, pointer[0])
		}
		properties := part(into, "properties")
		describeKey(part(properties, pointer[0]), sub, pointer[1:])
	case schema.TypeArray:
		index, err := strconv.Atoi(pointer[0])
		if err != nil || index < 0 || index > shape.MinItems {
			return // as the check of the key says
		}
		into["type"] = "array"
		elements, _ := into["prefixItems"].([]any)
		for len(elements) <= index {
			elements = append(elements, map[string]any{})
		}
		into["prefixItems"] = elements
		if least, _ := into["minItems"].(int); exists == schema.Must {
			into["minItems"] = max(least, index+1)
		}
		describeKey(elements[index].(map[string]any), sub, pointer[1:])
	}
}

// part is the object under a name, made if there is none.
func part(in map[string]any, name string) map[string]any {
	out, ok := in[name].(map[string]any)
	if !ok {
		out = map[string]any{}
		in[name] = out
	}
	return out
}
