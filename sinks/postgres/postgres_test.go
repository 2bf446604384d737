package postgres

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"weir/internal/pgtest"
	"weir/sinks/sinkstest"
	"weir/sinks/sqltable"
)

func TestConformance(t *testing.T) {
	server := pgtest.Shared(t)
	sinkstest.Conformance(t, func(t *testing.T) sinkstest.Harness {
		db := server.Database(t)
		return sinkstest.Harness{
			Sink:        New(),
			Config:      configOf(server, db),
			MaxName:     63,
			Secret:      canary,
			Unreachable: json.RawMessage(`{"url":"postgres://weir:` + canary + `@127.0.0.1:1/weir"}`),
			Refuse: func(t *testing.T, name, doc string) {
				var id struct{ ID int64 }
				if err := json.Unmarshal([]byte(doc), &id); err != nil {
					t.Fatal(err)
				}
				server.Exec(t, db, fmt.Sprintf("ALTER TABLE %s ADD CHECK (id <> %d)", sqltable.Quote(name), id.ID))
			},
			Resource: func(name string, delta bool) json.RawMessage { return resourceOf(name, delta) },
			Documents: func(t *testing.T, name string) []string {
				return server.Rows(t, db, "SELECT flow_document FROM "+sqltable.Quote(name))
			},
		}
	})
}

// canary is a password that no error may show. The server trusts everybody.
const canary = "pg-canary-4711"

func configOf(s *pgtest.Server, db string) json.RawMessage {
	text, _ := json.Marshal(map[string]any{"url": strings.Replace(s.URL(db), "@", ":"+canary+"@", 1), "hardDelete": true})
	return text
}

func resourceOf(name string, delta bool) json.RawMessage {
	text, _ := json.Marshal(resource{Table: name, DeltaUpdates: delta})
	return text
}
