package main

import (
	"io"
	"strings"

	"github.com/spf13/cobra"

	"weir/catalog"
	"weir/collection"
	"weir/sinks"
)

// fields holds the flags of `weir fields`.
type fields struct{ results }

func fieldsCommand() *cobra.Command {
	f := &fields{}
	c := &cobra.Command{
		Use:   "fields CATALOG [COLLECTION...]",
		Short: "Show the fields of collections: where they stand, their types, and which a table gets unasked",
		Long: `Prints the fields of the catalog's collections, or of those that are named: each
location of the documents that a destination can have as a column. EXISTS says
whether every valid document has it (must), the schema describes it (may), or does not
forbid it (implicit). A field with a + is selected where a binding does not say more
under fields; WHY says what speaks for or against it.`,
		Example: "  weir fields examples/orders acmeCo/orders\n  weir fields examples/orders -o json",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return wrongUsage("write `weir "+cmd.Use+"`", "fields takes a CATALOG")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.run(args[0], args[1:], cmd.OutOrStdout())
		},
	}
	f.results.flags(c)
	return c
}

// fieldsOf are a collection's fields, as they are printed.
type fieldsOf struct {
	Collection string  `json:"collection"`
	Fields     []field `json:"fields"`
}

// field is one of them.
type field struct {
	sinks.Projection
	Selected bool   `json:"selectedByDefault"`
	Why      string `json:"why"`
}

func (f *fields) run(path string, names []string, out io.Writer) error {
	if err := f.check(); err != nil {
		return err
	}
	c, err := catalog.Load(path)
	if err != nil {
		return err
	}
	if len(names) == 0 {
		names = catalog.Names(c.Collections)
	}
	all := []fieldsOf{} // a list, even when it is empty
	for _, name := range names {
		spec, ok := c.Collections[name]
		if !ok {
			return wrongUsage("name one that it has: "+strings.Join(catalog.Names(c.Collections), ", "), "the catalog has no collection %s", name)
		}
		one, err := describeFields(spec)
		if err != nil {
			return err
		}
		all = append(all, one)
	}
	return f.write(out, all, func(s *sheet) {
		for i, one := range all {
			if i > 0 {
				s.line("")
			}
			if len(all) > 1 {
				s.line("%s", one.Collection)
			}
			s.table(one.table())
		}
	})
}

// describeFields decides on a collection's fields as for an endpoint that takes
// all of them and needs the key and the document.
func describeFields(spec *catalog.Collection) (fieldsOf, error) {
	all := fieldsOf{Collection: spec.Name}
	compiled, err := collection.New(spec)
	if err != nil {
		return all, err
	}
	c, err := sinks.Describe(spec, compiled.ForReading().Schema.Shape())
	if err != nil {
		return all, err
	}
	constraints := map[string]sinks.Constraint{}
	for _, p := range c.Projections {
		k := sinks.Constraint{Type: sinks.FieldOptional}
		if p.Ptr == "" {
			k.Type = sinks.LocationRequired
		}
		constraints[p.Field] = k
	}
	_, decisions, err := sinks.Select(&c, constraints, nil)
	if err != nil {
		return all, err
	}
	for i, p := range c.Projections { // both are sorted by field
		all.Fields = append(all.Fields, field{Projection: p, Selected: decisions[i].Selected, Why: why(p, decisions[i])})
	}
	return all, nil
}

// why is a decision's reason, in better words where the collection's own role
// for the field is the reason.
func why(p sinks.Projection, d sinks.Decision) string {
	switch {
	case d.Selected && p.PrimaryKey:
		return "component of the key"
	case d.Selected && p.Ptr == "":
		return "the whole document"
	}
	return strings.TrimPrefix(d.Reason, "not selected: ")
}

func (a fieldsOf) table() *table {
	t := newTable("  FIELD", "LOCATION", "TYPES", "EXISTS", "~WHY")
	for _, f := range a.Fields {
		mark := " "
		if f.Selected {
			mark = "+"
		}
		t.add(mark+" "+f.Field, location(f.Projection), types(f.Inference), strings.ToLower(f.Inference.Exists), f.Why)
	}
	return t
}

func location(p sinks.Projection) string {
	switch p.Ptr {
	case "":
		return "(document)"
	case sinks.PublishedPointer:
		return "(published)"
	}
	return p.Ptr
}

// types names the types of a field, with what the schema says of its strings.
func types(in sinks.Inference) string {
	text := strings.Join(in.Types, "|")
	for _, of := range []string{in.Format, in.ContentEncoding} {
		if of != "" {
			text += " (" + of + ")"
		}
	}
	return text
}
