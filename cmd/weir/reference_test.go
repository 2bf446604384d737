package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"weir/internal/golden"
)

const commandsHead = `# Commands of weir

One binary, one command for each task. ` + "`weir COMMAND --help`" + ` prints the same as this page. Results go to standard output, progress,
warnings and errors to standard error.

| exit code | |
|---|---|
`

const commandsFoot = `
This page is made of the commands: change it by running ` + "`go test ./cmd/weir -run TestReference -update`" + `.
`

// TestReferenceOfCommands compares docs/reference/cli.md with the commands.
func TestReferenceOfCommands(t *testing.T) {
	var b strings.Builder
	b.WriteString(commandsHead)
	for _, e := range []struct {
		code  int
		means string
	}{
		{0, "done"},
		{exitFailed, "the command ran and failed"},
		{exitInvalid, "the catalog or the command line is wrong"},
		{exitEnvironment, "a server cannot be reached, a port is taken"},
		{exitNo, "what was asked for is not so: a wait ran out, there are changes, a check found something"},
	} {
		fmt.Fprintf(&b, "| %d | %s |\n", e.code, e.means)
	}
	b.WriteString(commandsFoot)
	for _, c := range root().Commands() {
		writeCommand(&b, c)
	}
	golden.Compare(t, "../../docs/reference/cli.md", b.String())
}

func writeCommand(b *strings.Builder, c *cobra.Command) {
	if c.Hidden || c.Name() == "help" || c.Name() == "completion" {
		return
	}
	fmt.Fprintf(b, "\n## weir %s\n\n%s.\n", strings.TrimPrefix(c.CommandPath(), "weir "), c.Short)
	if c.Runnable() {
		fmt.Fprintf(b, "\n```\n%s\n```\n", c.UseLine())
	}
	if c.Long != "" && c.Long != c.Short {
		fmt.Fprintf(b, "\n%s\n", c.Long)
	}
	if c.Example != "" {
		fmt.Fprintf(b, "\n```sh\n%s\n```\n", dedent(c.Example))
	}
	flags := c.NonInheritedFlags()
	if flags.HasAvailableFlags() {
		b.WriteString("\n| flag | |\n|---|---|\n")
		flags.VisitAll(func(f *pflag.Flag) { writeFlag(b, f) })
	}
	for _, sub := range c.Commands() {
		writeCommand(b, sub)
	}
}

func writeFlag(b *strings.Builder, f *pflag.Flag) {
	if f.Hidden || f.Name == "help" {
		return
	}
	name := "`--" + f.Name + "`"
	if f.Shorthand != "" {
		name = "`-" + f.Shorthand + "`, " + name
	}
	usage := f.Usage
	if f.DefValue != "" && f.DefValue != "false" && f.DefValue != "[]" && f.DefValue != "0" && f.DefValue != "0s" {
		usage += " (default `" + f.DefValue + "`)"
	}
	fmt.Fprintf(b, "| %s | %s |\n", name, inCell(usage))
}

func dedent(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = strings.TrimPrefix(line, "  ")
	}
	return strings.Join(lines, "\n")
}

const connectorsHead = `# Connectors

What is built in. A capture or materialization names its connector below ` + "`endpoint`" + `, as in ` + "`endpoint: { sqlite: { path: totals.db } }`" + `; each binding has
a ` + "`resource`" + ` of that connector. [Any other program](../connectors/local.md) can be a connector too: ` + "`endpoint: { local: { command: [...] } }`" + `.

Any text of an endpoint's configuration may hold ` + "`${env:NAME}` or `${file:PATH}`" + ` ([secrets](../secrets.md)).

This page is made of the connectors' schemas: change it by running ` + "`go test ./cmd/weir -run TestReference -update`" + `.
`

// capturePromises are what the pages of the built-in captures promise.
var capturePromises = map[string]string{
	"files":     "Exactly once",
	"generator": "Exactly once",
	"http":      "Exactly once with an idempotency key, else at least once",
	"nats":      "Exactly once from a stream, at most once from a core subject",
}

// TestReferenceOfConnectors compares docs/reference/connectors.md with what
// the built-in connectors say of themselves.
func TestReferenceOfConnectors(t *testing.T) {
	var b strings.Builder
	b.WriteString(connectorsHead)
	captures, destinations := sourceRegistry(), sinkRegistry()
	for _, name := range captures.Names() {
		spec := captures[name].Spec()
		promise, ok := capturePromises[name]
		if !ok && name != "local" {
			t.Errorf("what capture %s promises is missing", name)
		}
		writeConnector(t, &b, "Capture", "source", name, promise, spec.ConfigSchema, spec.ResourceSchema)
	}
	for _, name := range destinations.Names() {
		spec := destinations[name].Spec()
		promise := "At least once, unless its page says more"
		if spec.ExactlyOnce {
			promise = "Exactly once"
		}
		writeConnector(t, &b, "Materialization", "sink", name, promise, spec.ConfigSchema, spec.ResourceSchema)
	}
	golden.Compare(t, "../../docs/reference/connectors.md", b.String())
}

func writeConnector(t *testing.T, b *strings.Builder, kind, prefix, name, promise string, config, resource json.RawMessage) {
	t.Helper()
	if name == "local" { // its configuration is the program's, and its page is named after it
		return
	}
	page := "../connectors/" + prefix + "-" + name + ".md"
	if _, err := os.Stat(filepath.Join("../../docs/reference", page)); err != nil {
		t.Errorf("%s %s has no page: %v", kind, name, err)
	}
	fmt.Fprintf(b, "\n## %s: %s\n\n", kind, name)
	fmt.Fprintf(b, "%s. [How to use it](%s).\n", promise, page)
	writeSchema(t, b, "Endpoint `"+name+"`", config)
	writeSchema(t, b, "Resource", resource)
}

// member is what a reference page says of a property of a connector's schema.
type member struct {
	Type        any               `json:"type"`
	Description string            `json:"description"`
	Default     json.RawMessage   `json:"default"`
	Enum        []any             `json:"enum"`
	Secret      any               `json:"secret"`
	Items       *member           `json:"items"`
	Required    []string          `json:"required"`
	Properties  map[string]member `json:"properties"`
}

func writeSchema(t *testing.T, b *strings.Builder, title string, text json.RawMessage) {
	t.Helper()
	var m member
	if err := json.Unmarshal(text, &m); err != nil {
		t.Fatal(err)
	}
	if len(m.Properties) == 0 {
		fmt.Fprintf(b, "\n%s: nothing to say.\n", title)
		return
	}
	fmt.Fprintf(b, "\n| %s | type | |\n|---|---|---|\n", title)
	writeMembers(t, b, "", m)
}

// writeMembers lists what is required first, else by name.
func writeMembers(t *testing.T, b *strings.Builder, prefix string, m member) {
	t.Helper()
	names := slices.Sorted(maps.Keys(m.Properties))
	slices.SortStableFunc(names, func(x, y string) int {
		return rank(m.Required, x) - rank(m.Required, y)
	})
	for _, name := range names {
		p := m.Properties[name]
		if p.Description == "" {
			t.Errorf("%s%s has no description", prefix, name)
		}
		fmt.Fprintf(b, "| `%s%s` | %s | %s |\n", prefix, name, inCell(typeOf(p, slices.Contains(m.Required, name))), inCell(describeMember(p)))
		writeMembers(t, b, prefix+name+".", p)
		if p.Items != nil && len(p.Items.Properties) > 0 {
			writeMembers(t, b, prefix+name+"[].", *p.Items)
		}
	}
}

func rank(required []string, name string) int {
	if slices.Contains(required, name) {
		return 0
	}
	return 1
}

func typeOf(p member, required bool) string {
	var out string
	switch typ := p.Type.(type) {
	case string:
		out = typ
	case []any:
		var all []string
		for _, one := range typ {
			all = append(all, fmt.Sprint(one))
		}
		out = strings.Join(all, " or ")
	}
	if out == "array" && p.Items != nil {
		if s, ok := p.Items.Type.(string); ok {
			out = "list of " + s + "s"
		}
	}
	switch p.Secret {
	case true:
		out += ", secret"
	case "user", "url":
		out += ", secret in part"
	}
	if required {
		out += ", required"
	}
	return out
}

func describeMember(p member) string {
	text := p.Description
	if len(p.Enum) > 0 {
		var all []string
		for _, v := range p.Enum {
			all = append(all, fmt.Sprintf("`%v`", v))
		}
		text += " One of " + strings.Join(all, ", ") + "."
	}
	if d := string(p.Default); d != "" && d != `""` && d != "null" {
		text += " Default: `" + d + "`."
	}
	return text
}

func inCell(text string) string {
	return strings.NewReplacer("|", `\|`, "\n", " ").Replace(text)
}
