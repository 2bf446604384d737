package files

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"weir/connector"
	"weir/internal/objects"
)

// config is the endpoint's configuration.
type config struct {
	objects.Location
	Interval string `json:"interval"`
	Settle   string `json:"settle"`

	interval, settle time.Duration
}

const configSchema = `{
  "type": "object",
  "title": "Files",
  "required": ["url"],
  "additionalProperties": false,
  "properties": {
    ` + objects.Properties + `,
    "interval": {
      "type": "string",
      "title": "Interval",
      "description": "Time between two looks for new and grown files, as in 500ms, 10s or 1h. By default 5s for a directory and 1m for a bucket, where each look lists the objects."
    },
    "settle": {
      "type": "string",
      "default": "5s",
      "title": "Settle",
      "description": "How long a file has to be unchanged until its last line counts though nothing ends it, and until a file of a directory is read that is read as a whole, as compressed and JSON files are."
    }
  }
}`

// resource is a binding's resource.
type resource struct {
	Match       string              `json:"match"`
	Format      format              `json:"format"`
	Compression objects.Compression `json:"compression"`
	Delimiter   string              `json:"delimiter"`
	Columns     []string            `json:"columns"`

	pattern pattern
}

const resourceSchema = `{
  "type": "object",
  "title": "Files of one kind",
  "required": ["match"],
  "additionalProperties": false,
  "properties": {
    "match": {
      "type": "string",
      "minLength": 1,
      "title": "Match",
      "description": "Which files, by their path below the url: * is any part of a name, ** any folders, ? one character, [a-z] one of some, {a,b} one of several.",
      "x-collection-name": true
    },
    "format": {
      "type": "string",
      "enum": ["auto", "jsonl", "json", "csv", "tsv", "control"],
      "default": "auto",
      "title": "Format",
      "description": "jsonl: a document a line. json: values one after the other; an array is one document an element. csv, tsv: a document a row. control: a document a paragraph of \"Field: value\" lines. auto: by the file's suffix."
    },
    "compression": {
      "type": "string",
      "enum": ["auto", "none", "gzip", "zstd"],
      "default": "auto",
      "title": "Compression",
      "description": "auto: by the file's suffix (.gz, .zst), or else by how its content begins."
    },
    "delimiter": {
      "type": "string",
      "minLength": 1,
      "maxLength": 1,
      "title": "Delimiter",
      "description": "What separates the fields of a row: one ASCII character. By default a comma for csv, a tab for tsv."
    },
    "columns": {
      "type": "array",
      "items": {"type": "string", "minLength": 1},
      "minItems": 1,
      "uniqueItems": true,
      "title": "Columns",
      "description": "Names of the columns of files that have no header line."
    }
  }
}`

const defaultSettle = 5 * time.Second

func parseConfig(text json.RawMessage) (c config, err error) {
	if err := connector.DecodeConfig(text, &c); err != nil {
		return c, fmt.Errorf("files: endpoint config: %w", err)
	}
	err = c.Check()
	if c.settle = defaultSettle; err == nil && c.Settle != "" {
		c.settle, err = duration("settle", c.Settle)
	}
	if c.interval = 5 * time.Second; strings.HasPrefix(c.URL, "s3://") {
		c.interval = time.Minute
	}
	if err == nil && c.Interval != "" {
		c.interval, err = duration("interval", c.Interval)
		if err == nil && c.interval < time.Millisecond {
			err = errors.New("interval is below 1ms")
		}
	}
	if err != nil {
		return c, fmt.Errorf("files: endpoint config: %w", err)
	}
	return c, nil
}

func duration(what, text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return 0, fmt.Errorf("%s %q is no duration, as in 500ms, 10s or 1h", what, text)
	}
	return d, nil
}

func parseResource(text json.RawMessage) (r resource, err error) {
	if err := connector.DecodeConfig(text, &r); err != nil {
		return r, fmt.Errorf("resource: %w", err)
	}
	if r.Match == "" {
		return r, errors.New("resource: match is missing: name the files, as in { match: \"orders/*.jsonl\" }")
	}
	if r.pattern, err = parsePattern(r.Match); err != nil {
		return r, fmt.Errorf("resource: match %q: %w", r.Match, err)
	}
	if err := r.Format.check(); err != nil {
		return r, fmt.Errorf("resource: %w", err)
	}
	switch r.Compression {
	case "", "auto", objects.None, objects.Gzip, objects.Zstd:
	default:
		return r, fmt.Errorf("resource: compression %q is unknown: auto, none, gzip or zstd", r.Compression)
	}
	if d := r.Delimiter; d != "" && (len(d) != 1 || d[0] >= 0x80 || strings.Contains("\"\r\n", d)) {
		return r, fmt.Errorf("resource: delimiter %q is not one ASCII character other than a quote or an end of line", d)
	}
	if tabular := r.Format == formatAuto || r.Format == "" || r.Format == formatCSV || r.Format == formatTSV; !tabular && (r.Delimiter != "" || len(r.Columns) > 0) {
		return r, fmt.Errorf("resource: delimiter and columns are for csv and tsv, the format is %s", r.Format)
	}
	return r, checkColumns(r.Columns, "resource: columns")
}

func checkColumns(names []string, what string) error {
	seen := map[string]bool{}
	for i, name := range names {
		if name == "" {
			return fmt.Errorf("%s: column %d has no name", what, i+1)
		}
		if seen[name] {
			return fmt.Errorf("%s: %q is there twice", what, name)
		}
		seen[name] = true
	}
	return nil
}
