package objects_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"gocloud.dev/blob/memblob"

	"weir/internal/objects"
	"weir/internal/weirtest"
)

// each runs a test for each kind of store.
func each(t *testing.T, test func(t *testing.T, s *objects.Store)) {
	t.Run("directory", func(t *testing.T) {
		s, err := objects.Open(t.Context(), objects.Location{URL: "objects"}, t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		test(t, s)
	})
	t.Run("bucket", func(t *testing.T) {
		test(t, objects.NewBucket(memblob.OpenBucket(nil), "mem://", "below"))
	})
	t.Run("s3", func(t *testing.T) {
		address, credentials := weirtest.S3(t)
		l := objects.Location{URL: address}
		if err := json.Unmarshal([]byte(credentials), &l.Credentials); err != nil {
			t.Fatal(err)
		}
		s, err := objects.Open(t.Context(), l, "")
		if err != nil {
			t.Fatal(err)
		}
		test(t, s)
	})
}

func create(t *testing.T, s *objects.Store, key, content string) {
	t.Helper()
	w, err := s.Create(t.Context(), key)
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

func read(t *testing.T, s *objects.Store, key string, offset int64) string {
	t.Helper()
	r, err := s.Read(t.Context(), key, offset)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	content, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func list(t *testing.T, s *objects.Store, prefix string) (found map[string]objects.Object, keys []string) {
	t.Helper()
	found = map[string]objects.Object{}
	err := s.List(t.Context(), prefix, func(o objects.Object) error {
		found[o.Key] = o
		keys = append(keys, o.Key)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(keys)
	return found, keys
}

func TestStores(t *testing.T) {
	each(t, func(t *testing.T, s *objects.Store) {
		create(t, s, "a/b/one.jsonl", "first")
		create(t, s, "a/b/one.jsonl", "hello")
		create(t, s, "a/b=1/two words: \"q\".jsonl", "x")
		create(t, s, "c", "y")
		found, keys := list(t, s, "")
		if want := []string{"a/b/one.jsonl", "a/b=1/two words: \"q\".jsonl", "c"}; !slices.Equal(keys, want) {
			t.Errorf("lists %q, want %q", keys, want)
		}
		if o := found["a/b/one.jsonl"]; o.Size != 5 || o.Changed.IsZero() || o.Written.IsZero() || o.Version == "" {
			t.Errorf("%+v", o)
		}
		if _, keys := list(t, s, "a/b/o"); len(keys) != 1 {
			t.Errorf("lists %q below a/b/o", keys)
		}
		if _, keys := list(t, s, "no/where/"); len(keys) != 0 {
			t.Errorf("lists %q below no/where/", keys)
		}
		stop := errors.New("stop")
		if err := s.List(t.Context(), "", func(objects.Object) error { return stop }); !errors.Is(err, stop) {
			t.Errorf("an error of the receiver gives %v", err)
		}
		for offset, want := range map[int64]string{0: "hello", 2: "llo", 5: "", 50: ""} {
			if got := read(t, s, "a/b/one.jsonl", offset); got != want {
				t.Errorf("from %d: %q, want %q", offset, got, want)
			}
		}
		if _, err := s.Read(t.Context(), "nothing", 0); !objects.Missing(err) {
			t.Errorf("an object that is not there: %v", err)
		}
		if err := s.Move(t.Context(), "a/b/one.jsonl", "d/one"); err != nil {
			t.Fatal(err)
		}
		for _, key := range []string{"c", "c"} {
			if err := s.Remove(t.Context(), key); err != nil {
				t.Fatal(err)
			}
		}
		if _, keys := list(t, s, ""); !slices.Equal(keys, []string{"a/b=1/two words: \"q\".jsonl", "d/one"}) {
			t.Errorf("lists %q in the end", keys)
		}
		if err := s.Move(t.Context(), "a/b/one.jsonl", "d/one"); !objects.Missing(err) {
			t.Errorf("move of what is gone: %v", err)
		}
		if read(t, s, "d/one", 0) != "hello" {
			t.Error("the moved object changed")
		}
	})
}

func TestAbortedObjectsDoNotAppear(t *testing.T) {
	each(t, func(t *testing.T, s *objects.Store) {
		w, err := s.Create(t.Context(), "a")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, strings.Repeat("x", 100_000)); err != nil {
			t.Fatal(err)
		}
		if _, keys := list(t, s, ""); len(keys) != 0 {
			t.Errorf("an object that is being written is listed: %q", keys)
		}
		w.Abort()
		if _, keys := list(t, s, ""); len(keys) != 0 {
			t.Errorf("an aborted object is listed: %q", keys)
		}
		create(t, s, "a", "x")
		w, _ = s.Create(t.Context(), "a")
		if err := w.Commit(); err != nil {
			t.Fatal(err)
		}
		w.Abort()
		if got := read(t, s, "a", 0); got != "" {
			t.Errorf("an abort after a commit leaves %q", got)
		}
	})
}

// Of those who make an object at once one succeeds, and what it wrote stays.
func TestCreateNewOnce(t *testing.T) {
	each(t, func(t *testing.T, s *objects.Store) {
		var made atomic.Int64
		var all sync.WaitGroup
		for i := range 8 {
			all.Go(func() {
				err := s.CreateNew(t.Context(), "d/one", []byte{'0' + byte(i)})
				if err == nil {
					made.Store(int64('0' + i))
				} else if !errors.Is(err, objects.ErrExists) {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if got := read(t, s, "d/one", 0); got != string(rune(made.Load())) {
			t.Errorf("the object holds %q, who made it wrote %q", got, rune(made.Load()))
		}
		if _, keys := list(t, s, ""); len(keys) != 1 {
			t.Errorf("left are %q", keys)
		}
	})
}

// A file that a killed process was writing is not listed, and goes at the next
// opening.
func TestLeftovers(t *testing.T) {
	dir := t.TempDir()
	s, err := objects.Open(t.Context(), objects.Location{URL: "file://" + dir}, "")
	if err != nil {
		t.Fatal(err)
	}
	create(t, s, "d/a", "x")
	if err := os.WriteFile(filepath.Join(dir, "d", ".weir-tmp-123"), []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, keys := list(t, s, ""); !slices.Equal(keys, []string{"d/a"}) {
		t.Errorf("lists %q", keys)
	}
	for _, folder := range []string{"d", "nothing"} {
		if err := s.CleanFolder(folder); err != nil {
			t.Fatal(err)
		}
	}
	entries, err := os.ReadDir(filepath.Join(dir, "d"))
	if err != nil || len(entries) != 1 {
		t.Errorf("%v, %v", entries, err)
	}
}

// Credentials that a server does not know stay unknown: it says so with codes of
// its own, and with the status 403.
func TestUnknownCredentialsDoNotPass(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/xml")
		w.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(w, `<Error><Code>InvalidAccessKeyId</Code><Message>unknown</Message></Error>`)
	}))
	t.Cleanup(server.Close)
	l := objects.Location{URL: "s3://acme?region=x&use_path_style=true&endpoint=" + server.URL}
	if err := json.Unmarshal([]byte(`{"accessKeyId":"a","secretAccessKey":"b"}`), &l.Credentials); err != nil {
		t.Fatal(err)
	}
	s, err := objects.Open(t.Context(), l, "")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err = s.Read(t.Context(), "x", 0); err == nil || objects.Passes(err) {
		t.Errorf("passes: %v", err)
	}
}
