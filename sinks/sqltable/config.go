package sqltable

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"weir/sinks"
)

// FieldConfig is what a user may say of one column, under fields.require.
type FieldConfig struct {
	CastToString       bool `json:"castToString"`       // a column of text: strings as they are, all else as JSON
	IgnoreStringFormat bool `json:"ignoreStringFormat"` // strings stay text, whatever their format or encoding
}

// CheckFieldConfigs reports every configuration of a field that a table cannot
// have.
func CheckFieldConfigs(b *sinks.Binding) error {
	var errs []error
	for _, field := range slices.Sorted(maps.Keys(b.FieldConfig)) {
		c, err := parseFieldConfig(b.FieldConfig[field])
		p, ok := b.Collection.Projection(field)
		key := p.PrimaryKey && len(b.GroupBy) == 0 || slices.Contains(b.GroupBy, field)
		switch {
		case err != nil:
			errs = append(errs, fmt.Errorf("fields.require: configuration of field %s: %w", field, err))
		case !ok || c == FieldConfig{}:
		case key, p.Ptr == "", p.Ptr == sinks.PublishedPointer:
			errs = append(errs, fmt.Errorf("fields.require: field %s is part of the table's key or kept by Weir: its column cannot be configured, write {}", field))
		}
	}
	return errors.Join(errs...)
}

func parseFieldConfig(text json.RawMessage) (c FieldConfig, err error) {
	if len(text) == 0 || string(text) == "null" {
		return c, nil
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	err = d.Decode(&c)
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &kind) && kind.Field != "":
		return c, fmt.Errorf("%s is true or false, not a %s", kind.Field, kind.Value)
	case errors.As(err, &kind):
		return c, fmt.Errorf("expected an object, as in {castToString: true}, not a %s", kind.Value)
	case err != nil:
		return c, errors.New(strings.TrimPrefix(err.Error(), "json: ") + ": known are castToString and ignoreStringFormat, both true or false")
	}
	return c, nil
}

// flatten is Flatten, as far as the field's configuration leaves it.
func (c FieldConfig) flatten(p sinks.Projection) (f Flat, nullable bool) {
	if c.IgnoreStringFormat || c.CastToString {
		p.Inference.Format, p.Inference.ContentEncoding = "", ""
	}
	f, nullable = Flatten(p)
	if c.CastToString && f != Never {
		f = String
	}
	return f, nullable
}
