package sqltable

import (
	"weir/sinks"
)

// Constraints says which fields a table of the collection may and must have.
// With delta updates the whole document is optional.
// groupBy, if it is not empty, names the fields of the table's key.
func Constraints(d *Dialect, c *sinks.Collection, groupBy []string, delta bool) map[string]sinks.Constraint {
	constraints := make(map[string]sinks.Constraint, len(c.Projections))
	for _, p := range c.Projections {
		k := constraint(p, len(groupBy) > 0, delta)
		k.Folded = d.Fold(p.Field)
		constraints[p.Field] = k
	}
	return constraints
}

func constraint(p sinks.Projection, grouped, delta bool) sinks.Constraint {
	if err := CheckName(p.Field); err != nil {
		return sinks.Constraint{Type: sinks.FieldForbidden, Reason: "no column can have this name: it " + err.Error()}
	}
	switch {
	case p.PrimaryKey && !grouped:
		return sinks.Constraint{Type: sinks.LocationRequired, Reason: "the key's components are the table's key"}
	case p.Ptr == "" && delta:
		return sinks.Constraint{Type: sinks.FieldOptional, Reason: "rows are only added, so the document is not needed"}
	case p.Ptr == "":
		return sinks.Constraint{Type: sinks.LocationRequired, Reason: "existing documents are reduced with new ones"}
	case p.Ptr == sinks.PublishedPointer:
		return sinks.Constraint{Type: sinks.FieldOptional, Reason: "the time of publication can be a column"}
	}
	if f, _ := Flatten(p); f == Never {
		return sinks.Constraint{Type: sinks.FieldForbidden, Reason: "the schema allows no value here"}
	}
	return sinks.Constraint{Type: sinks.FieldOptional, Reason: "the location can be a column"}
}
