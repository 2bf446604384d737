package collection

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"testing"

	"weir/catalog"
	"weir/schema"
)

func sha256Prefix(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])[:32]
}

func spec(schemaText string, key ...string) *catalog.Collection {
	const url = "file:///things.schema.json"
	return &catalog.Collection{
		Name: "acmeCo/things", Key: key, Partitions: 16, OnInvalid: catalog.OnInvalidStop,
		Schema: schema.Source{URL: url, Resources: map[string]json.RawMessage{url: json.RawMessage(schemaText)}},
	}
}

// compiled makes collection acmeCo/things with 16 partitions.
func compiled(t testing.TB, schemaText string, key ...string) *Collection {
	t.Helper()
	c, err := New(spec(schemaText, key...))
	if err != nil {
		t.Fatal(err)
	}
	return c
}
