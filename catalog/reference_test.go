package catalog

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"weir/internal/golden"
)

const referenceHead = `# Catalog files

A catalog is what you write: ` + "`flow.yaml`" + ` (or ` + "`flow.json`" + `) and the files that it imports.
This page lists every field; [examples/orders](../../examples/orders/flow.yaml) shows them at work.
` + "`weir schema`" + ` prints a JSON Schema of the format, for completion and checks in editors.

- Files are YAML 1.2 or JSON, in UTF-8, at most 16 MiB. ` + "`no`, `on` and dates" + ` are strings; numbers keep their text; keys are strings.
  Anchors, aliases and merge keys (` + "`<<`" + `) work.
- Names of files are relative to the file that holds them. Only files are read, never URLs.
- Unknown fields are errors. All errors are reported at once, each with file, line, column and path.
- Catalog names (` + "`acmeCo/orders`" + `) are parts joined by ` + "`/`" + `, made of letters, numbers, ` + "`-`, `_` and `.`" + `; at most 200 bytes, where ` + "`.`" + `
  and each byte that is not ASCII count three. Collections, captures, materializations and tests share one namespace, in which case makes no difference.
- JSON pointers begin with ` + "`/`" + `, as in ` + "`/address/city`" + `; ` + "`~1` stands for `/` and `~0` for `~`" + ` in a name.

This page is made of the types that read the files: change it by running ` + "`go test ./catalog -update`" + `.
`

// TestReference compares the reference page with the types of the format.
func TestReference(t *testing.T) {
	var b strings.Builder
	b.WriteString(referenceHead)
	for _, s := range []struct {
		title, intro string
		typ          reflect.Type
	}{
		{"A file", "", reflect.TypeFor[catalogFile]()},
		{"Collections", "`collections: { <name>: ... }`: documents that share a key and a schema.", reflect.TypeFor[collectionFile]()},
		{"Projections", "`projections: { <field>: ... }`: a pointer alone, or an object.", reflect.TypeFor[projectionBody]()},
		{"Derivations", "`derive` of a collection.", reflect.TypeFor[deriveFile]()},
		{"Using", "`using` of a derivation: exactly one of these.", reflect.TypeFor[usingFile]()},
		{"Modules", "`javascript` or `typescript` of a derivation.", reflect.TypeFor[moduleFile]()},
		{"SQLite", "`sqlite` of a derivation ([SQLite derivations](../sqlite-derivations.md)).", reflect.TypeFor[sqliteFile]()},
		{"Registers", "`register` of a derivation.", reflect.TypeFor[registerFile]()},
		{"Transforms", "Elements of `transforms`. With a register, the shuffle keys of all transforms agree in number and types.", reflect.TypeFor[transformFile]()},
		{"Sources", "`source` of a transform or a binding, and `collection` of a verify step: the name of a collection, or an object.", reflect.TypeFor[sourceBody]()},
		{"Selectors", "`partitions` of a source: of a collection whose projections include logical partitions.", reflect.TypeFor[selectorFile]()},
		{"Shuffles", "`shuffle` of a transform: `any` (documents may be processed anywhere, and there is no register), or an object.", reflect.TypeFor[shuffleBody]()},
		{"Captures", "`captures: { <name>: ... }`: bring documents in.", reflect.TypeFor[captureFile]()},
		{"Bindings of captures", "Elements of `bindings`.", reflect.TypeFor[captureBindingFile]()},
		{"Materializations", "`materializations: { <name>: ... }`: keep destinations up to date.", reflect.TypeFor[materializationFile]()},
		{"Bindings of materializations", "Elements of `bindings`.", reflect.TypeFor[materializationBindingFile]()},
		{"Fields", "`fields` of a binding.", reflect.TypeFor[fieldsFile]()},
		{"Shards", "`shards` of a capture, a derivation or a materialization.", reflect.TypeFor[shardsFile]()},
		{"Tests", "`tests: { <name>: ... }`: an object, or its `steps` alone.", reflect.TypeFor[testBody]()},
		{"Steps", "Elements of `steps`: exactly one of these.", reflect.TypeFor[stepFile]()},
		{"Ingest", "`ingest` of a step.", reflect.TypeFor[ingestFile]()},
		{"Verify", "`verify` of a step.", reflect.TypeFor[verifyFile]()},
	} {
		fmt.Fprintf(&b, "\n## %s\n", s.title)
		if s.intro != "" {
			b.WriteString("\n" + s.intro + "\n")
		}
		writeFields(&b, fieldsOf(s.typ))
	}
	golden.Compare(t, "../docs/reference/catalog.md", b.String())
}

func writeFields(b *strings.Builder, fields []field) {
	b.WriteString("\n| field | value | |\n|---|---|---|\n")
	var ignored, later []string
	for i := range fields {
		f := &fields[i]
		name := "`" + f.name + "`"
		if f.alias != "" {
			name += " or `" + f.alias + "`"
		}
		switch {
		case f.later != "":
			later = append(later, name+" ("+f.later+")")
		case f.ignored != "":
			ignored = append(ignored, name+" ("+f.ignored+")")
		default:
			fmt.Fprintf(b, "| %s | %s | %s |\n", name, valueText(f), f.tag.Get("doc"))
		}
	}
	if len(ignored) > 0 {
		b.WriteString("\nAccepted, without a meaning here: " + strings.Join(ignored, ", ") + ".\n")
	}
	if len(later) > 0 {
		b.WriteString("\nNot supported yet: " + strings.Join(later, "; ") + ".\n")
	}
}

// valueText says what a field takes, and what it is when it is left out.
func valueText(f *field) string {
	text := typeText(f)
	if f.required {
		return text + ", required"
	}
	if value, ok := f.tag.Lookup("default"); ok {
		return text + ", default `" + value + "`"
	}
	return text
}

func typeText(f *field) string {
	t := f.typ
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if enum, ok := f.tag.Lookup("enum"); ok && t.Kind() == reflect.String {
		return "`" + strings.ReplaceAll(enum, "|", "`, `") + "`"
	}
	named := map[string]string{
		"schemaRef": "JSON schema, or its file", "jsonValue": "any value", "jsonObject": "object, or its file",
		"documents": "list of objects, or its file", "sourceRef": "see [Sources](#sources)", "selectorFile": "see [Selectors](#selectors)", "timestamp": "time, as in `2024-01-31T00:00:00Z`", "shuffle": "see [Shuffles](#shuffles)",
		"endpointFile": "object of one member: the kind of connector, with its configuration (an object, or its file)",
		"depth":        "number or boolean", "offFlag": "`false`", "nullOnly": "`null`",
		"deriveFile": "see [Derivations](#derivations)", "usingFile": "see [Using](#using)", "moduleFile": "see [Modules](#modules)",
		"registerFile": "see [Registers](#registers)", "fieldsFile": "see [Fields](#fields)", "shardsFile": "see [Shards](#shards)",
		"ingestFile": "see [Ingest](#ingest)", "verifyFile": "see [Verify](#verify)", "copyFile": "`{}`",
		"sqliteFile": "see [SQLite](#sqlite)", "sqlText": "SQL, or its file",
	}
	if text, ok := named[t.Name()]; ok {
		return text
	}
	switch t.Kind() {
	case reflect.Int:
		low, high := f.tag.Get("min"), f.tag.Get("max")
		if high != "" {
			return "number, " + low + " to " + high
		}
		return "number"
	case reflect.Bool:
		return "boolean"
	case reflect.Slice:
		if f.tag.Get("format") == "pointer" {
			return "list of JSON pointers"
		}
		if t.Elem() == reflect.TypeFor[sqlText]() {
			return "list of SQL, or of its files"
		}
		if t.Elem().Kind() == reflect.Struct {
			return "list"
		}
		return "list of strings"
	case reflect.Map:
		return "object"
	}
	if f.tag.Get("format") == "pointer" {
		return "JSON pointer"
	}
	if pattern, ok := f.tag.Lookup("pattern"); ok {
		return "string (`" + strings.ReplaceAll(pattern, "|", `\|`) + "`)"
	}
	return "string"
}
