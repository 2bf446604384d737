package files

import (
	"fmt"
	"path"
	"strings"

	"weir/internal/objects"
)

// format is how the documents of a file are written.
type format string

const (
	formatAuto    format = "auto"
	formatJSONL   format = "jsonl"
	formatJSON    format = "json"
	formatCSV     format = "csv"
	formatTSV     format = "tsv"
	formatControl format = "control"
)

func (f format) check() error {
	switch f {
	case "", formatAuto, formatJSONL, formatJSON, formatCSV, formatTSV, formatControl:
		return nil
	}
	return fmt.Errorf("format %q is unknown: auto, jsonl, json, csv, tsv or control", f)
}

// bySuffix are the formats that a file's name tells.
var bySuffix = map[string]format{
	".jsonl": formatJSONL, ".ndjson": formatJSONL, ".json": formatJSON, ".csv": formatCSV, ".tsv": formatTSV, ".tab": formatTSV,
}

// formatOf gives a file's format: that of its binding, or else by its name
// without the suffix of its compression.
func (r *resource) formatOf(key string) (format, error) {
	if r.Format != "" && r.Format != formatAuto {
		return r.Format, nil
	}
	_, rest := objects.CompressionOf(key)
	if f, ok := bySuffix[strings.ToLower(path.Ext(rest))]; ok {
		return f, nil
	}
	return "", fmt.Errorf("the name does not tell the format (known suffixes are .jsonl, .ndjson, .json, .csv, .tsv and .tab): give the binding's resource a format, or a narrower match")
}

// grows says whether a plain file of the format can be read on where it was
// left. Files of paragraphs are not added to: whoever keeps them writes them
// anew, and what changes stands in their middle.
func (f format) grows() bool { return f != formatJSON && f != formatControl }

func (r *resource) delimiter(f format) byte {
	switch {
	case r.Delimiter != "":
		return r.Delimiter[0]
	case f == formatTSV:
		return '\t'
	}
	return ','
}

func (r *resource) splitter(f format) splitter {
	switch f {
	case formatJSON:
		return &valueSplitter{}
	case formatCSV, formatTSV:
		return &rowSplitter{delimiter: r.delimiter(f)}
	case formatControl:
		return &paragraphSplitter{}
	}
	return &lineSplitter{}
}
