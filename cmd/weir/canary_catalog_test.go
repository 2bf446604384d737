package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"testing"

	"weir/secrets"
)

// canaryCatalog makes a task of every kind of connector that has secret members,
// three times: with secrets that are named, odd, and written out.
func canaryCatalog(t *testing.T) (flow string, tasks []string) {
	t.Helper()
	captures, materializations := map[string]any{}, map[string]any{}
	add := func(to map[string]any, section, kind string, config, resource json.RawMessage, binding map[string]any) {
		for name, secret := range map[string]string{"named": "${env:CANARY_NAMED}", "odd": "${env:CANARY_ODD}", "literal": canaryLiteral} {
			for i, endpoint := range configurations(t, kind, config, secret) {
				spelled, err := json.Marshal(endpoint)
				if err != nil {
					t.Fatal(err)
				}
				if len(secrets.Values(config, spelled)) == 0 {
					continue
				}
				task := fmt.Sprintf("a/%s-%s-%s-%d", section, kind, name, i)
				b := maps.Clone(binding)
				b["resource"] = fill(t, resource, "x")
				if text, ok := resources[kind]; ok {
					b["resource"] = json.RawMessage(text)
				}
				to[task] = map[string]any{"endpoint": map[string]any{kind: endpoint}, "bindings": []any{b}}
				tasks = append(tasks, task)
			}
		}
	}
	for _, kind := range sourceRegistry().Names() {
		spec := sourceRegistry()[kind].Spec()
		add(captures, "from", kind, spec.ConfigSchema, spec.ResourceSchema, map[string]any{"target": "a/in"})
	}
	for _, kind := range sinkRegistry().Names() {
		spec := sinkRegistry()[kind].Spec()
		add(materializations, "to", kind, spec.ConfigSchema, spec.ResourceSchema, map[string]any{"source": "a/in"})
	}
	return canaryFlow(t, captures, materializations), tasks
}

// canaryFlow makes a catalog of tasks at the collection a/in.
func canaryFlow(t *testing.T, captures, materializations map[string]any) string {
	t.Helper()
	text, err := json.Marshal(map[string]any{
		"collections": map[string]any{"a/in": map[string]any{"key": []string{"/id"}, "schema": map[string]any{
			"type": "object", "required": []string{"id"}, "properties": map[string]any{"id": map[string]any{"type": "string"}}}}},
		"captures": captures, "materializations": materializations,
	})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// plausible are configurations that a schema cannot tell: with one of them a
// connector gets as far as talking to somebody, who does not answer. SECRET stands
// for the secret. Without one, the configuration has what its schema requires.
var plausible = map[string][]string{
	"files": {`{"url":"s3://acme/in?region=x&endpoint=http://127.0.0.1:1","credentials":{"accessKeyId":"id","secretAccessKey":"SECRET","sessionToken":"SECRET"}}`},
	"http":  {`{"listen":"127.0.0.1:0","tokens":["SECRET"]}`},
	"nats": {
		`{"url":"nats://127.0.0.1:1","user":"u","password":"SECRET"}`,
		`{"url":"nats://127.0.0.1:1","token":"SECRET"}`,
	},
	"webhook": {`{"url":"http://127.0.0.1:1","headers":{"Authorization":"Bearer SECRET"},"signingSecrets":["SECRET"]}`},
	"postgres": {
		`{"address":"127.0.0.1:1","database":"d","user":"u","password":"SECRET"}`,
		`{"url":"postgres://u:SECRET@127.0.0.1:1/d?sslmode=disable"}`,
		`{"url":"SECRET"}`,
	},
}

// resources of kinds whose schema cannot tell what one looks like.
var resources = map[string]string{"http": `{"path":"/in"}`, "webhook": `{"path":"/out"}`, "nats": `{"subject":"canary.out"}`}

// configurations of a kind of endpoint.
func configurations(t *testing.T, kind string, schema json.RawMessage, secret string) (all []any) {
	t.Helper()
	for _, text := range plausible[kind] {
		var config any
		if err := json.Unmarshal([]byte(text), &config); err != nil {
			t.Fatal(err)
		}
		all = append(all, replaceSecret(config, secret))
	}
	return append(all, fill(t, schema, secret))
}

func replaceSecret(v any, secret string) any {
	switch v := v.(type) {
	case string:
		return strings.ReplaceAll(v, "SECRET", secret)
	case []any:
		for i := range v {
			v[i] = replaceSecret(v[i], secret)
		}
	case map[string]any:
		for name := range v {
			v[name] = replaceSecret(v[name], secret)
		}
	}
	return v
}

// fill makes a value that a schema asks for: its required members, and those
// with a secret in them.
func fill(t *testing.T, schema json.RawMessage, secret string) any {
	t.Helper()
	var s map[string]any
	if err := json.Unmarshal(schema, &s); err != nil {
		t.Fatal(err)
	}
	value, _ := filled(s, secret)
	return value
}

// filled says, too, whether the value holds a secret.
func filled(s map[string]any, secret string) (value any, secretive bool) {
	if s["secret"] == true {
		switch s["type"] {
		case "array":
			return []any{secret}, true
		case "object":
			return map[string]any{"Authorization": secret}, true
		}
		return secret, true
	}
	for _, keyword := range []string{"const", "default"} {
		if v, ok := s[keyword]; ok {
			return v, false
		}
	}
	if of, ok := s["enum"].([]any); ok {
		return of[0], false
	}
	for _, keyword := range []string{"oneOf", "anyOf"} {
		if of, ok := s[keyword].([]any); ok && s["properties"] == nil {
			for _, one := range of {
				if v, secretive := filled(one.(map[string]any), secret); secretive {
					return v, true
				}
			}
			return filled(of[0].(map[string]any), secret)
		}
	}
	switch s["type"] {
	case "integer", "number":
		return 1, false
	case "boolean":
		return false, false
	case "array":
		item, _ := s["items"].(map[string]any)
		v, secretive := filled(item, secret)
		return []any{v}, secretive
	case "object":
		return filledObject(s, secret)
	}
	return "http://127.0.0.1:1", false // nothing answers there
}

func filledObject(s map[string]any, secret string) (value any, secretive bool) {
	object, required := map[string]any{}, map[string]bool{}
	if names, ok := s["required"].([]any); ok {
		for _, name := range names {
			required[name.(string)] = true
		}
	}
	known, _ := s["properties"].(map[string]any)
	for name, of := range known {
		v, has := filled(of.(map[string]any), secret)
		if has || required[name] {
			object[name] = v
		}
		secretive = secretive || has
	}
	if more, ok := s["additionalProperties"].(map[string]any); ok {
		if v, has := filled(more, secret); has {
			object["extra"], secretive = v, true
		}
	}
	return object, secretive
}
