package files

import (
	"encoding/json"
	"io"
	"testing"

	"weir/internal/objects"
	"weir/internal/weirtest"
	"weir/sources"
)

// Objects of a bucket are read as files are.
func TestS3(t *testing.T) {
	address, credentials := weirtest.S3(t)
	config := json.RawMessage(`{"url":"` + address + `","interval":"1ms","credentials":` + credentials + `}`)
	l := objects.Location{URL: address}
	if err := json.Unmarshal([]byte(credentials), &l.Credentials); err != nil {
		t.Fatal(err)
	}
	store, err := objects.Open(t.Context(), l, "")
	if err != nil {
		t.Fatal(err)
	}
	put := func(key, content string) {
		w, err := store.Create(t.Context(), key)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, content); err != nil {
			t.Fatal(err)
		}
		if err := w.Commit(); err != nil {
			t.Fatal(err)
		}
	}
	put("in/a.jsonl", "{\"id\":1}\n")
	put("in/b.json.gz", compressed(t, objects.Gzip, `[{"id":2}]`))
	put("elsewhere.jsonl", "{\"id\":0}\n")
	r := sources.ValidateRequest{Config: config, Bindings: []sources.Binding{{Resource: json.RawMessage(`{"match":"in/*"}`)}}}
	if _, err := New().Validate(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	c := newCapture(t, "", `{"match":"in/*"}`, anyObject, "/id")
	c.request.Config = config
	c.want(`{"id":1}`, `{"id":2}`)
	put("in/a.jsonl", "{\"id\":1}\n{\"id\":3}\n")
	c.want(`{"id":1}`, `{"id":2}`, `{"id":3}`)
	c.restart()
	put("in/c.csv", "id\n4")
	c.want(`{"id":1}`, `{"id":2}`, `{"id":3}`, `{"id":"4"}`)
}

func TestBucketsThatAreNotThere(t *testing.T) {
	address, credentials := weirtest.S3(t)
	other := "s3://nobodys" + address[len("s3://acme"):]
	r := sources.ValidateRequest{Config: json.RawMessage(`{"url":"` + other + `","credentials":` + credentials + `}`),
		Bindings: []sources.Binding{{Resource: json.RawMessage(`{"match":"*"}`)}}}
	_, err := New().Validate(t.Context(), r)
	if err == nil || err.Error() != "files: the bucket s3://nobodys/below does not exist: make it, or change url" {
		t.Error(err)
	}
}
