package natsendpoint

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	for text, want := range map[string]string{
		`{"url":"nats://127.0.0.1:4222"}`:                        "",
		`{"context":"orders"}`:                                   "",
		`{"url":"x","user":"u","password":"p"}`:                  "",
		`{"url":"x","certFile":"c","keyFile":"k","caFile":"/a"}`: "",
		`{}`:                                 "url is missing",
		`{"url":"x","context":"y"}`:          "either url or context",
		`{"url":"x","user":"u"}`:             "user and password go together",
		`{"url":"x","token":"t","nkey":"s"}`: "give one of",
		`{"url":"x","nkey":"SUNOSEED"}`:      "no seed of an NKey",
		`{"url":"x","certFile":"c"}`:         "certFile and keyFile go together",
		`{"url":"x","nosuch":1}`:             `unknown field "nosuch"`,
		`{"url":7}`:                          "url: expected a string",
		`{"url":"x"} {}`:                     "more follows",
		`[]`:                                 "cannot unmarshal array",
	} {
		c, err := Parse(json.RawMessage(text), "/dir")
		switch {
		case want == "" && err != nil, want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%s: %v, want %q", text, err, want)
		case err == nil && c.CertFile != "" && (c.CertFile != "/dir/c" || c.CAFile != "/a"):
			t.Errorf("%s: paths %+v", text, c)
		}
	}
}

func TestSecretsAreHidden(t *testing.T) {
	c := &Config{URL: "nats://ann:s3cret@a:4222, tls://tok3n@b", Password: "pa55"}
	if got := withoutUser(c.URL); got != "nats://a:4222,tls://b" {
		t.Errorf("servers %s", got)
	}
	err := c.explain(errors.New("dial ann:s3cret@a, tok3n, pa55 refused"), func(err error) error { return err })
	for _, secret := range []string{"s3cret", "tok3n", "pa55"} {
		if strings.Contains(err.Error(), secret) {
			t.Errorf("%v shows %s", err, secret)
		}
	}
}

func TestConfigSchemaNamesEveryMember(t *testing.T) {
	var schema struct {
		Properties map[string]struct{ Title, Description string }
	}
	if err := json.Unmarshal([]byte(ConfigSchema), &schema); err != nil {
		t.Fatal(err)
	}
	text, _ := json.Marshal(Config{})
	var members map[string]any
	_ = json.Unmarshal(text, &members)
	for name := range members {
		if p := schema.Properties[name]; p.Title == "" || p.Description == "" {
			t.Errorf("%s is not described", name)
		}
	}
	if len(members) != len(schema.Properties) {
		t.Errorf("the schema has %d members, the configuration %d", len(schema.Properties), len(members))
	}
}
