package generator

import (
	"encoding/json"
	"errors"
	"fmt"
	"text/template"

	"weir/connector"
)

// config is the endpoint's configuration.
type config struct {
	Seed int64   `json:"seed"`
	Rate float64 `json:"rate"`
}

const configSchema = `{
  "type": "object",
  "title": "Generated documents",
  "additionalProperties": false,
  "properties": {
    "seed": {
      "type": "integer",
      "default": 0,
      "title": "Seed",
      "description": "What the documents are drawn from: the same seed gives the same documents."
    },
    "rate": {
      "type": "number",
      "minimum": 0,
      "default": 0,
      "title": "Rate",
      "description": "Documents a second of each binding that has no rate of its own. 0: as fast as they are taken."
    }
  }
}`

// resource is a binding's resource.
type resource struct {
	Name     string   `json:"name"`
	Count    *int64   `json:"count"`
	Rate     *float64 `json:"rate"`
	Template string   `json:"template"`

	template *template.Template // nil: the schema shapes the documents
}

const resourceSchema = `{
  "type": "object",
  "title": "Documents of one kind",
  "required": ["name"],
  "additionalProperties": false,
  "properties": {
    "name": {
      "type": "string",
      "minLength": 1,
      "title": "Name",
      "description": "Tells this binding's documents from those of others. Another name gives other documents.",
      "x-collection-name": true
    },
    "count": {
      "type": "integer",
      "minimum": 0,
      "title": "Count",
      "description": "How many documents are made. Left out: they never end."
    },
    "rate": {
      "type": "number",
      "minimum": 0,
      "title": "Rate",
      "description": "Documents a second, in place of the endpoint's rate. 0: as fast as they are taken."
    },
    "template": {
      "type": "string",
      "title": "Template",
      "description": "A document as JSON in which {{ }} holds expressions of Go's text/template, as in {\"id\": {{seq}}, \"name\": {{name | json}}}. Left out: documents are shaped by the collection's schema."
    }
  }
}`

func parseConfig(text json.RawMessage) (c config, err error) {
	if err := connector.DecodeConfig(text, &c); err != nil {
		return c, fmt.Errorf("generator: endpoint config: %w", err)
	}
	if c.Rate < 0 {
		return c, errors.New("generator: endpoint config: rate is below 0")
	}
	return c, nil
}

func parseResource(text json.RawMessage) (r resource, err error) {
	if err := connector.DecodeConfig(text, &r); err != nil {
		return r, fmt.Errorf("resource: %w", err)
	}
	switch {
	case r.Name == "":
		return r, errors.New("resource: name is missing, as in { name: orders }")
	case r.Count != nil && *r.Count < 0:
		return r, errors.New("resource: count is below 0")
	case r.Rate != nil && *r.Rate < 0:
		return r, errors.New("resource: rate is below 0")
	case r.Template == "":
		return r, nil
	}
	if r.template, err = parseTemplate(r.Template); err != nil {
		return r, fmt.Errorf("resource: %w", err)
	}
	return r, nil
}
