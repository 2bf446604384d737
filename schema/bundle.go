package schema

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// Bundle gives the schema as one document, nil if there is none: itself, or a reference
// to it beside all of its resources, each under its URL.
func (s Source) Bundle() json.RawMessage {
	if len(s.Resources) == 0 {
		return nil
	}
	if text, ok := s.Resources[s.URL]; ok && len(s.Resources) == 1 {
		return text
	}
	defs := map[string]json.RawMessage{}
	for _, url := range slices.Sorted(maps.Keys(s.Resources)) {
		defs[url] = identified(s.Resources[url], url)
	}
	text, err := json.Marshal(map[string]any{"$ref": s.URL, "$defs": defs})
	if err != nil {
		panic("schema: bundle of resources that are no JSON: " + err.Error()) // Compile has read them
	}
	return text
}

// identified is a resource that says its URL itself. One that says another is
// left as it is.
func identified(resource json.RawMessage, url string) json.RawMessage {
	var members map[string]json.RawMessage
	if json.Unmarshal(resource, &members) != nil || members["$id"] != nil {
		return resource
	}
	id, _ := json.Marshal(url) // a string
	body := strings.TrimPrefix(strings.TrimSpace(string(resource)), "{")
	if strings.TrimSpace(body) == "}" {
		return json.RawMessage(`{"$id":` + string(id) + `}`)
	}
	return json.RawMessage(`{"$id":` + string(id) + `,` + body)
}
