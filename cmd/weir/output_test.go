package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"weir/catalog"
)

// A result is the same value in every form; YAML keeps the members' order, the
// numbers' text, and quotes what would be read as something else.
func TestResults(t *testing.T) {
	value := struct {
		Name  string          `json:"name"`
		Docs  uint64          `json:"docs"`
		Raw   json.RawMessage `json:"raw"`
		Empty []string        `json:"empty"`
	}{"a<b", 7, json.RawMessage(`{"z":1e400,"a":["\ud83d\ude00","true","12"],"n":null}`), []string{}}
	for form, want := range map[string]string{
		formTable: "a<b has 7\n",
		formJSON:  "{\n  \"name\": \"a<b\",\n  \"docs\": 7,\n  \"raw\": {\n    \"z\": 1e400,\n    \"a\": [\n      \"\\ud83d\\ude00\",\n      \"true\",\n      \"12\"\n    ],\n    \"n\": null\n  },\n  \"empty\": []\n}\n",
		formYAML:  "name: a<b\ndocs: 7\nraw:\n  z: 1e400\n  a: [\"\\U0001F600\", \"true\", \"12\"]\n  n: null\nempty: []\n",
		formJSONL: `{"name":"a<b","docs":7,"raw":{"z":1e400,"a":["\ud83d\ude00","true","12"],"n":null},"empty":[]}` + "\n",
	} {
		var out bytes.Buffer
		r := results{form: form, allowed: []string{formTable}}
		err := r.write(&out, value, func(s *sheet) { s.line("%s has %d", value.Name, value.Docs) })
		if err != nil || out.String() != want {
			t.Errorf("%s: %v\n%q\nwant\n%q", form, err, out.String(), want)
		}
	}
}

// Of a stream each result is complete by itself.
func TestResultsOneByOne(t *testing.T) {
	for form, want := range map[string]string{
		formText:  "1\n2\n",
		formJSON:  "{\"n\":1}\n{\"n\":2}\n",
		formJSONL: "{\"n\":1}\n{\"n\":2}\n",
		formYAML:  "---\nn: 1\n---\nn: 2\n",
	} {
		var out bytes.Buffer
		r := results{form: form, allowed: []string{formText}}
		for n := 1; n <= 2; n++ {
			if err := r.item(&out, map[string]int{"n": n}, func(s *sheet) { s.line("%d", n) }); err != nil {
				t.Fatal(err)
			}
		}
		if out.String() != want {
			t.Errorf("%s: %q, want %q", form, out.String(), want)
		}
	}
}

func TestTables(t *testing.T) {
	two := newTable("~NAME", "KIND", ">DOCS", "~ABOUT")
	two.add("acmeCo/größe", cell{"collection", good}, 12, "")
	two.below("  why: because\n")
	two.add("acmeCo/a-name-that-is-long", "capture", 3, "")
	for width, want := range map[int]string{
		0:  "NAME                        KIND        DOCS\nacmeCo/größe                collection    12\n  why: because\nacmeCo/a-name-that-is-long  capture        3\n",
		40: "NAME                    KIND        DOCS\nacmeCo/größe            collection    12\n  why: because\nacmeCo/a-name-that-is…  capture        3\n",
		20: "NAME          KIND        DOCS\nacmeCo/größe  collection    12\n  why: because\nacmeCo/a-na…  capture        3\n",
	} {
		if got := drawn(two, width); got != want {
			t.Errorf("%d columns:\n%swant\n%s", width, got, want)
		}
	}
	if got, want := drawn(newTable("NAME", ">DOCS"), 80), "NAME  DOCS\n"; got != want {
		t.Errorf("no rows: %q, want %q", got, want)
	}
	s := &sheet{colors: true}
	s.table(two)
	if want := "\x1b[32mcollection\x1b[0m"; !bytes.Contains([]byte(s.b.String()), []byte(want)) {
		t.Errorf("no colours: %q", s.b.String())
	}
}

func TestExitCodes(t *testing.T) {
	for want, err := range map[int]error{
		exitFailed:      errors.New("x"),
		exitInvalid:     fmt.Errorf("x: %w", catalog.Errors{{}}),
		exitEnvironment: fmt.Errorf("x: %w", &environmentError{errors.New("y")}),
		exitNo:          fmt.Errorf("x: %w", &noError{errors.New("y")}),
	} {
		if got := exitCode(err); got != want {
			t.Errorf("%v: %d, want %d", err, got, want)
		}
	}
}
