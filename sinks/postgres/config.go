package postgres

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"weir/connector"
	"weir/sinks/sqltable"
)

const (
	defaultSchema  = "public"
	connectTimeout = 10 * time.Second
)

// config is the endpoint's configuration.
type config struct {
	URL        string `json:"url"`
	Address    string `json:"address"`
	Port       int    `json:"port"`
	Database   string `json:"database"`
	User       string `json:"user"`
	Password   string `json:"password"`
	Schema     string `json:"schema"`
	HardDelete bool   `json:"hardDelete"`
	Advanced   struct {
		SSLMode     string `json:"sslmode"`
		SSLRootCert string `json:"sslRootCert"`
		SSLCert     string `json:"sslCert"`
		SSLKey      string `json:"sslKey"`
	} `json:"advanced"`
}

const configSchema = `{
  "type": "object",
  "title": "PostgreSQL database",
  "additionalProperties": false,
  "properties": {
    "url": {
      "type": "string",
      "title": "URL",
      "description": "The whole connection, as postgres://user:password@host:5432/database?sslmode=require. Instead of address, port, database, user, password and advanced.",
      "secret": true
    },
    "address": {
      "type": "string",
      "title": "Address",
      "description": "Host, or host:port. A path is the directory of a Unix socket."
    },
    "port": {
      "type": "integer",
      "minimum": 1,
      "maximum": 65535,
      "title": "Port",
      "description": "Port, if the address holds none. 5432 if neither does."
    },
    "database": {
      "type": "string",
      "title": "Database",
      "description": "Name of the database. The user's name if it is left out."
    },
    "user": {
      "type": "string",
      "title": "User",
      "description": "Role that Weir connects as. It makes tables in the schema."
    },
    "password": {
      "type": "string",
      "title": "Password",
      "description": "The role's password. Left out, PGPASSWORD or the password file of the user that runs weir counts.",
      "secret": true
    },
    "schema": {
      "type": "string",
      "default": "public",
      "title": "Schema",
      "description": "Schema of tables whose resource names none, and of Weir's own two tables. It is made if it does not exist."
    },
    "hardDelete": {
      "type": "boolean",
      "default": false,
      "title": "Hard delete",
      "description": "Remove the row of a document that its reduction deletes. Otherwise the row stays and holds the deleting document, as with _meta/op = d."
    },
    "advanced": {
      "type": "object",
      "title": "Advanced",
      "description": "Encryption of the connection.",
      "additionalProperties": false,
      "properties": {
        "sslmode": {
          "type": "string",
          "enum": ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"],
          "default": "prefer",
          "title": "SSL mode",
          "description": "As libpq understands it."
        },
        "sslRootCert": {
          "type": "string",
          "title": "Root certificates",
          "description": "File of the certificates that the server's is checked against."
        },
        "sslCert": {
          "type": "string",
          "title": "Client certificate",
          "description": "File of the certificate that Weir shows."
        },
        "sslKey": {
          "type": "string",
          "title": "Client key",
          "description": "File of the client certificate's private key."
        }
      }
    }
  }
}`

// resource is a binding's resource.
type resource struct {
	Schema       string `json:"schema"`
	Table        string `json:"table"`
	DeltaUpdates bool   `json:"deltaUpdates"`
}

const resourceSchema = `{
  "type": "object",
  "title": "PostgreSQL table",
  "required": ["table"],
  "additionalProperties": false,
  "properties": {
    "table": {
      "type": "string",
      "minLength": 1,
      "title": "Table",
      "description": "Name of the table, made if it does not exist. Upper and lower case are kept.",
      "x-collection-name": true
    },
    "schema": {
      "type": "string",
      "title": "Schema",
      "description": "Schema of the table, in place of the endpoint's.",
      "x-schema-name": true
    },
    "deltaUpdates": {
      "type": "boolean",
      "default": false,
      "title": "Delta updates",
      "description": "Add a row for each change instead of keeping one row a key.",
      "x-delta-updates": true
    }
  }
}`

// endpoint is a configuration that was understood.
type endpoint struct {
	conn       *pgconn.Config
	where      string // for messages: holds no secret
	schema     string
	hardDelete bool
}

// parseConfig reports all that is wrong with a configuration at once. No
// message holds a secret of it.
func parseConfig(text json.RawMessage) (*endpoint, error) {
	var c config
	if err := connector.DecodeConfig(text, &c); err != nil {
		return nil, fmt.Errorf("postgres: endpoint config: %w", err)
	}
	e := &endpoint{schema: cmp.Or(c.Schema, defaultSchema), hardDelete: c.HardDelete}
	var errs []error
	if err := sqltable.Postgres().CheckName(e.schema); err != nil {
		errs = append(errs, fmt.Errorf("schema %q: the name %w", e.schema, err))
	}
	settings, err := c.settings()
	if err == nil {
		e.conn, err = pgconn.ParseConfig(settings)
	}
	var unclear *pgconn.ParseConfigError
	switch {
	case errors.As(err, &unclear):
		errs = append(errs, c.unclear(unclear))
	case err != nil:
		errs = append(errs, err)
	}
	if len(errs) > 0 {
		return nil, fmt.Errorf("postgres: endpoint config: %w", errors.Join(errs...))
	}
	if e.conn.ConnectTimeout == 0 || !strings.Contains(c.URL, "connect_timeout") {
		e.conn.ConnectTimeout = connectTimeout
	}
	where := net.JoinHostPort(e.conn.Host, strconv.Itoa(int(e.conn.Port)))
	if strings.HasPrefix(e.conn.Host, "/") {
		where = e.conn.Host + " port " + strconv.Itoa(int(e.conn.Port))
	}
	e.where = fmt.Sprintf("database %s at %s", cmp.Or(e.conn.Database, e.conn.User), where)
	return e, nil
}

// settings gives the connection as the driver reads it.
func (c *config) settings() (string, error) {
	if c.URL != "" {
		return c.URL, c.checkURL()
	}
	var errs []error
	if c.Address == "" {
		errs = append(errs, errors.New("address is missing: name the server, as in { address: \"db.example.com:5432\" }, or give a url"))
	}
	if c.User == "" {
		errs = append(errs, errors.New("user is missing: name the role that Weir connects as"))
	}
	host, port := c.Address, cmp.Or(c.Port, 5432)
	if h, p, err := net.SplitHostPort(c.Address); err == nil && !strings.HasPrefix(c.Address, "/") {
		n, err := strconv.Atoi(p)
		switch {
		case err != nil:
			errs = append(errs, fmt.Errorf("address %q: the port is no number", c.Address))
		case c.Port != 0 && c.Port != n:
			errs = append(errs, fmt.Errorf("address %q and port %d differ: give the port once", c.Address, c.Port))
		}
		host, port = h, n
	}
	if port < 1 || port > 65535 {
		errs = append(errs, fmt.Errorf("port %d is none: 1 to 65535", port))
	}
	if len(errs) > 0 {
		return "", errors.Join(errs...)
	}
	var s strings.Builder
	for _, setting := range [...][2]string{
		{"host", host}, {"port", strconv.Itoa(port)}, {"user", c.User}, {"dbname", cmp.Or(c.Database, c.User)}, {"password", c.Password},
		{"sslmode", c.Advanced.SSLMode}, {"sslrootcert", c.Advanced.SSLRootCert}, {"sslcert", c.Advanced.SSLCert}, {"sslkey", c.Advanced.SSLKey},
	} {
		if setting[1] != "" {
			s.WriteString(setting[0] + "='" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(setting[1]) + "' ")
		}
	}
	return s.String(), nil
}

// checkURL refuses what would say something twice, and URLs of other things.
func (c *config) checkURL() error {
	var errs []error
	for name, given := range map[string]bool{
		"address": c.Address != "", "port": c.Port != 0, "database": c.Database != "", "user": c.User != "", "password": c.Password != "",
		"advanced.sslmode": c.Advanced.SSLMode != "", "advanced.sslRootCert": c.Advanced.SSLRootCert != "", "advanced.sslCert": c.Advanced.SSLCert != "", "advanced.sslKey": c.Advanced.SSLKey != "",
	} {
		if given {
			errs = append(errs, fmt.Errorf("url and %s say the same: write %s into the url, or leave the url out", name, name))
		}
	}
	slices.SortFunc(errs, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	if !strings.HasPrefix(c.URL, "postgres://") && !strings.HasPrefix(c.URL, "postgresql://") {
		errs = append(errs, errors.New("url does not begin with postgres://"))
	}
	return errors.Join(errs...)
}

// unclear explains what the driver says of a connection, whose text holds the
// password.
func (c *config) unclear(e *pgconn.ParseConfigError) error {
	cause := errors.Unwrap(e)
	switch {
	case c.URL != "":
		return errors.New("url is not possible: it is postgres://user:password@host:5432/database?sslmode=require, with special characters escaped, as %40 for @")
	case cause != nil:
		return fmt.Errorf("the connection's settings are not possible: %w", cause)
	}
	return errors.New("the connection's settings are not possible: look at advanced")
}

// parseResource reads a binding's resource, whose table is in the endpoint's
// schema unless it says otherwise.
func (e *endpoint) parseResource(text json.RawMessage) (sqltable.Resource, error) {
	var given resource
	if err := connector.DecodeConfig(text, &given); err != nil {
		return sqltable.Resource{}, fmt.Errorf("resource: %w", err)
	}
	r := sqltable.Resource{Schema: cmp.Or(given.Schema, e.schema), Table: given.Table, Delta: given.DeltaUpdates}
	if err := r.Check(sqltable.Postgres()); err != nil {
		return r, err
	}
	switch {
	case strings.HasPrefix(r.Schema, "pg_"):
		return r, fmt.Errorf("resource: schema %q: PostgreSQL keeps names that begin with pg_ for itself: choose another", r.Schema)
	case r.Table == checkpointTable || r.Table == ownerTable:
		return r, fmt.Errorf("resource: table %q belongs to Weir itself: choose another", r.Table)
	}
	return r, nil
}
