package files

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"gocloud.dev/blob"
	"gocloud.dev/blob/memblob"

	"weir/catalog"
	"weir/document"
	"weir/internal/objects"
	"weir/internal/weirtest"
	"weir/schema"
	"weir/sinks"
	"weir/sinks/sinkstest"
)

func TestMain(m *testing.M) {
	weirtest.Main(m, map[string]func() int{"writer": writer})
}

// harness is that of a sink that writes lines to a store.
func harness(sink Sink, config, dir string, compression objects.Compression, store func() *objects.Store) sinkstest.Harness {
	return sinkstest.Harness{
		Sink: sink, Config: json.RawMessage(config), DataDir: dir, DeltaOnly: true, Appends: true,
		Resource: func(name string, delta bool) json.RawMessage {
			text, _ := json.Marshal(map[string]any{"path": url.PathEscape(name), "compression": compression})
			return text
		},
		Documents:   func(t *testing.T, name string) []string { return lines(t, store(), url.PathEscape(name)+"/") },
		Secret:      "hidden-secret",
		Unreachable: json.RawMessage(`{"url":"s3://acme?region=x&endpoint=http://127.0.0.1:1","credentials":{"accessKeyId":"id","secretAccessKey":"hidden-secret"}}`),
	}
}

func TestConformance(t *testing.T) {
	t.Run("directory", func(t *testing.T) {
		sinkstest.Conformance(t, func(t *testing.T) sinkstest.Harness {
			dir := t.TempDir()
			return harness(New(), `{"url":"out","interval":"0s"}`, dir, objects.Zstd, func() *objects.Store { return openDir(t, filepath.Join(dir, "out")) })
		})
	})
	t.Run("bucket", func(t *testing.T) {
		sinkstest.Conformance(t, func(t *testing.T) sinkstest.Harness {
			bucket := memblob.OpenBucket(nil)
			sink := New()
			sink.open = func(_ context.Context, l objects.Location, _ string) (*objects.Store, error) {
				if strings.HasPrefix(l.URL, "s3:") {
					return objects.Open(t.Context(), l, "")
				}
				return sharedBucket(bucket), nil
			}
			h := harness(sink, `{"url":"out"}`, "", objects.None, func() *objects.Store { return sharedBucket(bucket) })
			h.Unreachable = nil // as above
			return h
		})
	})
}

// sharedBucket is a store that leaves its bucket open when it is closed.
func sharedBucket(b *blob.Bucket) *objects.Store {
	return objects.NewBucket(blob.PrefixedBucket(b, "x/"), "mem://shared", "")
}

func openDir(t testing.TB, dir string) *objects.Store {
	t.Helper()
	s, err := objects.Open(t.Context(), objects.Location{URL: dir}, "")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// read gives the content of the data files below a prefix, by their names.
func read(t testing.TB, s *objects.Store, prefix string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := s.List(t.Context(), prefix, func(o objects.Object) error {
		if strings.HasPrefix(o.Key, controlFolder+"/") {
			return nil
		}
		r, err := s.Read(t.Context(), o.Key, 0)
		if err != nil {
			return err
		}
		defer r.Close()
		c, _ := objects.CompressionOf(o.Key)
		plain, err := objects.Decompress(r, c)
		if err != nil {
			return err
		}
		content, err := io.ReadAll(plain)
		out[o.Key] = string(content)
		return err
	})
	if err != nil && !objects.Missing(err) {
		t.Fatal(err)
	}
	return out
}

// lines gives the documents below a prefix, without the marks of deletions.
func lines(t testing.TB, s *objects.Store, prefix string) (docs []string) {
	t.Helper()
	for _, content := range read(t, s, prefix) {
		for line := range strings.Lines(content) {
			docs = append(docs, strings.Replace(strings.TrimSpace(line), `"_meta":{"op":"d"},`, "", 1))
		}
	}
	return docs
}

// shard is a shard of one binding.
type shard struct {
	t       testing.TB
	sink    Sink
	request sinks.OpenRequest
	pack    *document.Key
}

const thing = `{"type":"object","required":["id"],"properties":{"id":{"type":"integer"},"v":{"type":["string","null"]},"o":{"type":"object","properties":{"x":{"type":"number"}}}}}`

func newShard(t testing.TB, sink Sink, dir, resource string) *shard {
	t.Helper()
	compiled, err := schema.Compile(schema.Source{URL: "schema.json", Resources: map[string]json.RawMessage{"schema.json": json.RawMessage(thing)}})
	if err != nil {
		t.Fatal(err)
	}
	b := sinks.Binding{Resource: json.RawMessage(resource)}
	if b.Collection, err = sinks.Describe(&catalog.Collection{Name: "acmeCo/things", Key: []string{"/id"}}, compiled.Shape()); err != nil {
		t.Fatal(err)
	}
	config := json.RawMessage(`{"url":"out","interval":"0s"}`)
	v, err := sink.Validate(context.Background(), sinks.ValidateRequest{Task: "acmeCo/to", Config: config, DataDir: dir, Bindings: []sinks.Binding{b}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sinks.Complete(&b, v.Bindings[0], nil, 0); err != nil {
		t.Fatal(err)
	}
	pack, err := document.NewKey([]string{"/id"})
	if err != nil {
		t.Fatal(err)
	}
	return &shard{t: t, sink: sink, pack: pack, request: sinks.OpenRequest{Task: "acmeCo/to", Shard: "0-1", Config: config, DataDir: dir, Bindings: []sinks.Binding{b}}}
}

func (s *shard) open() (sinks.Session, string, error) {
	session, opened, err := s.sink.Open(context.Background(), s.request)
	return session, string(opened.Checkpoint), err
}

func (s *shard) row(doc string, at time.Time) sinks.Row {
	row := sinks.Row{Doc: new(document.Doc), Raw: []byte(doc), Published: at}
	err := row.Doc.Parse([]byte(doc))
	if err == nil {
		row.Key, err = s.pack.AppendPacked(nil, row.Doc, 0)
	}
	if err != nil {
		s.t.Fatal(err)
	}
	return row
}

var noon = time.Date(2026, 11, 26, 12, 30, 0, 0, time.UTC)

func TestNamesAndContents(t *testing.T) {
	for _, test := range []struct {
		resource string
		want     map[string]string
	}{
		{`{"path":"{collection}/utc_date={date}/utc_hour={hour}"}`, map[string]string{
			"acmeCo/things/utc_date=2026-11-26/utc_hour=12/1fca98db-0-1-0000000002-001.jsonl": "{\"id\":1,\"v\":\"a\"}\n{\"id\":2,\"v\":\"b,\\\"c\\\"\"}\n",
			"acmeCo/things/utc_date=2026-11-27/utc_hour=00/1fca98db-0-1-0000000002-002.jsonl": "{\"_meta\":{\"op\":\"d\"},\"id\":3,\"v\":null}\n",
			"acmeCo/things/utc_date=2026-11-26/utc_hour=12/1fca98db-0-1-0000000003-001.jsonl": "{\"id\":4,\"o\":{\"x\":1.50}}\n",
		}},
		{`{"path":"t","format":"csv","compression":"gzip"}`, map[string]string{
			"t/1fca98db-0-1-0000000002-001.csv.gz": "id,flow_published_at,o,v\n1,2026-11-26T12:30:00.000000000Z,,a\n2,2026-11-26T12:30:00.000000000Z,,\"b,\"\"c\"\"\"\n3,2026-11-27T00:30:00.000000000Z,,\n",
			"t/1fca98db-0-1-0000000003-001.csv.gz": "id,flow_published_at,o,v\n4,2026-11-26T12:30:00.000000000Z,\"{\"\"x\"\":1.50}\",\n",
		}},
	} {
		dir := t.TempDir()
		s := newShard(t, New(), dir, test.resource)
		session, _, err := s.open()
		if err != nil {
			t.Fatal(err)
		}
		deleted := s.row(`{"id":3,"v":null}`, noon.Add(12*time.Hour))
		deleted.Delete = true
		rows := []sinks.Row{s.row(`{"id":1,"v":"a"}`, noon), s.row("{\"id\":2,\n \"v\":\"b,\\\"c\\\"\"}", noon), deleted}
		for _, some := range [][]sinks.Row{rows, {s.row(`{"id":4,"o":{"x":1.50}}`, noon)}, nil} {
			if err := session.Store(t.Context(), 0, some); err != nil {
				t.Fatal(err)
			}
			if err := session.Commit(t.Context(), []byte("x")); err != nil {
				t.Fatal(err)
			}
		}
		session.Close()
		got := read(t, openDir(t, filepath.Join(dir, "out")), "")
		weirtest.Same(t, test.resource, got, test.want)
		left := tree(t, filepath.Join(dir, "out", controlFolder))
		if want := []string{"acmeCo=to/0-1/commits/00000000000000000004.json", "acmeCo=to/0-1/exclusive"}; !slices.Equal(left, want) {
			t.Errorf("left are %q, want %q", left, want)
		}
	}
}

// tree lists the files of a directory.
func tree(t testing.TB, dir string) (files []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			name, e := filepath.Rel(dir, path)
			files, err = append(files, filepath.ToSlash(name)), e
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// Somebody who slept while others committed, and whose next number was
// forgotten meanwhile, writes nothing.
func TestSleeper(t *testing.T) {
	dir := t.TempDir()
	s := newShard(t, New(), dir, `{"path":"t"}`)
	sleeper, _, err := s.open()
	if err != nil {
		t.Fatal(err)
	}
	if err := sleeper.Store(t.Context(), 0, []sinks.Row{s.row(`{"id":0}`, noon)}); err != nil {
		t.Fatal(err)
	}
	awake, _, err := s.open()
	if err != nil {
		t.Fatal(err)
	}
	for i := range 5 {
		if err := awake.Store(t.Context(), 0, []sinks.Row{s.row(fmt.Sprintf(`{"id":%d}`, i+1), noon)}); err != nil {
			t.Fatal(err)
		}
		if err := awake.Commit(t.Context(), fmt.Append(nil, i)); err != nil {
			t.Fatal(err)
		}
	}
	// Without files its commit goes as far as the number, which is free again.
	sleeper.(*session).open = nil
	if err := sleeper.Commit(t.Context(), []byte("asleep")); !errors.Is(err, sinks.ErrFenced) {
		t.Fatalf("the sleeper commits: %v", err)
	}
	if _, checkpoint, err := s.open(); err != nil || checkpoint != "4" {
		t.Errorf("checkpoint %q, %v", checkpoint, err)
	}
	if got := lines(t, openDir(t, filepath.Join(dir, "out")), "t/"); len(got) != 5 {
		t.Errorf("the files hold %q", got)
	}
}

// A transaction is broken off at each step, and the next session goes on from
// its checkpoint: every document is in one file once.
func TestCuts(t *testing.T) {
	steps := []string{"store", "stage", "commit", "publish", "forget"}
	for _, at := range steps {
		for nth := 1; nth <= 2; nth++ {
			t.Run(fmt.Sprint(at, nth), func(t *testing.T) {
				seen := 0
				sink := New()
				sink.step = func(step string) error {
					if step == at {
						if seen++; seen == nth {
							return errors.New("cut")
						}
					}
					return nil
				}
				dir := t.TempDir()
				s := newShard(t, sink, dir, `{"path":"t/{hour}"}`)
				cuts := 0
				for {
					err := write(s, 4)
					if err == nil {
						break
					}
					if cuts++; cuts > 1 {
						t.Fatal(err)
					}
				}
				if cuts == 0 {
					t.Error("nothing was cut")
				}
				exactly(t, dir, 4)
			})
		}
	}
}

// write writes transactions, of three documents in two files each, from the
// checkpoint on.
func write(s *shard, transactions int) error {
	session, checkpoint, err := s.open()
	if err != nil {
		return err
	}
	defer session.Close()
	next := 0
	if checkpoint != "" {
		if err := json.Unmarshal([]byte(checkpoint), &next); err != nil {
			return err
		}
	}
	for ; next < transactions; next++ {
		rows := make([]sinks.Row, 3)
		for i := range rows {
			rows[i] = s.row(fmt.Sprintf(`{"id":%d}`, next*3+i), noon.Add(time.Duration(i%2)*time.Hour))
		}
		if err := session.Store(context.Background(), 0, rows); err != nil {
			return err
		}
		if err := session.Commit(context.Background(), fmt.Append(nil, next+1)); err != nil {
			return err
		}
	}
	return nil
}

// exactly checks that the files hold every document once.
func exactly(t *testing.T, dir string, transactions int) {
	t.Helper()
	seen := map[string]int{}
	for _, doc := range lines(t, openDir(t, filepath.Join(dir, "out")), "t/") {
		seen[doc]++
	}
	for i := range transactions * 3 {
		if doc := fmt.Sprintf(`{"id":%d}`, i); seen[doc] != 1 {
			t.Errorf("%s is there %d times", doc, seen[doc])
		}
	}
	if len(seen) != transactions*3 {
		t.Errorf("%d documents of %d", len(seen), transactions*3)
	}
	for _, name := range tree(t, filepath.Join(dir, "out")) {
		if strings.Contains(name, "staging") || strings.Contains(name, "weir-tmp") {
			t.Errorf("%s is left", name)
		}
	}
}

const killTransactions = 40

// writer is a process that writes until all is written.
func writer() int {
	t := &testing.T{}
	s := newShard(t, New(), os.Getenv("WEIR_TEST_DIR"), `{"path":"t/{hour}"}`)
	for range 100 {
		if write(s, killTransactions) == nil {
			return 0
		}
	}
	return 1
}

// A process that writes is killed again and again; at last one comes to the
// end. The files hold every document once.
func TestKill(t *testing.T) {
	dir := t.TempDir()
	commits := filepath.Join(dir, "out", controlFolder, "acmeCo=to", "0-1", "commits")
	for kill := range 5 {
		child := weirtest.StartChild(t, "writer", "WEIR_TEST_DIR="+dir)
		for !committed(commits, 5+kill*7) && !child.Ended(time.Millisecond) {
			continue
		}
		child.Kill()
	}
	child := weirtest.StartChild(t, "writer", "WEIR_TEST_DIR="+dir)
	if !child.Ended(weirtest.Patience) {
		t.Fatal("the last process does not end: ", child.Output())
	}
	exactly(t, dir, killTransactions)
}

// committed says whether a commit of a number, or of a later one, was made.
func committed(dir string, n int) bool {
	entries, _ := os.ReadDir(dir) // not there before the first opening
	for _, e := range entries {
		if e.Name() >= fmt.Sprintf("%020d", n) {
			return true
		}
	}
	return false
}

func TestS3(t *testing.T) {
	address, credentials := weirtest.S3(t)
	config := json.RawMessage(`{"url":"` + address + `","interval":"0s","credentials":` + credentials + `}`)
	s := newShard(t, New(), t.TempDir(), `{"path":"t","compression":"gzip"}`)
	s.request.Config = config
	old, _, err := s.open()
	if err != nil {
		t.Fatal(err)
	}
	if err := old.Store(t.Context(), 0, []sinks.Row{s.row(`{"id":-1}`, noon)}); err != nil {
		t.Fatal(err)
	}
	if err := write(s, 3); err != nil {
		t.Fatal(err)
	}
	if err := old.Commit(t.Context(), []byte("old")); !errors.Is(err, sinks.ErrFenced) {
		t.Errorf("a fenced session: %v", err)
	}
	l := objects.Location{URL: address}
	if err := json.Unmarshal([]byte(credentials), &l.Credentials); err != nil {
		t.Fatal(err)
	}
	store, err := objects.Open(t.Context(), l, "")
	if err != nil {
		t.Fatal(err)
	}
	if got := lines(t, store, "t/"); len(got) != 9 {
		t.Errorf("the bucket holds %q", got)
	}
}

// A server that does not know conditional writes is refused before anything is
// committed.
func TestServersWithoutConditions(t *testing.T) {
	address, credentials := weirtest.S3(t)
	at, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	to, err := url.Parse(at.Query().Get("endpoint"))
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(to)
		r.Out.Header.Del("If-None-Match")
	}}
	server := httptest.NewServer(proxy)
	defer server.Close()
	s := newShard(t, New(), t.TempDir(), `{"path":"t"}`)
	s.request.Config = json.RawMessage(`{"url":"s3://acme?region=x&endpoint=` + server.URL + `","credentials":` + credentials + `}`)
	if _, _, err := s.open(); err == nil || !strings.Contains(err.Error(), "use a server that knows conditional writes") || errors.Is(err, sinks.ErrTransient) {
		t.Error(err)
	}
}

func TestConfigurations(t *testing.T) {
	for _, test := range []struct{ config, resource, want string }{
		{`{}`, `{"path":"x"}`, "url is missing"},
		{`{"url":".","interval":"-1s"}`, `{"path":"x"}`, "is no duration"},
		{`{"url":".","bytes":-1}`, `{"path":"x"}`, "bytes is -1"},
		{`{"url":"."}`, `{}`, "path is missing"},
		{`{"url":"."}`, `{"path":"{day}"}`, "known in braces are {collection}, {date}, {hour}"},
		{`{"url":"."}`, `{"path":"../x"}`, "is no folder below the url"},
		{`{"url":"."}`, `{"path":"/x"}`, "is no folder below the url"},
		{`{"url":"."}`, `{"path":"_weir/x"}`, "belongs to Weir itself"},
		{`{"url":"."}`, `{"path":"x","format":"parquet"}`, `format "parquet" is unknown`},
		{`{"url":"."}`, `{"path":"x","compression":"lz4"}`, `compression "lz4" is unknown`},
	} {
		_, err := New().Validate(t.Context(), sinks.ValidateRequest{DataDir: t.TempDir(), Config: json.RawMessage(test.config), Bindings: []sinks.Binding{{Resource: json.RawMessage(test.resource)}}})
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s %s: %v, want %s", test.config, test.resource, err, test.want)
		}
	}
}

// FuzzFields checks that a row that is written can be read.
func FuzzFields(f *testing.F) {
	f.Add("a", "")
	f.Add("\"", "x,\r\ny ")
	f.Fuzz(func(t *testing.T, a, b string) {
		row := append(append(appendField(nil, []byte(a)), ','), appendField(nil, []byte(b))...)
		var got [2]string
		for i := range got {
			if len(row) > 0 && row[0] == '"' {
				var text []byte
				rest := row[1:]
				for {
					n := bytes.IndexByte(rest, '"')
					if n < 0 {
						t.Fatalf("%q: a quote is open", row)
					}
					text = append(text, rest[:n]...)
					rest = rest[n+1:]
					if len(rest) == 0 || rest[0] != '"' {
						break
					}
					text, rest = append(text, '"'), rest[1:]
				}
				got[i], row = string(text), rest
			} else {
				text, rest, _ := bytes.Cut(row, []byte(","))
				got[i], row = string(text), append([]byte(","), rest...)
			}
			row = bytes.TrimPrefix(row, []byte(","))
		}
		if got != [2]string{a, b} {
			t.Fatalf("%q and %q are read as %q", a, b, got)
		}
	})
}
