package secrets

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

const canary = `c&n/r "y" 50% + ümläut`

func TestTextsOfAllForms(t *testing.T) {
	var r Redactor
	r.Add(canary)
	spelled, err := json.Marshal(canary)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"as it is":          "password " + canary + " was refused",
		"in a query":        "?password=" + url.QueryEscape(canary),
		"in a path":         "/" + url.PathEscape(canary) + "/",
		"in a URL":          (&url.URL{Scheme: "postgres", User: url.UserPassword("me", canary), Host: "db"}).String(),
		"quoted":            fmt.Sprintf("%q", canary),
		"in JSON":           string(spelled),
		"basic credentials": base64.StdEncoding.EncodeToString([]byte("me:" + canary)),
		"base64, shifted":   base64.StdEncoding.EncodeToString([]byte("m:" + canary + ":x")),
		"base64 for URLs":   base64.RawURLEncoding.EncodeToString([]byte("you:" + canary)),
	} {
		got := r.Text(text)
		if !strings.Contains(got, Masked) || strings.Contains(got, "c&n") || strings.Contains(got, "ml") {
			t.Errorf("%s: %s becomes %s", name, text, got)
		}
	}
}

func TestWhatBelongsToAValue(t *testing.T) {
	var r Redactor
	r.Add("postgres://me:pass%20word@db/orders", "-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG9w0B\nshort\n-----END KEY-----", "abc", "", "Bearer t0ken-1")
	for text, want := range map[string]string{
		"me, pass word":                  "me, ***",
		"pass%20word":                    "***",
		"line MIIEvQIBADANBgkqhkiG9w0B.": "line ***.",
		"token t0ken-1":                  "token ***",
		"abc and short":                  "abc and short",
	} {
		if got := r.Text(text); got != want {
			t.Errorf("%s: %s", text, got)
		}
	}
	var none *Redactor
	none.Add("x")
	if got := none.Text("text"); got != "text" {
		t.Error(got)
	}
}

func TestTheLongerOfTwoIsTaken(t *testing.T) {
	var r Redactor
	r.Add("secret")
	r.Add("secret-and-more")
	if got := r.Text("secret-and-more, secret"); got != "***, ***" {
		t.Error(got)
	}
}

func TestErrorsKeepTheirCauses(t *testing.T) {
	var r Redactor
	r.Add("s3cret")
	inner := &Error{Name: "env:X", Err: io.ErrUnexpectedEOF}
	err := r.Error(fmt.Errorf("login with s3cret: %w", inner))
	var found *Error
	if err.Error() != "login with ***: "+inner.Error() || !errors.Is(err, io.ErrUnexpectedEOF) || !errors.As(err, &found) {
		t.Errorf("%v", err)
	}
	if plain := errors.New("nothing"); r.Error(plain) != plain || r.Error(nil) != nil {
		t.Error("an error without a secret is not the same")
	}
}

type shown struct{ Password string }

func (s shown) String() string { return "shown " + s.Password }

func TestLogLines(t *testing.T) {
	var out bytes.Buffer
	var r Redactor
	below := zapcore.NewCore(zapcore.NewJSONEncoder(zap.NewDevelopmentEncoderConfig()), zapcore.AddSync(&out), zap.DebugLevel)
	r.Add("s3cret")
	log := zap.New(r.Core(below)).With(zap.String("with", "s3cret"))
	log.Info("message s3cret",
		zap.String("string", "s3cret"), zap.Error(errors.New("s3cret")), zap.Any("any", shown{"s3cret"}), zap.Stringer("stringer", &shown{"s3cret"}),
		zap.Strings("strings", []string{"a", "s3cret"}), zap.ByteString("bytes", []byte("s3cret")), zap.Reflect("reflected", map[string]any{"p": "s3cret"}),
		zap.Dict("dict", zap.String("p", "s3cret")), zap.Errors("errors", []error{errors.New("s3cret")}), zap.Int("n", 7), zap.NamedError("nil", nil))
	if text := out.String(); strings.Contains(text, "s3cret") || strings.Count(text, Masked) < 11 || !strings.Contains(text, `"n":7`) {
		t.Error(text)
	}
}

const schema = `{
  "type": "object",
  "properties": {
    "host": {"type": "string"},
    "password": {"type": "string", "secret": true},
    "auth": {"oneOf": [{"$ref": "#/$defs/token"}, {"properties": {"user": {}, "keys": {"type": "array", "items": {"secret": true}}}}]},
    "headers": {"additionalProperties": {"secret": true}},
    "loop": {"$ref": "#"}
  },
  "$defs": {"token": {"properties": {"to~ken": {"secret": true}}}}
}`

func TestMembersThatTheirSchemaMarks(t *testing.T) {
	const config = `{"host":"db","password":"p1","auth":{"to~ken":"t1","user":"u","keys":["k1","${env:K}"]},"headers":{"a/b":"h1","n":12},"loop":{"password":"p2","loop":{}}}`
	got := string(Mask(json.RawMessage(schema), json.RawMessage(config)))
	want := `{"auth":{"keys":["***","${env:K}"],"to~ken":"***","user":"u"},"headers":{"a/b":"***","n":"***"},"host":"db","loop":{"loop":{},"password":"***"},"password":"***"}`
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got, want := fmt.Sprint(Literals(json.RawMessage(schema), json.RawMessage(config))), "[/auth/to~0ken /auth/keys/0 /headers/a~1b /headers/n /loop/password /password]"; got != want {
		t.Errorf("literals %s, want %s", got, want)
	}
	whole := json.RawMessage(`{"properties":{"tokens":{"type":"array","secret":true},"headers":{"secret":true}}}`)
	if got, want := string(Mask(whole, json.RawMessage(`{"headers":{"a":"x1","b":"${env:B}"},"tokens":["t1","${file:t}"]}`))), `{"headers":{"a":"***","b":"${env:B}"},"tokens":["***","${file:t}"]}`; got != want {
		t.Errorf("whole lists and objects: %s", got)
	}
	named := `{"host":"db","password":"${env:PW}"}`
	if got := Mask(json.RawMessage(schema), json.RawMessage(named)); string(got) != named {
		t.Errorf("a name was masked: %s", got)
	}
	if got := Values(json.RawMessage(schema), json.RawMessage(`{"password":"p1"}`)); len(got) == 0 || got[0] != "p1" {
		t.Errorf("values %q", got)
	}
}

// A URL that holds its password beside a placeholder holds a secret.
func TestURLsWithALiteralPassword(t *testing.T) {
	of := json.RawMessage(`{"properties":{"url":{"secret":true}}}`)
	for config, literal := range map[string]bool{
		`{"url":"postgres://me:word@${env:HOST}/db"}`:      true,
		`{"url":"postgres://me:${env:PW}@${env:HOST}/db"}`: false,
		`{"url":"postgres://${env:USER}@host:5432/db"}`:    false,
		`{"url":"postgres://me:word@host/db"}`:             true,
	} {
		if got := len(Literals(of, json.RawMessage(config))) > 0; got != literal {
			t.Errorf("%s: %t", config, got)
		}
	}
}

func FuzzRedact(f *testing.F) {
	f.Add("s3cret", "before", "after")
	f.Add("a\"b\\c", "x", "y")
	f.Add("\x00\xff\xfe%", "1", "2")
	f.Fuzz(func(t *testing.T, value, before, after string) {
		if len(value) < 12 {
			return
		}
		var r Redactor
		r.Add(value)
		for _, text := range []string{value, url.QueryEscape(value), fmt.Sprintf("%q", value)} {
			if got := r.Text(before + text + after); strings.Contains(got, text) && !strings.Contains(before+Masked+after, text) {
				t.Fatalf("%q stands in %q", text, got)
			}
		}
		encoded := base64.StdEncoding.EncodeToString([]byte(before + value + after))
		if got := r.Text(encoded); got == encoded {
			t.Fatalf("%q in base64 was not found: %s", value, encoded)
		}
	})
}

// Of a URL only what may be secret is hidden: the rest says where it leads.
func TestURLs(t *testing.T) {
	schema := json.RawMessage(`{"properties":{"hook":{"secret":"url"},"servers":{"secret":"user"}}}`)
	for _, c := range []struct{ member, url, shown, known string }{
		{"hook", "https://hooks.example/in/orders?wait=true", "https://hooks.example/in/orders?wait=***", ""},
		{"hook", "https://me:pa%2Fss@hooks.example/in", "https://me:***@hooks.example/in", "pa%2Fss pa/ss"},
		{"hook", "https://t0ken@hooks.example", "https://***@hooks.example", "t0ken"},
		{"hook", "https://hooks.example/T0/B0/XXXXXXXX0000XXXX?key=0123456789abcdef&v=1#x", "https://hooks.example/T0/B0/***?key=***&v=***#x", "XXXXXXXX0000XXXX 0123456789abcdef"},
		{"hook", "https://me:${file:a/b}@${env:HOST}/${env:PATH}?key=${env:KEY}", "https://me:${file:a/b}@${env:HOST}/${env:PATH}?key=${env:KEY}", ""},
		{"hook", "https://me:word@${env:HOST}/${env:PATH}?wait=1", "https://me:***@${env:HOST}/${env:PATH}?wait=***", "word"},
		{"servers", "nats://a:4222,nats://u:word@b:4222", "nats://a:4222,nats://u:***@b:4222", "word"},
		{"servers", "s3://b/in?endpoint=http://id:word@h/0123456789abcdef", "s3://b/in?endpoint=http://id:***@h/0123456789abcdef", "word"},
		{"servers", "plain", "plain", ""},
	} {
		config, err := encode(map[string]any{c.member: c.url})
		if err != nil {
			t.Fatal(err)
		}
		want, err := encode(map[string]any{c.member: c.shown})
		if err != nil {
			t.Fatal(err)
		}
		if got := Mask(schema, config); string(got) != string(want) {
			t.Errorf("%s is shown as %s, want %s", c.url, got, want)
		}
		literal := Literals(schema, config)
		if (len(literal) > 0) != (c.known != "") {
			t.Errorf("%s: literal: %q", c.url, literal)
		}
		if strings.Contains(c.url, "${") {
			continue // values are taken of what names stand for
		}
		if got := strings.Join(Values(schema, config), " "); got != c.known {
			t.Errorf("%s: values %q, want %q", c.url, got, c.known)
		}
	}
}
