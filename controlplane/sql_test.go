package controlplane

import (
	"os"
	"path/filepath"
	"testing"

	"weir/catalog"
)

// TestSQLFaults builds a catalog whose SQL is wrong in many places: all are
// reported at once, each at its line.
func TestSQLFaults(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"flow.yaml": `collections:
  acmeCo/in: {key: [/id], schema: {type: object, required: [id], properties: {id: {type: string}, amount: {type: number}}}}
  acmeCo/a:
    key: [/id]
    schema: {type: object, required: [id], properties: {id: {type: string}}}
    derive:
      using: {sqlite: {}}
      transforms:
        - {name: one, source: acmeCo/in, shuffle: any, lambda: lambda.sql}
        - name: two
          source: acmeCo/in
          shuffle: any
          lambda: |
            select $id;
            select nosuch($id);
  acmeCo/b:
    key: [/id]
    schema: {type: object, required: [id], properties: {id: {type: string}}}
    derive:
      using: {sqlite: {migrations: [table.sql]}}
      transforms: [{name: all, source: acmeCo/in, shuffle: any, lambda: select $id}]
`,
		"lambda.sql": "select $id,\n  $amuont as amount",
		"table.sql":  "create table t (\n  a integer,\n  a text\n)",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c, err := catalog.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	const want = `lambda.sql:2:3: there is no field $amuont: did you mean $amount? (SQL of acmeCo/a) [sql]
flow.yaml:15:1: no such function: nosuch (SQL of acmeCo/a) [sql]
table.sql:1:1: duplicate column name: a (SQL of acmeCo/b) [sql]`
	if err := Build(c); err == nil || err.Error() != want {
		t.Errorf("errors\n%v\nwant\n%s", err, want)
	}
}
