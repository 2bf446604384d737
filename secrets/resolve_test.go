package secrets

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// store has a few variables and a directory with a few files.
func store(t *testing.T) *Store {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"password": "from a file\n", "windows": "crlf\r\n", "lines": "one\ntwo\n\n", "large": strings.Repeat("x", maxFile+1), "binary": "\xff", "..data/token": "linked"} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	// As orchestrators mount secrets.
	if err := os.Symlink(filepath.Join("..data", "token"), filepath.Join(dir, "token")); err != nil {
		t.Fatal(err)
	}
	variables := map[string]string{"PW": "s3cret", "EMPTY": "", "NATS_PASSWORD": "no"}
	return &Store{Dir: dir, Lookup: func(name string) (string, bool) {
		value, ok := variables[name]
		return value, ok
	}}
}

func TestResolve(t *testing.T) {
	s := store(t)
	for config, want := range map[string]string{
		`{"a":1.50,"b":"plain"}`:                                     `{"a":1.50,"b":"plain"}`,
		`{"password":"${env:PW}"}`:                                   `{"password":"s3cret"}`,
		`{"url":"postgres://me:${env:PW}@db/${env:PW}?a=1&b=2"}`:     `{"url":"postgres://me:s3cret@db/s3cret?a=1&b=2"}`,
		`{"deep":[{"x":"${file:password}"},1e400,"${env:EMPTY}"]}`:   `{"deep":[{"x":"from a file"},1e400,""]}`,
		`{"w":"${file:windows}","l":"${file:lines}"}`:                `{"l":"one\ntwo\n","w":"crlf"}`,
		`{"t":"${file:token}"}`:                                      `{"t":"linked"}`,
		`{"text":"$${env:PW}"}`:                                      `{"text":"${env:PW}"}`,
		`{"text":"$$${env:PW} ${other:PW} ${env:} ${env:PW ${} $$"}`: `{"text":"$${env:PW} ${other:PW} ${env:} ${env:PW ${} $$"}`,
	} {
		got, _, err := s.Resolve(json.RawMessage(config))
		if err != nil || string(got) != want {
			t.Errorf("%s: %s, %v, want %s", config, got, err, want)
		}
	}
	_, values, err := s.Resolve(json.RawMessage(`["${file:password}","${env:PW}","$${env:PW}"]`))
	if err != nil || !slices.Equal(values, []string{"from a file", "s3cret"}) {
		t.Errorf("values %q, %v", values, err)
	}
}

func TestResolveSaysWhatIsMissing(t *testing.T) {
	for name, c := range map[string]struct {
		config, want string
		change       func(*Store)
	}{
		"no variable":            {`{"a":{"b":"${env:NONE}"}}`, "secret ${env:NONE} at /a/b: the environment variable NONE is not on this machine: set it", nil},
		"no file":                {`{"a":"${file:none}"}`, "secret ${file:none} at /a: the file none is not on this machine: make it", nil},
		"Weir's own":             {`{"a":"${env:NATS_PASSWORD}"}`, "NATS_PASSWORD may not be used by catalogs here: start the worker with --secrets-env NATS_PASSWORD", nil},
		"not listed":             {`{"a":"${env:PW}"}`, "PW may not be used", func(s *Store) { s.Env = []string{"PG_*", "P"} }},
		"too large":              {`{"a":"${file:large}"}`, "is larger than 65536 bytes", nil},
		"binary":                 {`{"a":"${file:binary}"}`, "is no UTF-8 text", nil},
		"a directory":            {`{"a":"${file:..data}"}`, "is a directory", nil},
		"outside, by its path":   {`{"a":"${file:/etc/hostname}"}`, "is not in the directory of secrets", func(s *Store) { s.Confined = true }},
		"outside, by dots":       {`{"a":"${file:../password}"}`, "cannot be read", func(s *Store) { s.Confined, s.Dir = true, filepath.Join(s.Dir, "..data") }},
		"several faults at once": {`{"a":"${env:A} ${env:B}"}`, "${env:B} at /a", nil},
	} {
		t.Run(name, func(t *testing.T) {
			s := store(t)
			if c.change != nil {
				c.change(s)
			}
			_, _, err := s.Resolve(json.RawMessage(c.config))
			var fault *Error
			if err == nil || !strings.Contains(err.Error(), c.want) || !errors.As(err, &fault) {
				t.Errorf("%v, want %s", err, c.want)
			}
		})
	}
}

// What is absent can be told from what may not be used: only the first is for
// another machine to look at.
func TestAbsent(t *testing.T) {
	s := store(t)
	for config, want := range map[string]bool{`["${env:NONE}"]`: true, `["${file:none}"]`: true, `["${env:NATS_PASSWORD}"]`: false, `["${file:large}"]`: false} {
		if _, _, err := s.Resolve(json.RawMessage(config)); errors.Is(err, ErrAbsent) != want {
			t.Errorf("%s: %v", config, err)
		}
	}
}

func TestStoresThatAreConfined(t *testing.T) {
	s := store(t)
	s.Confined, s.Env = true, []string{"P*"}
	got, _, err := s.Resolve(json.RawMessage(`["${file:password}","${file:token}","${file:` + s.Dir + `/password}","${env:PW}"]`))
	if want := `["from a file","linked","from a file","s3cret"]`; err != nil || string(got) != want {
		t.Errorf("%s, %v", got, err)
	}
	outside := filepath.Join(t.TempDir(), "outside")
	if err := os.WriteFile(outside, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, filepath.Join(s.Dir, "link")); err != nil {
		t.Fatal(err)
	}
	if got, _, err := s.Resolve(json.RawMessage(`["${file:link}"]`)); err == nil {
		t.Errorf("a link leads out: %s", got)
	}
}

func FuzzResolve(f *testing.F) {
	f.Add(`${env:PW}`)
	f.Add(`$${env:PW}$$${file:x}${`)
	f.Add(`${env:${env:PW}}`)
	s := &Store{Lookup: func(string) (string, bool) { return "value", true }, Env: []string{"*"}}
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Contains(text, "file:") { // no files
			return
		}
		config, err := json.Marshal(map[string]string{"x": text})
		if err != nil {
			return
		}
		resolved, _, err := s.Resolve(config)
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		var back map[string]string
		if err := json.Unmarshal(resolved, &back); err != nil {
			t.Fatalf("%q: %v", resolved, err)
		}
		if !Uses(config) && !strings.Contains(text, "$${env:") && string(resolved) != string(config) {
			t.Fatalf("%q without a secret became %q", text, back["x"])
		}
	})
}
