package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"weir/catalog"
	"weir/internal/weirtest"
)

// What is discovered is a catalog that loads, and whose captures an endpoint
// takes; asked again from there it is the same.
func TestDiscover(t *testing.T) {
	isolate(t)
	data := weirtest.Files(t, map[string]string{
		"in/orders-1.csv":        "id,amount\n1,2.5\n2,3\n",
		"in/orders-2.csv":        "id,amount\n3,4\n",
		"in/people/events.jsonl": "{\"what\":\"x\"}\n",
		"endpoint.yaml":          "files: {url: in}\n",
	})
	want := `collections:
  acmeCo/shop/events:
    key: [/_meta/file, /_meta/offset]
    schema:
      type: object
      required: [_meta]
      properties:
        _meta:
          type: object
          required: [file, offset]
          properties:
            file:
              type: string
            offset:
              type: integer
        what:
          type: string
  acmeCo/shop/orders:
    key: [/id]
    schema:
      type: object
      required: [id]
      properties:
        id:
          type: integer
        amount:
          type: number
captures:
  acmeCo/shop/from-files/events:
    endpoint:
      files:
        url: in
    bindings:
      - resource:
          match: people/events.jsonl
        target: acmeCo/shop/events
  acmeCo/shop/from-files/orders:
    endpoint:
      files:
        url: in
    bindings:
      - resource:
          match: orders-*.csv
        target: acmeCo/shop/orders
`
	got := succeed(t, "", "discover", filepath.Join(data, "endpoint.yaml"), "--data", data, "--prefix", "acmeCo/shop")
	if got != want {
		t.Errorf("discovered\n%s\nwant\n%s", got, want)
	}
	flow := filepath.Join(data, "flow.yaml")
	o := weir(t, "", "discover", filepath.Join(data, "endpoint.yaml"), "--data", data, "--prefix", "acmeCo/shop", "--write", flow)
	if o.code != 0 || o.out != "" || !strings.Contains(o.problems, "2 collections") {
		t.Fatalf("%+v", o)
	}
	if _, err := catalog.Load(flow); err != nil {
		t.Error(err)
	}
	again := succeed(t, "", "discover", flow, "--capture", "acmeCo/shop/from-files/orders", "--data", data, "--prefix", "acmeCo/shop")
	if again != want {
		t.Errorf("asked again, it is\n%s", again)
	}
	if o := weir(t, "", "discover", filepath.Join(data, "endpoint.yaml"), "--data", data, "--write", flow); o.code != exitEnvironment {
		t.Errorf("a file that is there: %+v", o)
	}
}

func TestDiscoverFaults(t *testing.T) {
	isolate(t)
	t.Setenv("DISCOVER_KEY", "hidden-value")
	data := t.TempDir()
	two := counts + `
captures:
  a/one: {endpoint: {files: {url: in}}, bindings: [{resource: {match: x}, target: a/counts}]}
  a/two: {endpoint: {files: {url: in}}, bindings: [{resource: {match: y}, target: a/counts}]}
`
	for _, test := range []struct {
		file, more, want string
		code             int
	}{
		{"files: {url: nowhere}\n", "", "does not exist: make it, or change url", exitFailed},
		{"files: {url: .}\n", "", "nothing that could be captured", exitNo},
		{"endpoint: {generator: {}}\n", "", "source generator cannot tell what it has", exitInvalid},
		{"ftp: {}\n", "", `capture endpoint "ftp" is unknown`, exitInvalid},
		{"a: 1\nb: 2\n", "", "holds no endpoint", exitInvalid},
		{": [\n", "", "yaml:", exitInvalid},
		{two, "", "name one with --capture: a/one, a/two", exitInvalid},
		{two, "a/three", "has no capture a/three [usage]\n  do: name one that it has: a/one, a/two\n", exitInvalid},
		{counts, "", "has no captures", exitInvalid},
		{"files: {url: \"s3://b?region=x&endpoint=http://127.0.0.1:1\", credentials: {accessKeyId: a, secretAccessKey: \"${env:DISCOVER_KEY}\"}}\n", "", "s3://b", exitEnvironment},
	} {
		path := filepath.Join(t.TempDir(), "x.yaml")
		if err := os.WriteFile(path, []byte(test.file), 0o600); err != nil {
			t.Fatal(err)
		}
		args := []string{"discover", path, "--data", data}
		if test.more != "" {
			args = append(args, "--capture", test.more)
		}
		o := weir(t, "", args...)
		if o.code != test.code || !strings.Contains(o.problems, test.want) || strings.Contains(o.problems, "hidden-value") {
			t.Errorf("%q: exit code %d, %s; want %d, %s", test.file, o.code, o.problems, test.code, test.want)
		}
	}
}
