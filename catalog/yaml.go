package catalog

import (
	"bytes"
	"encoding/json"
	"fmt"

	"go.yaml.in/yaml/v3"
)

// YAML writes a JSON value as YAML: members keep their order, numbers their
// text, and what would be read as something else is quoted.
func YAML(text []byte) ([]byte, error) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	node, err := yamlNode(decoder)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	encoder := yaml.NewEncoder(&out)
	encoder.SetIndent(2)
	if err := encoder.Encode(node); err != nil {
		return nil, err
	}
	err = encoder.Close()
	return out.Bytes(), err
}

// yamlNode reads one JSON value.
func yamlNode(from *json.Decoder) (*yaml.Node, error) {
	token, err := from.Token()
	if err != nil {
		return nil, err
	}
	scalar := func(tag, value string) (*yaml.Node, error) {
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: tag, Value: value}, nil
	}
	switch v := token.(type) {
	case nil:
		return scalar("!!null", "null")
	case bool:
		return scalar("!!bool", fmt.Sprint(v))
	case string:
		return scalar("!!str", v)
	case json.Number:
		return scalar("", v.String()) // as it stands, also where no machine holds it
	}
	n := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq"}
	if token == json.Delim('{') {
		n.Kind, n.Tag = yaml.MappingNode, "!!map"
	}
	short := true
	for from.More() { // keys of objects come as strings
		child, err := yamlNode(from)
		if err != nil {
			return nil, err
		}
		short = short && child.Kind == yaml.ScalarNode && len(child.Value) < 40
		n.Content = append(n.Content, child)
	}
	if n.Kind == yaml.SequenceNode && short && len(n.Content) <= 8 {
		n.Style = yaml.FlowStyle // as people write keys and names
	}
	_, err = from.Token()
	return n, err
}
