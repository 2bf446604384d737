package sqltable

import (
	"strconv"
	"strings"
)

// Postgres is the dialect of PostgreSQL 15 and later.
//
// Names keep their case, and the server keeps 63 bytes of them. Documents are
// JSON and not JSONB, which would refuse U+0000 and forget the order of
// members. Two keys that differ as text may be one date or one address, so a
// key's strings stay text, whatever their format. A key that may be NULL is a
// unique constraint, since a primary key takes no NULL.
func Postgres() *Dialect {
	return &Dialect{
		Name: "PostgreSQL",
		Types: [flatCount]string{
			Never:         "TEXT",
			Boolean:       "BOOLEAN",
			Integer:       "BIGINT",
			Number:        "DOUBLE PRECISION",
			String:        "TEXT",
			StringInteger: "NUMERIC",
			StringNumber:  "DECIMAL",
			Binary:        "TEXT",
			Array:         "JSON",
			Object:        "JSON",
			Multiple:      "JSON",
		},
		KeyTypes: [flatCount]string{Multiple: "TEXT"}, // JSON cannot be compared
		Formats: map[string]string{
			"date":      "DATE",
			"date-time": "TIMESTAMPTZ",
			"time":      "TIME",
			"duration":  "INTERVAL",
			"ipv4":      "CIDR",
			"ipv6":      "CIDR",
			"macaddr":   "MACADDR",
			"macaddr8":  "MACADDR8",
			"uuid":      "UUID",
		},
		BigInteger:  "NUMERIC",
		Unique:      "UNIQUE NULLS NOT DISTINCT",
		MaxName:     63,
		MaxColumns:  1600,
		MaxArgs:     65535,
		Comments:    true,
		Verbatim:    true,
		Placeholder: func(n int) string { return "$" + strconv.Itoa(n) },
		Cast:        func(sql, typ string) string { return sql + "::" + typ },
		Same:        postgresSame,
		Text:        func(column string) string { return column + "::TEXT" },
		Fold:        foldPostgres,
		Fit:         postgresFit,
	}
}

func foldPostgres(name string) string { return Postgres().name(name) }

// postgresSame avoids IS NOT DISTINCT FROM, which uses no index.
func postgresSame(column, value string, nullable bool) string {
	if !nullable {
		return column + " = " + value
	}
	return "(" + column + " = " + value + " OR " + column + " IS NULL AND " + value + " IS NULL)"
}

// postgresNames gives the names that the server has for types, and others
// that mean the same, in the words of this package.
var postgresNames = map[string]string{
	"int8": "BIGINT", "int4": "INTEGER", "int": "INTEGER", "int2": "SMALLINT", "float8": "DOUBLE PRECISION", "float4": "REAL",
	"bool": "BOOLEAN", "decimal": "NUMERIC", "timestamp with time zone": "TIMESTAMPTZ", "time without time zone": "TIME",
	"character varying": "VARCHAR",
}

// PostgresType gives a type of the server one name; one with a length or precision keeps it.
func PostgresType(declared string) string {
	t := strings.ToLower(strings.TrimSpace(declared))
	if name, ok := postgresNames[t]; ok {
		return name
	}
	if length, ok := strings.CutPrefix(t, "character varying("); ok {
		return "VARCHAR(" + length
	}
	return strings.ToUpper(t)
}

// postgresWidenings says of a column's type, and of the type that is needed,
// how values are converted: only where a table made anew would have the same.
// %s is the column; an empty text means that the server converts by itself.
var postgresWidenings = map[[2]string]string{
	{"SMALLINT", "BIGINT"}:          "",
	{"INTEGER", "BIGINT"}:           "",
	{"SMALLINT", "NUMERIC"}:         "",
	{"INTEGER", "NUMERIC"}:          "",
	{"BIGINT", "NUMERIC"}:           "",
	{"BIGINT", "DOUBLE PRECISION"}:  "",
	{"NUMERIC", "DOUBLE PRECISION"}: "",
	{"BIGINT", "TEXT"}:              "%s::TEXT",
	{"BIGINT", "JSON"}:              "to_json(%s)",
	{"BOOLEAN", "JSON"}:             "to_json(%s)",
	{"TEXT", "JSON"}:                "to_json(%s)",
	{"DATE", "TEXT"}:                "to_char(%s, 'YYYY-MM-DD')",
}

// postgresFit keeps a column of the same type, or of one that has room for the
// values, and widens others in place where no value changes by that.
func postgresFit(t *Table, have *Existing, want *Column) ([]string, bool) {
	h, w := PostgresType(have.Type), PostgresType(want.Type)
	switch {
	case h == w, h == "NUMERIC" && w == "BIGINT", h == "VARCHAR" && w == "TEXT":
		return nil, true
	case strings.HasPrefix(h, "VARCHAR(") && w == "TEXT":
		return []string{t.alter("ALTER COLUMN " + Quote(have.Name) + " TYPE " + want.Type)}, true
	}
	using, ok := postgresWidenings[[2]string{h, w}]
	switch {
	case !ok, have.Key > 0 && using != "", w == "TEXT" && want.Flat != String, w == "JSON" && want.Flat != Multiple:
		return nil, false
	}
	change := "ALTER COLUMN " + Quote(have.Name) + " TYPE " + want.Type
	if using != "" {
		change += " USING " + strings.ReplaceAll(using, "%s", Quote(have.Name))
	}
	return []string{t.alter(change)}, true
}
