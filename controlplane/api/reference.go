package api

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"
)

// Reference is docs/reference/api.md, from the table.
func Reference() string {
	var b strings.Builder
	b.WriteString(`<!-- Generated from package controlplane/api: go test ./controlplane/api -run Reference -update -->
# API

One table of operations, served in two ways with the same JSON:

- **HTTP**, by ` + "`weir up` and `weir serve`" + `, below ` + "`http://127.0.0.1:4280" + Root + "`" + `, with ` + "`Authorization: Bearer TOKEN`" + `
  ([how to reach it](../web.md)). Members of the request stand in the path and the query, or in a JSON object as the body of a POST.
- **NATS**, as the micro service ` + "`" + serviceName + "`" + `: a request with the JSON object to ` + "`" + natsRoot + ".<operation>`" + `.
  ` + "`nats service ls`, `info` and `stats`" + ` show it. Whoever may use the NATS account may use it.

` + "```sh" + `
curl -H "Authorization: Bearer $(cat DATA/http-token)" http://127.0.0.1:4280/api/v1/status
nats request weir.api.v1.status '{}'
` + "```" + `

[plan](#plan) and [publish](#publish) take a catalog as its files: [publishing over HTTP](../publishing-over-http.md) shows how. A request has at most 8 MiB over HTTP, and what a message may have over NATS. Those that plan, publish or revert may take
five minutes, since they ask endpoints; others take 30 seconds at most.

An operation that fails answers ` + "`{\"error\": ...}`" + ` with the members below, over HTTP with a status from 400 on, over NATS with the headers
` + "`Nats-Service-Error-Code` and `Nats-Service-Error`" + `. Members that are not known are refused. ` + "`" + Root + "openapi.json`" + ` describes the same in OpenAPI.

`)
	var later []reflect.Type
	table(&b, members(reflect.TypeFor[Error]()), nil, &later)
	b.WriteString("\n## Operations\n\n| operation | HTTP | does |\n|---|---|---|\n")
	for _, o := range Operations() {
		fmt.Fprintf(&b, "| [%s](#%s) | `%s %s%s` | %s |\n", o.Name, o.Name, o.Method, Root, o.Path, o.Doc)
	}
	for _, o := range Operations() {
		fmt.Fprintf(&b, "\n### %s\n\n%s. `%s %s%s`\n", o.Name, upper(o.Doc), o.Method, Root, o.Path)
		if all := members(o.request); len(all) > 0 {
			b.WriteString("\nRequest:\n\n")
			table(&b, all, pathMembers(o), &later)
		}
		fmt.Fprintf(&b, "\nAnswer:")
		answer(&b, o.answer, &later)
	}
	b.WriteString("\n## Objects\n")
	for i := 0; i < len(later); i++ { // it grows meanwhile
		fmt.Fprintf(&b, "\n### %s\n\n", later[i].Name())
		table(&b, members(later[i]), nil, &later)
	}
	return b.String()
}

func upper(text string) string { return strings.ToUpper(text[:1]) + text[1:] }

func answer(b *strings.Builder, t reflect.Type, later *[]reflect.Type) {
	if t.Kind() == reflect.Struct && strings.HasSuffix(t.Name(), "Answer") {
		if len(members(t)) == 0 {
			b.WriteString(" an empty object.\n")
			return
		}
		b.WriteString("\n\n")
		table(b, members(t), nil, later)
		return
	}
	fmt.Fprintf(b, " %s.\n", spelled(t, later))
}

// table lists members; inPath are those of them that stand in the path.
func table(b *strings.Builder, all []member, inPath []string, later *[]reflect.Type) {
	b.WriteString("| member | type | is |\n|---|---|---|\n")
	for _, m := range all {
		doc := m.doc
		if slices.Contains(inPath, m.name) {
			doc = strings.TrimPrefix(doc+"; in the path", "; ")
		}
		fmt.Fprintf(b, "| `%s` | %s | %s |\n", m.name, spelled(m.kind, later), doc)
	}
}

// spelled names a type; those with members are described later.
func spelled(t reflect.Type, later *[]reflect.Type) string {
	switch {
	case t == reflect.TypeFor[time.Time]():
		return "time (RFC 3339)"
	case t == reflect.TypeFor[json.RawMessage]():
		return "any JSON"
	case t.Kind() == reflect.Pointer:
		return spelled(t.Elem(), later)
	case t.Kind() == reflect.Slice:
		return "list of " + spelled(t.Elem(), later)
	case t.Kind() == reflect.Map:
		return "object of " + spelled(t.Elem(), later)
	case t.Kind() == reflect.Struct:
		if !slices.Contains(*later, t) {
			*later = append(*later, t)
		}
		return "[" + t.Name() + "](#" + strings.ToLower(t.Name()) + ")"
	}
	return typeName(t)
}
