// Command query prints the rows of a SQL query on a SQLite file, columns
// separated by |, for scripts on machines without the sqlite3 program.
package main

import (
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"strings"

	_ "modernc.org/sqlite" // the driver of sql.Open
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: query FILE SQL")
		os.Exit(2)
	}
	if err := query(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "query:", err)
		os.Exit(1)
	}
}

func query(file, text string) error {
	source := url.URL{Scheme: "file", Opaque: file, RawQuery: "mode=ro&_pragma=busy_timeout(5000)"}
	db, err := sql.Open("sqlite", source.String())
	if err != nil {
		return err
	}
	defer db.Close()
	rows, err := db.Query(text)
	if err != nil {
		return err
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil {
		return err
	}
	values, targets := make([]any, len(names)), make([]any, len(names))
	for i := range values {
		targets[i] = &values[i]
	}
	for rows.Next() {
		if err := rows.Scan(targets...); err != nil {
			return err
		}
		fmt.Println(line(values))
	}
	return rows.Err()
}

func line(values []any) string {
	fields := make([]string, len(values))
	for i, v := range values {
		if v != nil {
			fields[i] = fmt.Sprint(v)
		}
	}
	return strings.Join(fields, "|")
}
