package erasure_test

import (
	"strings"
	"testing"

	"weir/controlplane"
	"weir/controlplane/erasure"
	"weir/internal/weirtest"
	"weir/worker"
)

// registersFlow has a derivation for each way in which registers may belong to
// keys of acmeCo/people, whose key is [/tenant, /id].
const registersFlow = `
collections:
  acmeCo/people:
    key: [/tenant, /id]
    schema:
      type: object
      required: [tenant, id]
      properties: {tenant: {type: string}, id: {type: integer}, city: {type: string}}
  acmeCo/visits:
    key: [/id]
    schema: {type: object, required: [id], properties: {id: {type: integer}, tenant: {type: string}}}
  acmeCo/turned:
    key: [/k]
    schema: {type: object, required: [k], properties: {k: {type: string}, n: {type: integer}}}
    derive:
      using: {javascript: {module: count.js}}
      register: {schema: {type: integer}, initial: 0}
      transforms: [{name: count, source: acmeCo/people, shuffle: {key: [/id, /tenant]}}, {name: also, source: acmeCo/people, shuffle: any}]
  acmeCo/finer:
    key: [/k]
    schema: {type: object, required: [k], properties: {k: {type: string}, n: {type: integer}}}
    derive:
      using: {javascript: {module: count.js}}
      register: {schema: {type: integer}, initial: 0}
      transforms: [{name: count, source: acmeCo/people, shuffle: {key: [/tenant, /city, /id]}}]
  acmeCo/coarser:
    key: [/k]
    schema: {type: object, required: [k], properties: {k: {type: string}, n: {type: integer}}}
    derive:
      using: {javascript: {module: count.js}}
      register: {schema: {type: integer}, initial: 0}
      transforms: [{name: count, source: acmeCo/people, shuffle: {key: [/tenant]}}]
  acmeCo/joined:
    key: [/k]
    schema: {type: object, required: [k], properties: {k: {type: string}, n: {type: integer}}}
    derive:
      using: {javascript: {module: count.js}}
      register: {schema: {type: integer}, initial: 0}
      transforms:
        - {name: count, source: acmeCo/people, shuffle: {key: [/tenant, /id]}}
        - {name: also, source: acmeCo/visits, shuffle: {key: [/tenant, /id]}}
`

const countModule = `export function count({ key, register }) { register.set(register.value + 1); return { k: key.join("-"), n: register.value }; }
export function also() {}`

// TestRegisters erases a key whose registers belong to it alone, in whatever
// order their keys are, and with more in them; those that others share are named.
func TestRegisters(t *testing.T) {
	ctx, conn := weirtest.Context(t), weirtest.Connect(t, weirtest.Server(t))
	c := weirtest.Publish(t, conn, weirtest.Files(t, map[string]string{"flow.yaml": registersFlow, "count.js": countModule}))
	people := c.Collections["acmeCo/people"]
	w, _ := weirtest.Run(t, weirtest.Options(t, conn, t.TempDir()))
	count := func(want map[string]string, documents ...string) {
		t.Helper()
		weirtest.Ingest(t, conn, people, documents...)
		for name, last := range want {
			weirtest.ReadThrough(t, w, conn, worker.KindDerivation, name, "acmeCo/people")
			all := weirtest.Documents(t, conn, name)
			if got := string(all[len(all)-1].Data); got != last {
				t.Errorf("%s derived %s, want %s", name, got, last)
			}
		}
	}
	count(map[string]string{"acmeCo/turned": `{"k":"1-a","n":1}`, "acmeCo/finer": `{"k":"a-Rom-1","n":1}`}, `{"tenant":"a","id":1,"city":"Rom"}`)
	count(map[string]string{"acmeCo/turned": `{"k":"1-a","n":2}`, "acmeCo/finer": `{"k":"a-Ulm-1","n":1}`}, `{"tenant":"a","id":1,"city":"Ulm"}`)
	count(map[string]string{"acmeCo/turned": `{"k":"2-a","n":1}`, "acmeCo/coarser": `{"k":"a","n":3}`, "acmeCo/joined": `{"k":"a-2","n":1}`, "acmeCo/finer": `{"k":"a-Ulm-2","n":1}`}, `{"tenant":"a","id":2,"city":"Ulm"}`)

	records, err := controlplane.Records(ctx, conn)
	if err != nil {
		t.Fatal(err)
	}
	for _, dry := range []bool{true, false} {
		r, err := erasure.Erase(ctx, conn, records, erasure.Request{Collection: "acmeCo/people", Key: []string{"a", "1"}, DryRun: dry, Wait: weirtest.Patience})
		if err != nil {
			t.Fatal(err)
		}
		counts := map[string]int{}
		for _, p := range r.Places {
			counts[p.Name] = p.Documents
		}
		if len(counts) != 7 || counts["documents of acmeCo/people"] != 2 || !dry && (counts["registers of acmeCo/turned"] != 1 || counts["registers of acmeCo/finer"] != 2) {
			t.Errorf("dry %v: places %v", dry, counts)
		}
		var left []string
		for _, remain := range r.Remains {
			left = append(left, remain.What)
		}
		for _, want := range []string{`register ["a"] of acmeCo/coarser`, `register ["a",1] of acmeCo/joined`} {
			if !strings.Contains(strings.Join(left, "\n"), want) {
				t.Errorf("dry %v: what remains lacks %q: %q", dry, want, left)
			}
		}
		if all := strings.Join(left, "\n"); strings.Contains(all, "of acmeCo/turned (") || strings.Contains(all, `register [1,"a"]`) {
			t.Errorf("dry %v: what remains has what is erased: %q", dry, left)
		}
	}
	count(map[string]string{"acmeCo/turned": `{"k":"1-a","n":1}`, "acmeCo/finer": `{"k":"a-Rom-1","n":1}`, "acmeCo/coarser": `{"k":"a","n":4}`}, `{"tenant":"a","id":1,"city":"Rom"}`)
	count(map[string]string{"acmeCo/turned": `{"k":"2-a","n":2}`, "acmeCo/finer": `{"k":"a-Ulm-2","n":2}`}, `{"tenant":"a","id":2,"city":"Ulm"}`)
}
