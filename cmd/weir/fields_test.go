package main

import (
	"encoding/json"
	"strings"
	"testing"

	"weir/internal/weirtest"
)

// weir fields shows every field of a collection, and which a table gets unasked.
func TestFields(t *testing.T) {
	isolate(t)
	dir := weirtest.Files(t, map[string]string{"flow.yaml": `
collections:
  acmeCo/orders:
    key: [/id]
    schema:
      type: object
      required: [id, when, region]
      properties:
        id: {type: integer}
        when: {type: string, format: date-time}
        region: {type: string}
        total: {type: [number, string], format: number}
        customer: {type: [object, "null"], properties: {city: {type: string}}}
    projections:
      land: {location: /region, partition: true}
  acmeCo/others: {key: [/id], schema: {type: object, required: [id], properties: {id: {type: string}}}}
`})
	const want = `  FIELD              LOCATION          TYPES                                             EXISTS    WHY
+ customer           /customer         null|object                                       may       within fields.recommended
  customer/city      /customer/city    string                                            may       deeper than fields.recommended, or nothing asks for it
+ flow_document      (document)        object                                            must      the whole document
+ flow_published_at  (published)       string (date-time)                                must      metadata of every collection
+ id                 /id               integer                                           must      component of the key
+ land               /region           string                                            must      a logical partition
  region             /region           string                                            must      field land has the same location
+ total              /total            number|string (number)                            may       within fields.recommended
+ when               /when             string (date-time)                                must      within fields.recommended
`
	got := succeed(t, "", "fields", dir, "acmeCo/orders")
	if squeeze(got) != squeeze(want) {
		t.Errorf("got\n%s", got)
	}
	all := succeed(t, "", "fields", dir)
	if !strings.HasPrefix(all, "acmeCo/orders\n"+got) || !strings.Contains(all, "\nacmeCo/others\n  FIELD ") {
		t.Errorf("all collections:\n%s", all)
	}
	var parsed []fieldsOf
	if err := json.Unmarshal([]byte(succeed(t, "", "fields", dir, "acmeCo/others", "-o", "json")), &parsed); err != nil || len(parsed) != 1 || len(parsed[0].Fields) != 3 || !parsed[0].Fields[2].PrimaryKey {
		t.Errorf("%+v, %v", parsed, err)
	}
	if o := weir(t, "", "fields", dir, "acmeCo/order"); o.code != exitInvalid || o.problems != "weir: the catalog has no collection acmeCo/order [usage]\n  do: name one that it has: acmeCo/orders, acmeCo/others\n" {
		t.Errorf("exit code %d: %s", o.code, o.problems)
	}
}

// squeeze makes columns as wide as their words.
func squeeze(table string) string {
	lines := strings.Split(table, "\n")
	for i, line := range lines {
		lines[i] = strings.Join(strings.Fields(line), " ")
	}
	return strings.Join(lines, "\n")
}
