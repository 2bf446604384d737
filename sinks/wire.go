package sinks

import (
	"encoding/json"
	"strconv"
	"strings"

	"weir/connector"
	"weir/document"
)

// CollectionSpec gives a collection as connectors that are programs know it.
func CollectionSpec(c *Collection) connector.CollectionSpec {
	out := connector.CollectionSpec{
		Name: c.Name, Key: c.Key, WriteSchema: c.Schema, UUIDPtr: "/_meta/uuid",
		PartitionTemplate: connector.PlausibleJournal(c.Name), AckTemplate: json.RawMessage(`{"_meta":{"ack":true}}`),
	}
	if len(out.WriteSchema) == 0 {
		out.WriteSchema = json.RawMessage(`{}`)
	}
	for _, p := range c.Projections {
		out.Projections = append(out.Projections, wireProjection(p))
		if p.Partition {
			out.PartitionFields = append(out.PartitionFields, p.Field)
		}
	}
	return out
}

func wireProjection(p Projection) connector.Projection {
	in := &connector.Inference{Types: p.Inference.Types, Exists: p.Inference.Exists, Title: p.Inference.Title,
		Description: p.Inference.Description, Default: p.Inference.Default}
	for _, t := range p.Inference.Types {
		switch t {
		case "string":
			in.String = &connector.StringInference{Format: p.Inference.Format, ContentEncoding: p.Inference.ContentEncoding}
		case "integer", "number":
			in.Numeric = &connector.NumericInference{
				HasMinimum: p.Inference.Minimum != "", Minimum: finite(p.Inference.Minimum),
				HasMaximum: p.Inference.Maximum != "", Maximum: finite(p.Inference.Maximum),
			}
		}
	}
	return connector.Projection{Ptr: p.Ptr, Field: p.Field, Explicit: p.Explicit, IsPartitionKey: p.Partition, IsPrimaryKey: p.PrimaryKey, Inference: in}
}

// finite is a bound as a double: bounds beyond those are as good as the last.
func finite(text string) float64 {
	if text == "" {
		return 0
	}
	const most = 1.7976931348623157e308
	return max(-most, min(most, document.Float64([]byte(text))))
}

// ResourcePath gives the path that a state key was made with.
func ResourcePath(stateKey string) []string {
	if i := strings.LastIndex(stateKey, ".v"); i >= 0 {
		stateKey = stateKey[:i]
	}
	unescape := strings.NewReplacer("%25", "%", "%2F", "/", "%2E", ".", "%20", " ")
	parts := strings.Split(stateKey, "/")
	for i, part := range parts {
		parts[i] = unescape.Replace(part)
	}
	return parts
}

// Backfill gives the backfill counter that a state key was made with, 0 of one
// that was not made by StateKey.
func Backfill(stateKey string) int {
	i := strings.LastIndex(stateKey, ".v")
	if i < 0 {
		return 0
	}
	count, _, _ := strings.Cut(stateKey[i+2:], ".") // RebuiltKey may have added to it
	n, err := strconv.Atoi(count)
	if err != nil {
		return 0
	}
	return n
}
