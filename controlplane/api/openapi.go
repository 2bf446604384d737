package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"time"
)

// OpenAPI describes the operations in OpenAPI 3.1, from the table.
func OpenAPI(version string) map[string]any {
	d := &describer{schemas: map[string]any{}}
	paths := map[string]any{}
	failure := map[string]any{"description": "it failed", "content": content(map[string]any{"type": "object", "properties": map[string]any{"error": d.schema(reflect.TypeFor[Error]())}})}
	for _, o := range Operations() {
		path := strings.ReplaceAll(Root+o.Path, "...}", "}")
		operation := map[string]any{
			"operationId": o.Name, "summary": o.Doc, "parameters": d.parameters(o),
			"responses": map[string]any{"200": map[string]any{"description": "done", "content": content(d.schema(o.answer))}, "default": failure},
		}
		if o.Method == http.MethodPost {
			operation["requestBody"] = map[string]any{"content": content(d.schema(o.request))}
		}
		paths[path] = map[string]any{strings.ToLower(o.Method): operation}
	}
	return map[string]any{
		"openapi": "3.1.0", "info": map[string]any{"title": "Weir", "version": version}, "paths": paths,
		"components": map[string]any{"schemas": d.schemas, "securitySchemes": map[string]any{"token": map[string]any{"type": "http", "scheme": "bearer"}}},
		"security":   []any{map[string]any{"token": []string{}}},
	}
}

func content(schema any) map[string]any {
	return map[string]any{"application/json": map[string]any{"schema": schema}}
}

// describer makes JSON schemas of Go types.
type describer struct{ schemas map[string]any }

func (d *describer) parameters(o Operation) []any {
	out := []any{}
	inPath := pathMembers(o)
	for _, m := range members(o.request) {
		where := "query"
		if slices.Contains(inPath, m.name) {
			where = "path"
		} else if o.Method == http.MethodPost {
			continue
		}
		out = append(out, map[string]any{"name": m.name, "in": where, "required": where == "path", "description": m.doc, "schema": d.schema(m.kind)})
	}
	return out
}

// pathMembers are the members of the request that stand in the path.
func pathMembers(o Operation) []string {
	var names []string
	for _, m := range wildcard.FindAllStringSubmatch(o.Path, -1) {
		names = append(names, m[1])
	}
	return names
}

// member is a member of a JSON object that a Go struct makes.
type member struct {
	name, doc string
	kind      reflect.Type
	optional  bool
}

func members(t reflect.Type) []member {
	var out []member
	for _, f := range reflect.VisibleFields(t) {
		if name := jsonName(f); name != "" {
			out = append(out, member{name, f.Tag.Get("doc"), f.Type, strings.Contains(f.Tag.Get("json"), ",omit")})
		}
	}
	return out
}

// schema describes a type; a struct is described once and referred to.
func (d *describer) schema(t reflect.Type) map[string]any {
	switch {
	case t == reflect.TypeFor[time.Time]():
		return map[string]any{"type": "string", "format": "date-time"}
	case t == reflect.TypeFor[json.RawMessage]():
		return map[string]any{}
	case t.Kind() == reflect.Pointer:
		return d.schema(t.Elem())
	case t.Kind() == reflect.Slice:
		return map[string]any{"type": "array", "items": d.schema(t.Elem())}
	case t.Kind() == reflect.Map:
		return map[string]any{"type": "object", "additionalProperties": d.schema(t.Elem())}
	case t.Kind() == reflect.Struct:
		return d.object(t)
	}
	if name := typeName(t); name != "anything" {
		return map[string]any{"type": name}
	}
	return map[string]any{}
}

func (d *describer) object(t reflect.Type) map[string]any {
	ref := map[string]any{"$ref": "#/components/schemas/" + t.Name()}
	if d.schemas[t.Name()] != nil {
		return ref
	}
	properties, required := map[string]any{}, []string{}
	d.schemas[t.Name()] = properties // before its members: they may refer to it
	for _, m := range members(t) {
		s := d.schema(m.kind)
		if m.doc != "" && s["$ref"] == nil {
			s["description"] = m.doc
		}
		properties[m.name] = s
		if !m.optional {
			required = append(required, m.name)
		}
	}
	d.schemas[t.Name()] = map[string]any{"type": "object", "properties": properties, "required": required, "additionalProperties": false}
	return ref
}

// typeName is the JSON type of a Go type without members.
func typeName(t reflect.Type) string {
	switch t.Kind() {
	case reflect.String:
		return "string"
	case reflect.Bool:
		return "boolean"
	case reflect.Float64:
		return "number"
	case reflect.Int, reflect.Uint64, reflect.Int64:
		return "integer"
	case reflect.Interface:
		return "anything"
	}
	panic(fmt.Sprintf("no JSON type for %s", t))
}
