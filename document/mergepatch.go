package document

import (
	"bytes"
	"encoding/json"
)

// MergePatch applies a JSON merge patch (RFC 7396) to a target: members replace those of the target, objects go on
// inside, and null removes. Both are JSON texts; a target that is empty is no object. Numbers keep their text. It is
// for states, not for documents on their way: it decodes.
func MergePatch(target, patch json.RawMessage) (json.RawMessage, error) {
	if !isObject(patch) {
		return patch, nil
	}
	var changes map[string]json.RawMessage
	if err := json.Unmarshal(patch, &changes); err != nil {
		return nil, err
	}
	merged := map[string]json.RawMessage{}
	if isObject(target) {
		if err := json.Unmarshal(target, &merged); err != nil {
			return nil, err
		}
	}
	for name, change := range changes {
		if string(change) == "null" {
			delete(merged, name)
			continue
		}
		value, err := MergePatch(merged[name], change)
		if err != nil {
			return nil, err
		}
		merged[name] = value
	}
	return json.Marshal(merged)
}

func isObject(text json.RawMessage) bool {
	text = bytes.TrimLeft(text, " \t\r\n")
	return len(text) > 0 && text[0] == '{'
}
