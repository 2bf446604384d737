package files

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"weir/connector"
	"weir/internal/objects"
	"weir/sinks"
)

// config is the endpoint's configuration.
type config struct {
	objects.Location
	Interval string `json:"interval"`
	Bytes    int    `json:"bytes"`

	interval time.Duration
}

const (
	defaultInterval = time.Minute
	defaultBytes    = 64 << 20
	mostBytes       = 1 << 30
)

const configSchema = `{
  "type": "object",
  "title": "Files",
  "required": ["url"],
  "additionalProperties": false,
  "properties": {
    ` + objects.Properties + `,
    "interval": {
      "type": "string",
      "default": "1m",
      "title": "Interval",
      "description": "How long documents are gathered until files of them are written, as in 10s, 5m or 1h. 0s: as soon as they come."
    },
    "bytes": {
      "type": "integer",
      "minimum": 1,
      "maximum": 1073741824,
      "default": 67108864,
      "title": "Bytes",
      "description": "Files are written before the interval has passed once so many bytes of documents were gathered."
    }
  }
}`

// resource is a binding's resource.
type resource struct {
	Path        string              `json:"path"`
	Format      string              `json:"format"`
	Compression objects.Compression `json:"compression"`
}

const (
	formatJSONL = "jsonl"
	formatCSV   = "csv"
)

const resourceSchema = `{
  "type": "object",
  "title": "Files of one collection",
  "required": ["path"],
  "additionalProperties": false,
  "properties": {
    "path": {
      "type": "string",
      "minLength": 1,
      "title": "Path",
      "description": "Folder of the files, below the url. {collection} is the collection's name, {date} and {hour} are those at which a document was published, in UTC: as in {collection}/utc_date={date}/utc_hour={hour}.",
      "x-collection-name": true
    },
    "format": {
      "type": "string",
      "enum": ["jsonl", "csv"],
      "default": "jsonl",
      "title": "Format",
      "description": "jsonl: a document a line. csv: a document a row, whose columns are the selected fields."
    },
    "compression": {
      "type": "string",
      "enum": ["none", "gzip", "zstd"],
      "default": "none",
      "title": "Compression",
      "description": "How files are compressed. Their names say so."
    }
  }
}`

func parseConfig(text json.RawMessage) (c config, err error) {
	if err := connector.DecodeConfig(text, &c); err != nil {
		return c, fmt.Errorf("files: endpoint config: %w", err)
	}
	err = c.Check()
	if c.interval = defaultInterval; err == nil && c.Interval != "" {
		if c.interval, err = time.ParseDuration(c.Interval); err != nil || c.interval < 0 {
			err = fmt.Errorf("interval %q is no duration, as in 10s, 5m or 1h", c.Interval)
		}
	}
	switch {
	case c.Bytes == 0:
		c.Bytes = defaultBytes
	case err == nil && (c.Bytes < 0 || c.Bytes > mostBytes):
		err = fmt.Errorf("bytes is %d: 1 to %d", c.Bytes, mostBytes)
	}
	if err != nil {
		return c, fmt.Errorf("files: endpoint config: %w", err)
	}
	return c, nil
}

// controlFolder is where commits and staged files are, below the url.
const controlFolder = "_weir"

// placeholders of a path.
var placeholders = []string{"{collection}", "{date}", "{hour}"}

func parseResource(text json.RawMessage, collection string) (r resource, err error) {
	if err := connector.DecodeConfig(text, &r); err != nil {
		return r, fmt.Errorf("resource: %w", err)
	}
	if r.Path == "" {
		return r, errors.New("resource: path is missing: name the folder, as in { path: \"{collection}/utc_date={date}\" }")
	}
	rest := r.Path
	for _, p := range placeholders {
		rest = strings.ReplaceAll(rest, p, "x")
	}
	switch {
	case strings.ContainsAny(rest, "{}"):
		return r, fmt.Errorf("resource: path %q: known in braces are %s", r.Path, strings.Join(placeholders, ", "))
	case path.Clean(rest) != rest || strings.HasPrefix(rest, "/") || strings.HasPrefix(rest, "..") || rest == ".":
		return r, fmt.Errorf("resource: path %q is no folder below the url: write it without . and .., and without a slash at its ends", r.Path)
	case strings.ContainsFunc(rest, func(c rune) bool { return c < ' ' || c == '\\' }):
		return r, fmt.Errorf("resource: path %q holds a control character or a backslash", r.Path)
	case strings.Split(rest, "/")[0] == controlFolder:
		return r, fmt.Errorf("resource: path %q: the folder %s belongs to Weir itself: choose another", r.Path, controlFolder)
	}
	r.Path = strings.ReplaceAll(r.Path, "{collection}", collection)
	switch r.Format {
	case "":
		r.Format = formatJSONL
	case formatJSONL, formatCSV:
	default:
		return r, fmt.Errorf("resource: format %q is unknown: jsonl or csv", r.Format)
	}
	switch r.Compression {
	case "":
		r.Compression = objects.None
	case objects.None, objects.Gzip, objects.Zstd:
	default:
		return r, fmt.Errorf("resource: compression %q is unknown: none, gzip or zstd", r.Compression)
	}
	return r, nil
}

// folder is where a document of a time belongs.
func (r *resource) folder(published time.Time) string {
	if !strings.Contains(r.Path, "{") {
		return r.Path
	}
	at := published.UTC()
	return strings.NewReplacer("{date}", at.Format(time.DateOnly), "{hour}", at.Format("15")).Replace(r.Path)
}

// suffix ends the names of the resource's files.
func (r *resource) suffix() string { return "." + r.Format + r.Compression.Suffix() }

// constraints say which fields files have: all of them as columns, or as lines
// the document itself.
func constraints(r *resource, b *sinks.Binding) map[string]sinks.Constraint {
	out := map[string]sinks.Constraint{}
	for _, p := range b.Collection.Projections {
		isKey := p.PrimaryKey && len(b.GroupBy) == 0 || slices.Contains(b.GroupBy, p.Field)
		switch {
		case r.Format == formatCSV && p.Ptr == "":
			out[p.Field] = sinks.Constraint{Type: sinks.FieldForbidden, Reason: "rows have fields as columns: whole documents are lines of format jsonl"}
		case r.Format == formatCSV:
			out[p.Field] = sinks.Constraint{Type: sinks.FieldOptional, Reason: "a column"}
		case p.Ptr == "":
			out[p.Field] = sinks.Constraint{Type: sinks.LocationRequired, Reason: "each line is the document"}
		case isKey:
			out[p.Field] = sinks.Constraint{Type: sinks.FieldOptional, Reason: "the document holds it"}
		default:
			out[p.Field] = sinks.Constraint{Type: sinks.FieldForbidden, Reason: "lines are whole documents: fields are selected with format csv"}
		}
	}
	return out
}

// checkFieldConfigs refuses configurations of fields: files have none.
func checkFieldConfigs(b *sinks.Binding) error {
	for _, field := range slices.Sorted(maps.Keys(b.FieldConfig)) {
		var given map[string]any
		if err := json.Unmarshal(b.FieldConfig[field], &given); err != nil || len(given) > 0 {
			return fmt.Errorf("fields.require: field %s: files have nothing to configure, write {}", field)
		}
	}
	return nil
}
