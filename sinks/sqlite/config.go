package sqlite

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"weir/connector"
	"weir/sinks/sqltable"
)

// config is the endpoint's configuration.
type config struct {
	Path string `json:"path"` // of the database file; relative to the data directory
}

const configSchema = `{
  "type": "object",
  "title": "SQLite database",
  "required": ["path"],
  "additionalProperties": false,
  "properties": {
    "path": {
      "type": "string",
      "minLength": 1,
      "title": "Path",
      "description": "File of the database, made if it does not exist. A relative path is relative to the data directory."
    }
  }
}`

// resource is a binding's resource.
type resource struct {
	Table        string `json:"table"`
	DeltaUpdates bool   `json:"deltaUpdates"`
}

const resourceSchema = `{
  "type": "object",
  "title": "SQLite table",
  "required": ["table"],
  "additionalProperties": false,
  "properties": {
    "table": {
      "type": "string",
      "minLength": 1,
      "title": "Table",
      "description": "Name of the table, made if it does not exist.",
      "x-collection-name": true
    },
    "deltaUpdates": {
      "type": "boolean",
      "default": false,
      "title": "Delta updates",
      "description": "Add a row for each change instead of keeping one row a key."
    }
  }
}`

func parseConfig(text json.RawMessage, dataDir string) (path string, err error) {
	var c config
	if err := connector.DecodeConfig(text, &c); err != nil {
		return "", fmt.Errorf("sqlite: endpoint config: %w", err)
	}
	if c.Path == "" {
		return "", errors.New("sqlite: endpoint config: path is missing: name the database file, as in { path: totals.db }")
	}
	if strings.ContainsRune(c.Path, 0) {
		return "", fmt.Errorf("sqlite: endpoint config: path %q contains a NUL character", c.Path)
	}
	err = connector.Place(dataDir, &c.Path)
	return c.Path, err
}

func parseResource(text json.RawMessage) (sqltable.Resource, error) {
	var given resource
	if err := connector.DecodeConfig(text, &given); err != nil {
		return sqltable.Resource{}, fmt.Errorf("resource: %w", err)
	}
	r := sqltable.Resource{Table: given.Table, Delta: given.DeltaUpdates}
	if err := r.Check(sqltable.SQLite()); err != nil {
		return r, err
	}
	switch folded := sqltable.SQLite().Fold(r.Table); {
	case strings.HasPrefix(folded, "sqlite_"):
		return r, fmt.Errorf("resource: table %q: SQLite keeps names that begin with sqlite_ for itself: choose another", r.Table)
	case folded == checkpointTable || folded == ownerTable:
		return r, fmt.Errorf("resource: table %q belongs to Weir itself: choose another", r.Table)
	}
	return r, nil
}

// checkFile looks at the file without opening it as a database, so that
// nothing is made or locked.
func checkFile(path string) error {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return checkDirectory(path)
	}
	if err != nil {
		return fmt.Errorf("sqlite: database: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("sqlite: database: %w", err)
	}
	if info.IsDir() {
		return fmt.Errorf("sqlite: path %s is a directory: name a file in it", path)
	}
	const magic = "SQLite format 3\x00"
	head := make([]byte, len(magic))
	if n, err := io.ReadFull(f, head); n > 0 && string(head) != magic || n == 0 && err != io.EOF {
		return notDatabase(path)
	}
	return nil
}

func checkDirectory(path string) error {
	dir := filepath.Dir(path)
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("sqlite: directory %s, where database %s should be, does not exist: make it, or change path", dir, filepath.Base(path))
	case err != nil:
		return fmt.Errorf("sqlite: directory of the database: %w", err)
	case !info.IsDir():
		return fmt.Errorf("sqlite: %s, where database %s should be, is no directory: change path", dir, filepath.Base(path))
	}
	return nil
}

func notDatabase(path string) error {
	return fmt.Errorf("sqlite: %s is not a SQLite database: move the file away, or change path", path)
}
