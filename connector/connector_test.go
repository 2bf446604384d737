package connector

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

// TestDecodeCapture reads lines in the forms that connectors write.
func TestDecodeCapture(t *testing.T) {
	for line, want := range map[string]CaptureResponse{
		`{"captured":{"binding":2,"doc":{"a":[1]}}}`:                              {Captured: &Captured{2, json.RawMessage(`{"a":[1]}`)}},
		` { "captured" : { "binding" : 0 , "doc" : { } } } `:                      {Captured: &Captured{0, json.RawMessage(`{ }`)}},
		`{"captured":{"doc":{"a":"}}"}}}`:                                         {Captured: &Captured{0, json.RawMessage(`{"a":"}}"}`)}},
		`{"captured":{"doc":{"a":1},"binding":3,"new":true}}`:                     {Captured: &Captured{3, json.RawMessage(`{"a":1}`)}},
		`{"checkpoint":{"state":{"updated":{"n":1},"mergePatch":true}},"more":0}`: {Checkpoint: &CaptureCheckpoint{&ConnectorState{json.RawMessage(`{"n":1}`), true}}},
		`{"checkpoint":{}}`: {Checkpoint: &CaptureCheckpoint{}},
		`{"opened":{}}`:     {Opened: &CaptureOpened{}},
		`{"spec":{"protocol":"3032023","configSchema":{},"resourceConfigSchema":{}}}`: {Spec: &Spec{Protocol: Version, ConfigSchema: json.RawMessage(`{}`), ResourceConfigSchema: json.RawMessage(`{}`)}},
		`{"sourcedSchema":{"documentSchema":{"type":"object"}}}`:                      {SourcedSchema: &SourcedSchema{0, json.RawMessage(`{"type":"object"}`)}},
	} {
		got, err := DecodeCapture([]byte(line))
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, %v", line, got, err)
		}
	}
}

func TestMalformed(t *testing.T) {
	for line, want := range map[string]string{
		`hello`:     `the connector's output is no message of the protocol: invalid character 'h' looking for beginning of value: hello`,
		`[1]`:       `it is a array, not an object`,
		`{}`:        `it has 0 of the members spec, discovered, validated, applied, opened, captured, sourcedSchema, checkpoint, and must have one`,
		`{"new":1}`: `it has 0 of the members`,
		`{"captured":{"doc":{}},"checkpoint":{}}`:                 `it has 2 of the members`,
		`{"captured":{"doc":{}}} {"checkpoint":{}}`:               `more follows the message on its line`,
		`{"captured":{"binding":0}}`:                              `its document is missing or no object`,
		`{"captured":{"binding":-1,"doc":{}}}`:                    `binding -1 is negative`,
		`{"captured":{"binding":"0","doc":{}}}`:                   `captured.binding is a string`,
		`{"captured":{"doc":7}}`:                                  `its document is missing or no object`,
		`{"captured":{"doc":{"a":}}}`:                             `invalid character '}' looking for beginning of value`,
		`{"checkpoint":{"state":{"mergePatch":true}}}`:            `its state has no member updated`,
		`{"opened":{"explicitAcknowledgements":"yes"}}`:           `opened.explicitAcknowledgements is a string`,
		`{"spec":{"protocol":"many"}}`:                            `is no integer`,
		`{"captured":{"doc":"` + strings.Repeat("x", 500) + `"}}`: `xxx...`,
	} {
		_, err := DecodeCapture([]byte(line))
		if err == nil || !strings.Contains(err.Error(), want) || len(err.Error()) > 600 {
			t.Errorf("%.80s: %v, want %s", line, err, want)
		}
	}
}

func TestDecodeMaterialize(t *testing.T) {
	const packed = `{"opened":{"runtimeCheckpoint":{"ackIntents":{"weir/checkpoint":"b25l"},"sources":{}}}}`
	r, err := DecodeMaterialize([]byte(packed))
	if err != nil || string(r.Opened.RuntimeCheckpoint.Text()) != "one" {
		t.Errorf("%+v, %v", r.Opened, err)
	}
	if r, err = DecodeMaterialize([]byte(`{"opened":{"runtimeCheckpoint":{}}}`)); err != nil || r.Opened.RuntimeCheckpoint == nil || r.Opened.RuntimeCheckpoint.Text() != nil {
		t.Errorf("an empty checkpoint: %+v, %v", r.Opened, err)
	}
	if r, err = DecodeMaterialize([]byte(`{"loaded":{"binding":1,"doc":{"id":1}}}`)); err != nil || r.Loaded.Binding != 1 {
		t.Errorf("%+v, %v", r.Loaded, err)
	}
	text, err := json.Marshal(StartCommit{NewCheckpoint([]byte("one"))})
	if want := `{"runtimeCheckpoint":{"ackIntents":{"weir/checkpoint":"b25l"}}}`; err != nil || string(text) != want {
		t.Errorf("%s, %v", text, err)
	}
	for _, line := range []string{`{"loaded":{}}`, `{"flushed":{"state":{}}}`, `{"acknowledged":{"state":{"mergePatch":false}}}`, `{"applied":{"state":{}}}`, `{"captured":{"doc":{}}}`} {
		if _, err := DecodeMaterialize([]byte(line)); err == nil {
			t.Errorf("%s is taken", line)
		}
	}
}

// TestShardRange: the ranges of a split lie side by side in that of the parent.
func TestShardRange(t *testing.T) {
	whole, err := ShardRange("0-1")
	if err != nil || whole != (Range{0, 1<<32 - 1, 0, 1<<32 - 1}) {
		t.Fatalf("%+v, %v", whole, err)
	}
	for _, c := range [][3]string{{"0-1", "0-2", "1-2"}, {"1-2", "1-4", "3-4"}, {"0-4", "0-8", "4-8"}} {
		parent, _ := ShardRange(c[0])
		left, _ := ShardRange(c[1])
		right, _ := ShardRange(c[2])
		if left.KeyBegin != parent.KeyBegin || right.KeyEnd != parent.KeyEnd || left.KeyEnd+1 != right.KeyBegin {
			t.Errorf("%v: %+v, %+v, %+v", c, parent, left, right)
		}
	}
	for _, token := range []string{"", "1-1", "0-3", "0-0", "a-b"} {
		if _, err := ShardRange(token); err == nil {
			t.Errorf("%q is a shard", token)
		}
	}
}

// FuzzDecode: whatever a connector writes gives a message or an error, and the
// short way gives what the long one does.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		`{"captured":{"binding":2,"doc":{"a":[1]}}}`, `{"captured":{"doc":{"a":"}}"}}}`, `{"captured":{"doc":{},"doc":{}}}`, `{"loaded":{"binding":01,"doc":{}}}`,
		`{"checkpoint":{"state":{"updated":{},"mergePatch":true}}}`, `{"spec":{"protocol":"3032023"}}`, `{"validated":{"bindings":[{"constraints":{"a":{"type":"FIELD_OPTIONAL"}}}]}}`,
		`{"opened":{"runtimeCheckpoint":{"ackIntents":{"a":"!"}}}}`, `null`, `{"captured":null}`, `{"CAptured":{"doC":{}}}}`, "{\"captured\":{\"doc\":{\"\xff\":1}}}",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		if r, err := DecodeCapture(line); err == nil && r.Captured != nil {
			var long CaptureResponse
			if err := json.Unmarshal(line, &long); err != nil {
				t.Fatalf("%q is a document, and no JSON: %v", line, err)
			}
			if long.Captured == nil || long.Captured.Binding != r.Captured.Binding || string(long.Captured.Doc) != string(r.Captured.Doc) {
				t.Fatalf("%q gives %+v", line, r.Captured)
			}
		}
		if r, err := DecodeMaterialize(line); err == nil && r.Loaded != nil && !json.Valid(r.Loaded.Doc) {
			t.Fatalf("%q gives %q", line, r.Loaded.Doc)
		}
	})
}
