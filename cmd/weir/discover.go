package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"

	"weir/catalog"
	"weir/fault"
	"weir/secrets"
	"weir/sources"
)

// discover holds the flags of `weir discover`.
type discover struct {
	results
	data    string
	capture string
	prefix  string
	write   string
}

func discoverCommand() *cobra.Command {
	d := &discover{}
	c := &cobra.Command{
		Use:   "discover FILE",
		Short: "List what an endpoint has, as collections and captures for a catalog",
		Long: `Asks an endpoint what could be captured and prints a catalog of it: a collection for
each resource, with the schema and the key that its documents seem to have, and a
capture for each. What was not seen cannot be known: look at keys and schemas.

FILE is YAML that holds an endpoint, as in { files: { url: incoming } }, or a catalog
with a capture whose endpoint is asked; --capture names it if there are several.`,
		Example: "  weir discover endpoint.yaml > flow.yaml\n  weir discover flow.yaml --capture acmeCo/from-files --data /var/lib/weir",
		Args:    exactlyOne("FILE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := d.check(); err != nil {
				return err
			}
			return d.run(cmd.Context(), args[0], cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	d.results.flags(c, formYAML, formJSON)
	f := c.Flags()
	f.StringVar(&d.data, "data", ".", "data directory, which relative paths of the endpoint are relative to")
	f.StringVar(&d.capture, "capture", "", "the capture of the catalog whose endpoint is asked")
	f.StringVar(&d.prefix, "prefix", "acmeCo", "what names of collections and captures begin with")
	f.StringVar(&d.write, "write", "", "write the catalog to this file, which must not be there, in place of printing it")
	return c
}

// endpoint is one whose resources are sought.
type endpoint struct {
	kind   string
	config json.RawMessage // as the user wrote it, without the values of secrets
}

// discovered is the catalog that is printed. Its members stand as people write
// them.
type discovered struct {
	Collections map[string]discoveredCollection `json:"collections"`
	Captures    map[string]discoveredCapture    `json:"captures"`
}

type discoveredCollection struct {
	Key    []string        `json:"key"`
	Schema json.RawMessage `json:"schema"`
}

type discoveredCapture struct {
	Endpoint map[string]json.RawMessage `json:"endpoint"`
	Bindings []discoveredCaptureBinding `json:"bindings"`
}

type discoveredCaptureBinding struct {
	Resource json.RawMessage `json:"resource"`
	Target   string          `json:"target"`
	Disable  bool            `json:"disable,omitempty"`
}

func (d *discover) run(ctx context.Context, path string, out, problems io.Writer) error {
	e, err := d.endpoint(path)
	if err != nil {
		return err
	}
	found, err := d.ask(ctx, e)
	if err != nil {
		return err
	}
	if len(found.Bindings) == 0 {
		return &noError{fault.New(fault.No, "look whether the configuration names the right place, and whether this user may see what is there", "the endpoint %s has nothing that could be captured", e.kind)}
	}
	c, err := d.catalog(e, found)
	if err != nil {
		return err
	}
	if d.write == "" {
		return d.results.write(out, c, nil)
	}
	f, err := os.OpenFile(d.write, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644) //nolint:gosec // a catalog is for others to read
	if err != nil {
		return &environmentError{err}
	}
	if err := errors.Join(d.results.write(f, c, nil), f.Close()); err != nil {
		return err
	}
	fmt.Fprintf(problems, "%s: %d collections\n", d.write, len(c.Collections))
	return nil
}

// endpoint reads the endpoint from a file of its own, or from a catalog.
func (d *discover) endpoint(path string) (e endpoint, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return e, wrongUsage("name a catalog, or a file that holds an endpoint", "%w", err)
	}
	if info.IsDir() {
		return d.ofCatalog(path)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return e, wrongUsage("name a catalog, or a file that holds an endpoint", "%w", err)
	}
	var members map[string]any
	if err := yaml.Unmarshal(text, &members); err != nil {
		return e, wrongUsage("an endpoint is one source and its configuration, as in { files: { url: incoming } }", "%s: %w", path, err)
	}
	for _, section := range []string{"captures", "collections", "import"} {
		if _, ok := members[section]; ok {
			return d.ofCatalog(path)
		}
	}
	if inner, ok := members["endpoint"].(map[string]any); ok && len(members) == 1 {
		members = inner
	}
	if len(members) != 1 || d.capture != "" {
		return e, wrongUsage("write one source and its configuration, as in { files: { url: incoming } }", "%s holds no endpoint", path)
	}
	for kind, config := range members {
		e.kind = kind
		e.config, err = json.Marshal(config)
	}
	return e, err
}

func (d *discover) ofCatalog(path string) (e endpoint, err error) {
	c, err := catalog.Load(path)
	if err != nil {
		return e, err
	}
	names := slices.Sorted(maps.Keys(c.Captures))
	name := d.capture
	if name == "" && len(names) == 1 {
		name = names[0]
	}
	spec, ok := c.Captures[name]
	switch {
	case ok:
		return endpoint{spec.Endpoint.Kind, spec.Endpoint.Config}, nil
	case len(names) == 0:
		return e, wrongUsage("name a catalog with a capture, or a file that holds an endpoint alone", "%s has no captures", path)
	case name == "":
		return e, wrongUsage("name one with --capture: "+strings.Join(names, ", "), "%s has several captures", path)
	}
	return e, wrongUsage("name one that it has: "+strings.Join(names, ", "), "%s has no capture %s", path, name)
}

// ask asks the endpoint, with the values of the secrets that it names.
func (d *discover) ask(ctx context.Context, e endpoint) (found sources.Discovered, err error) {
	source, err := sourceRegistry().Lookup(e.kind)
	if err != nil {
		return found, wrongUsage("name a source that there is; docs/reference/connectors.md lists them", "%w", err)
	}
	discoverer, ok := source.(sources.Discoverer)
	if !ok {
		return found, wrongUsage("write the capture by hand; docs/connectors says what each source takes", "source %s cannot tell what it has", e.kind)
	}
	data, err := filepath.Abs(d.data)
	if err != nil {
		return found, err
	}
	store := ownSecrets(data)
	config, values, err := store.Resolve(e.config)
	if err != nil {
		return found, err
	}
	var redactor secrets.Redactor
	redactor.Add(append(values, secrets.Values(source.Spec().ConfigSchema, config)...)...)
	found, err = discoverer.Discover(ctx, sources.DiscoverRequest{Config: config, DataDir: data})
	switch {
	case err != nil && errors.Is(err, sources.ErrTransient):
		return found, &environmentError{fault.Wrap(redactor.Error(err), fault.EndpointAway, "look whether the endpoint runs and can be reached from here")}
	case err != nil:
		return found, fault.Wrap(redactor.Error(err), fault.Endpoint, "look at the endpoint and its configuration")
	}
	return found, nil
}

// catalog makes a collection and a capture of each resource.
func (d *discover) catalog(e endpoint, found sources.Discovered) (discovered, error) {
	c := discovered{map[string]discoveredCollection{}, map[string]discoveredCapture{}}
	prefix := strings.Trim(d.prefix, "/")
	for _, b := range found.Bindings {
		name := prefix + "/" + b.Name
		capture := prefix + "/from-" + e.kind + "/" + b.Name
		if _, ok := c.Collections[name]; ok {
			return c, fault.New(fault.Endpoint, "write the capture by hand", "the endpoint names two resources %q", b.Name)
		}
		c.Collections[name] = discoveredCollection{Key: b.Key, Schema: b.Schema}
		c.Captures[capture] = discoveredCapture{
			Endpoint: map[string]json.RawMessage{e.kind: e.config},
			Bindings: []discoveredCaptureBinding{{Resource: b.Resource, Target: name, Disable: b.Disable}},
		}
	}
	return c, nil
}
