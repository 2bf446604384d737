package schema

import (
	"fmt"
	"strings"
	"testing"

	"weir/internal/golden"
)

const explainSchema = `{
 "$defs":{"line":{"type":"object","properties":{"sku":{"type":"string","pattern":"^SKU-"},"qty":{"type":"integer","minimum":1,"maximum":99}},"required":["sku","qty"]}},
 "type":"object",
 "properties":{
  "id":{"type":"string","minLength":3,"maxLength":5},
  "state":{"enum":["new","paid"]},
  "one":{"const":1},
  "at":{"format":"date-time"},
  "lines":{"type":"array","items":{"$ref":"#/$defs/line"},"minItems":1,"uniqueItems":true},
  "pair":{"items":[{"type":"integer"},{"type":"string"}],"additionalItems":false},
  "pay":{"oneOf":[
   {"type":"object","properties":{"by":{"const":"card"},"number":{"type":"string"}},"required":["by","number"]},
   {"type":"object","properties":{"by":{"const":"bank"},"iban":{"type":"string"}},"required":["by","iban"]}]},
  "any":{"anyOf":[{"type":"integer"},{"type":"null"}]},
  "both":{"oneOf":[{"minimum":0},{"maximum":10}]},
  "closed":{"type":"object","additionalProperties":false,"properties":{"a":true}},
  "no":false,
  "not":{"not":{"type":"string"}},
  "has":{"contains":{"type":"integer"},"maxContains":1},
  "step":{"multipleOf":0.5},
  "odd ~/name":{"type":"boolean"}
 },
 "dependentRequired":{"at":["id"]},
 "required":["state"]
}`

func TestExplain(t *testing.T) {
	s := compile(t, explainSchema)
	var out strings.Builder
	for _, text := range []string{
		`[]`,
		`{}`,
		`{"state":"gone"}`,
		`{"state":"new","id":"a"}`,
		`{"state":"new","id":12}`,
		`{"state":"new","id":"a very long identifier that goes on and on until nobody wants to read it any more"}`,
		`{"state":"new","one":2}`,
		`{"state":"new","id":"abc","at":"yesterday"}`,
		`{"state":"new","at":"2026-01-07T12:34:56Z"}`,
		`{"state":"new","lines":[]}`,
		`{"state":"new","lines":[{"sku":"SKU-1","qty":1.5},{"sku":"X","qty":100},{"qty":0}]}`,
		`{"state":"new","lines":[{"sku":"SKU-1","qty":1},{"qty":1.0,"sku":"SKU-1"}]}`,
		`{"state":"new","pair":["x",1,2]}`,
		`{"state":"new","pay":{"by":"card"}}`,
		`{"state":"new","pay":{"by":"cash"}}`,
		`{"state":"new","pay":7}`,
		`{"state":"new","any":"x"}`,
		`{"state":"new","both":5}`,
		`{"state":"new","closed":{"z":1,"a":1,"b":2}}`,
		`{"state":"new","no":1,"not":"x"}`,
		`{"state":"new","has":[1,2]}`,
		`{"state":"new","has":["a"]}`,
		`{"state":"new","step":1.3}`,
		`{"state":"new","odd ~/name":"é"}`,
		`{"state":"new",}`,
		`{"state":"new"}`,
	} {
		fmt.Fprintln(&out, text)
		for _, v := range s.Explain([]byte(text)) {
			fmt.Fprintf(&out, "\t%s | %s | %s | %s\n", v.Pointer, v.Rule, v.SchemaPointer, v.Message)
		}
	}
	golden.Compare(t, "testdata/explain.txt", out.String())
}
