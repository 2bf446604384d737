package secrets

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"
)

// Kinds of what a placeholder names.
const (
	kindEnv  = "env"
	kindFile = "file"
)

const maxFile = 64 << 10 // bytes of a file with a secret

// ErrAbsent says that a secret is not on this machine; others say that it may
// not be used, or cannot be read.
var ErrAbsent = errors.New("is not on this machine")

// Error is a placeholder whose value there is none of.
type Error struct {
	Pointer string // in the configuration
	Name    string // as it was written, without ${ and }
	Err     error
	Fix     string
}

func (e *Error) Error() string {
	what := "the environment variable"
	kind, name, _ := strings.Cut(e.Name, ":")
	if kind == kindFile {
		what = "the file"
	}
	return fmt.Sprintf("secret ${%s} at %s: %s %s %v: %s", e.Name, e.Pointer, what, name, e.Err, e.Fix)
}

func (e *Error) Unwrap() error { return e.Err }

// Store finds secrets on this machine. Its zero value reads every environment
// variable and every file. It holds no values.
type Store struct {
	// Env lists the names of variables that may be used, where a name may end in
	// * for all that begin so. Nil: all but those that Weir's own connection is
	// made with.
	Env []string
	// Dir is the directory of files; empty: nobody knows what relative paths are
	// relative to, and their files are absent. With Confined no other file is read,
	// whatever a path or a link in it says.
	Dir      string
	Confined bool
	// Lookup replaces os.LookupEnv; nil: that.
	Lookup func(name string) (string, bool)
}

// own are variables that let their reader in where Weir keeps everything.
var own = []string{"NATS_*", "WEIR_*"}

// Resolve puts values in place of the placeholders in the strings of a
// configuration, a JSON value, and gives those values. A configuration without
// any comes back as it is. $${env:..} stands for the text ${env:..}. The error
// joins one *Error for each placeholder without a value.
func (s *Store) Resolve(config json.RawMessage) (resolved json.RawMessage, values []string, err error) {
	root, err := decode(config)
	if err != nil {
		return nil, nil, err
	}
	var faults []error
	changed := false
	root = walk(root, "", func(pointer, text string) string {
		out, found, errs := s.expand(pointer, text)
		values, faults = append(values, found...), append(faults, errs...)
		changed = changed || out != text
		return out
	})
	if len(faults) > 0 {
		return nil, nil, errors.Join(faults...)
	}
	if !changed {
		return config, values, nil
	}
	resolved, err = encode(root)
	return resolved, values, err
}

// Uses says whether a configuration has placeholders.
func Uses(config json.RawMessage) bool {
	names := Names(config)
	return len(names) > 0
}

// Names lists the placeholders of a configuration, each once, without ${ and }.
func Names(config json.RawMessage) []string {
	root, err := decode(config)
	if err != nil {
		return nil
	}
	var names []string
	walk(root, "", func(_, text string) string {
		for _, p := range split(text) {
			if p.name != "" && !slices.Contains(names, p.name) {
				names = append(names, p.name)
			}
		}
		return text
	})
	return names
}

// expand puts values into one string.
func (s *Store) expand(pointer, text string) (out string, values []string, faults []error) {
	var b strings.Builder
	for _, p := range split(text) {
		if p.name == "" {
			b.WriteString(p.text)
			continue
		}
		value, fix, err := s.find(p.name)
		if err != nil {
			faults = append(faults, &Error{Pointer: pointer, Name: p.name, Err: err, Fix: fix})
			continue
		}
		values = append(values, value)
		b.WriteString(value)
	}
	return b.String(), values, faults
}

// piece is a part of a string: text as it stands, or the name of a secret.
type piece struct{ text, name string }

// split takes a string apart. What only looks like a placeholder is text.
func split(text string) (pieces []piece) {
	start := 0
	for at := 0; ; {
		next := strings.Index(text[at:], "${")
		if next < 0 {
			break
		}
		at += next
		name, _, closed := strings.Cut(text[at+2:], "}")
		kind, rest, named := strings.Cut(name, ":")
		if !closed || !named || rest == "" || strings.ContainsAny(rest, "${\n") || kind != kindEnv && kind != kindFile {
			at += 2
			continue
		}
		end := at + 2 + len(name) + 1
		if at > start && text[at-1] == '$' { // $${..} is the text ${..}
			pieces = append(pieces, piece{text: text[start : at-1]}, piece{text: text[at:end]})
		} else {
			pieces = append(pieces, piece{text: text[start:at]}, piece{name: name})
		}
		start, at = end, end
	}
	return append(pieces, piece{text: text[start:]})
}

// find gives the value of a secret; its error says what is wrong with it, and
// fix what to do.
func (s *Store) find(name string) (value, fix string, err error) {
	kind, name, _ := strings.Cut(name, ":")
	if kind == kindFile {
		return s.file(name)
	}
	if !s.allows(name) {
		return "", "start the worker with --secrets-env " + name + " to allow it", errors.New("may not be used by catalogs here")
	}
	lookup := s.Lookup
	if lookup == nil {
		lookup = os.LookupEnv
	}
	value, ok := lookup(name)
	if !ok {
		return "", "set it where this program starts, and start it again", ErrAbsent
	}
	return value, "", nil
}

func (s *Store) allows(name string) bool {
	if s.Env == nil {
		return !slices.ContainsFunc(own, func(pattern string) bool { return matches(pattern, name) })
	}
	return slices.ContainsFunc(s.Env, func(pattern string) bool { return matches(pattern, name) })
}

func matches(pattern, name string) bool {
	prefix, open := strings.CutSuffix(pattern, "*")
	return name == pattern || open && strings.HasPrefix(name, prefix)
}

// file reads a secret from a file. Its last line end is no part of it.
func (s *Store) file(name string) (value, fix string, err error) {
	f, fix, err := s.open(name)
	if err != nil {
		return "", fix, err
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.IsDir() {
		return "", "name a file in it", errors.New("is a directory")
	}
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	switch {
	case err != nil:
		return "", "let the user that runs this program read it", fmt.Errorf("cannot be read: %w", err)
	case len(data) > maxFile:
		return "", "name a file that holds the secret and nothing else", fmt.Errorf("is larger than %d bytes", maxFile)
	case !utf8.Valid(data):
		return "", "encode it, as in base64, if the endpoint takes that", errors.New("is no UTF-8 text")
	}
	text, _ := bytes.CutSuffix(data, []byte("\n"))
	text, _ = bytes.CutSuffix(text, []byte("\r"))
	return string(text), "", nil
}

// open opens a file, within the directory only if the store is confined to it.
func (s *Store) open(name string) (f *os.File, fix string, err error) {
	if s.Confined {
		root, err := os.OpenRoot(s.Dir)
		if err == nil {
			defer root.Close()
			inside := name
			if filepath.IsAbs(name) {
				if inside, err = filepath.Rel(s.Dir, name); err != nil || !filepath.IsLocal(inside) {
					return nil, "put it there, or start the worker with --secrets-dir for its directory", fmt.Errorf("is not in the directory of secrets, %s", s.Dir)
				}
			}
			f, err = root.Open(path.Clean(filepath.ToSlash(inside)))
		}
		return f, "make it in " + s.Dir + ", or start the worker with --secrets-dir for another directory", absent(err)
	}
	if !filepath.IsAbs(name) {
		if s.Dir == "" {
			return nil, "name it by its whole path, or say which directory it is in", ErrAbsent
		}
		name = filepath.Join(s.Dir, name)
	}
	f, err = os.Open(name)
	return f, "make it, and let the user that runs this program read it; a relative path is relative to " + s.Dir, absent(err)
}

// absent leaves the path out of an error: who reads it knows the name.
func absent(err error) error {
	var failed *fs.PathError
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrNotExist):
		return ErrAbsent
	case errors.As(err, &failed):
		return fmt.Errorf("cannot be read: %w", failed.Err)
	}
	return fmt.Errorf("cannot be read: %w", err)
}

// decode reads a JSON value; numbers keep their text.
func decode(config json.RawMessage) (root any, err error) {
	d := json.NewDecoder(bytes.NewReader(config))
	d.UseNumber()
	if err := d.Decode(&root); err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	return root, nil
}

func encode(root any) (json.RawMessage, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(root); err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// walk replaces every string of a JSON value, in the order of members' names.
func walk(node any, pointer string, fn func(pointer, text string) string) any {
	switch v := node.(type) {
	case string:
		return fn(pointer, v)
	case []any:
		for i := range v {
			v[i] = walk(v[i], fmt.Sprintf("%s/%d", pointer, i), fn)
		}
	case map[string]any:
		for _, name := range sorted(v) {
			v[name] = walk(v[name], pointer+"/"+escape(name), fn)
		}
	}
	return node
}

func escape(token string) string {
	return strings.NewReplacer("~", "~0", "/", "~1").Replace(token)
}
