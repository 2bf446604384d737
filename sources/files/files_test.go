package files

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"weir/catalog"
	"weir/collection"
	"weir/document"
	"weir/internal/objects"
	"weir/schema"
	"weir/sources"
	"weir/sources/sourcestest"
)

func TestConformance(t *testing.T) {
	sourcestest.Conformance(t, func(t *testing.T) sourcestest.Harness {
		dir := t.TempDir()
		var lines, rows []string
		brought := 0
		var text strings.Builder
		for i := range 1200 { // more than a batch holds
			lines = append(lines, fmt.Sprintf(`{"id":%d,"v":%q}`, i, strings.Repeat("x", i%50)))
			text.WriteString(lines[i] + "\n")
		}
		write(t, dir, "lines/a.jsonl", text.String())
		write(t, dir, "lines/b.jsonl.gz", compressed(t, objects.Gzip, `{"id":-1}`+"\n"))
		lines = append(lines, `{"id":-1}`)
		write(t, dir, "rows/a.csv", "id,v\n1,one\n2,\"t\"\"w,o\"\n")
		rows = append(rows, `{"id":"1","v":"one"}`, `{"id":"2","v":"t\"w,o"}`)
		return sourcestest.Harness{
			Source:  New(),
			Config:  json.RawMessage(`{"url":".","settle":"0s","interval":"10ms"}`),
			DataDir: dir,
			Bindings: []sources.Binding{
				{Resource: json.RawMessage(`{"match":"lines/**"}`), Collection: sources.Collection{Name: "acmeCo/lines", Key: []string{"/id"}}},
				{Resource: json.RawMessage(`{"match":"rows/*.csv"}`), Collection: sources.Collection{Name: "acmeCo/rows", Key: []string{"/id"}}},
			},
			Documents: [][]string{lines, rows},
			Bring: func(_ context.Context, binding int, doc string) error {
				brought++
				name := fmt.Sprintf("lines/later-%d.jsonl", brought)
				if binding == 1 {
					var d struct{ ID, V string }
					if err := json.Unmarshal([]byte(doc), &d); err != nil {
						return err
					}
					name, doc = fmt.Sprintf("rows/later-%d.csv", brought), "id,v\n"+d.ID+","+d.V
				}
				write(t, dir, name, doc+"\n")
				return nil
			},
			More: [][]string{{`{"id":"later"}`, `{"id":"latest"}`}, {`{"id":"8","v":"x"}`, `{"id":"9","v":"y"}`}},
			Big:  func(size int) string { return `{"id":"big","v":"` + strings.Repeat("b", size) + `"}` },
			Bad: func(t *testing.T) string {
				write(t, dir, "lines/z.jsonl", "this is bad\n")
				return "this is bad"
			},
			Secret:      "hidden-secret",
			Unreachable: json.RawMessage(`{"url":"s3://acme?region=x&endpoint=http://127.0.0.1:1","credentials":{"accessKeyId":"id","secretAccessKey":"hidden-secret"}}`),
		}
	})
}

// write writes a file, and gives it a time behind all that were written before.
func write(t testing.TB, dir, name, content string) {
	t.Helper()
	path := filepath.Join(dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func add(t testing.TB, dir, name, content string) {
	t.Helper()
	f, err := os.OpenFile(filepath.Join(dir, filepath.FromSlash(name)), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(content); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

func compressed(t testing.TB, c objects.Compression, content string) string {
	t.Helper()
	var b bytes.Buffer
	w, err := objects.Compress(&b, c)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte(content)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// capture is a capture of one binding, as a worker runs it.
type capture struct {
	t        *testing.T
	source   Source
	request  sources.OpenRequest
	session  sources.Session
	got      []string
	problems []string
	store    *objects.Store // instead of the place that the config names
}

func newCapture(t *testing.T, dir, resource, schemaText string, key ...string) *capture {
	t.Helper()
	spec := &catalog.Collection{Name: "acmeCo/x", Key: key, Partitions: 1, Schema: schema.Source{
		URL: "schema.json", Resources: map[string]json.RawMessage{"schema.json": json.RawMessage(schemaText)}}}
	c, err := collection.New(spec)
	if err != nil {
		t.Fatal(err)
	}
	return &capture{t: t, source: New(), request: sources.OpenRequest{
		Task: "acmeCo/from", Shard: "0-1", DataDir: dir, Config: json.RawMessage(`{"url":".","settle":"0s","interval":"1ms"}`),
		Bindings: []sources.Binding{{Resource: json.RawMessage(resource), StateKey: "x", Collection: sources.Collection{Name: spec.Name, Key: key, Writes: c}}},
	}}
}

// pull takes what there is until n more documents came, and makes the state
// durable after each batch.
func (c *capture) pull(n int) error {
	c.t.Helper()
	if c.session == nil {
		if c.store != nil {
			c.source.open = func(context.Context, objects.Location, string) (*objects.Store, error) { return c.store, nil }
		}
		session, err := c.source.Open(c.t.Context(), c.request)
		if err != nil {
			return err
		}
		c.session = session
		c.t.Cleanup(func() { session.Close() })
	}
	for until := len(c.got) + n; len(c.got) < until; {
		b, err := c.session.Pull(c.t.Context())
		if err != nil {
			return err
		}
		for i, d := range b.Documents {
			c.got = append(c.got, string(d.Data))
			if d.Problem != "" {
				c.problems = append(c.problems, b.Origin(i)+": "+d.Problem)
			}
		}
		if c.request.State, err = document.MergePatch(c.request.State, b.State); err != nil {
			c.t.Fatal(err)
		}
	}
	return nil
}

// restart goes on with a new session.
func (c *capture) restart() {
	c.session.Close()
	c.session = nil
}

// nothing says that two looks more find nothing to read.
func (c *capture) nothing() {
	c.t.Helper()
	before := len(c.got)
	s := c.session.(*session)
	for range 2 {
		if err := s.lookAll(c.t.Context()); err != nil {
			c.t.Fatal(err)
		}
		b, err := s.read(c.t.Context())
		if err != nil || len(b.Documents) > 0 {
			c.t.Fatalf("%d documents more, %v: %v", len(b.Documents), err, b)
		}
	}
	if len(c.got) != before {
		c.t.Fatal("documents came")
	}
}

func (c *capture) want(want ...string) {
	c.t.Helper()
	if err := c.pull(len(want) - len(c.got)); err != nil {
		c.t.Fatal(err)
	}
	if !slices.Equal(c.got, want) {
		c.t.Fatalf("captured\n%q, want\n%q", c.got, want)
	}
	c.nothing()
}

const anyObject = `{"type":"object"}`

func TestFormats(t *testing.T) {
	typed := `{"type":"object","properties":{"id":{"type":"integer"},"n":{"type":["number","null"]},"b":{"type":"boolean"},"s":{"type":"string"},"sn":{"type":["string","null"]},"o":{"type":"object"}}}`
	for _, test := range []struct{ name, file, resource, schema, content, want string }{
		{"lines", "a.jsonl", "", anyObject, "{\"id\":1}\r\n\n  {\"id\":2}  \n{\"id\":3}", `{"id":1}|{"id":2}|{"id":3}`},
		{"byte order mark", "a.ndjson", "", anyObject, "\ufeff{\"id\":1}\n", `{"id":1}`},
		{"values", "a.json", "", anyObject, "{\"id\":1}\n{ \"id\":[2,\"]\\\"}\"]}3 true\"x\"", `{"id":1}|{ "id":[2,"]\"}"]}|3|true|"x"`},
		{"array", "a.json", "", anyObject, " [ {\"id\":1}, [2] ,3,\"four\"] ", `{"id":1}|[2]|3|"four"`},
		{"empty array", "a.json", "", anyObject, "[]{\"id\":1}", `{"id":1}`},
		{"typed rows", "a.csv", "", typed, "id,n,b,s,sn,o,extra\n1,2.5,TRUE,007,,\"{\"\"a\"\":[1]}\",5\n2,,0,\"two\nlines\",x,,\n",
			`{"id":1,"n":2.5,"b":true,"s":"007","sn":null,"o":{"a":[1]},"extra":"5"}|{"id":2,"n":null,"b":false,"s":"two\nlines","sn":"x","extra":""}`},
		{"what is not as typed stays text", "a.csv", "", typed, "id,b\nx1,maybe\n", `{"id":"x1","b":"maybe"}`},
		{"columns given", "a.csv", `"columns":["id","s"],"delimiter":";"`, typed, "1;a,b\n2;\n", `{"id":1,"s":"a,b"}|{"id":2,"s":""}`},
		{"tabs", "a.tsv", "", typed, "id\ts\n1\ta b\n", `{"id":1,"s":"a b"}`},
		{"paragraphs", "status", `"format":"control"`, `{"type":"object","properties":{"Size":{"type":"integer"}}}`,
			"\n# comment\nPackage: a\nSize: 12\nText: one\n two\n .\n  three\n\n\nPackage: b\nEmpty:\n", `{"Package":"a","Size":12,"Text":"one\ntwo\n\n three"}|{"Package":"b","Empty":""}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, c := range []objects.Compression{objects.None, objects.Gzip, objects.Zstd} {
				dir := t.TempDir()
				content := test.content
				if c != objects.None {
					content = compressed(t, c, content)
				}
				write(t, dir, test.file+c.Suffix(), content)
				resource := `{"match":"**"`
				if test.resource != "" {
					resource += "," + test.resource
				}
				newCapture(t, dir, resource+"}", test.schema, "/id").want(strings.Split(test.want, "|")...)
			}
		})
	}
}

func TestCompressionByContent(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "dump", compressed(t, objects.Zstd, "{\"id\":1}\n"))
	newCapture(t, dir, `{"match":"dump","format":"jsonl"}`, anyObject, "/id").want(`{"id":1}`)
}

func TestPlacesAsKey(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "a.csv", "v\n1\n22\n")
	write(t, dir, "b.jsonl", "{\"_meta\":{\"op\":\"c\"},\"v\":1}\n{}\n7\n")
	c := newCapture(t, dir, `{"match":"*"}`, anyObject, "/_meta/file", "/_meta/offset")
	c.want(`{"_meta":{"file":"a.csv","offset":2},"v":"1"}`, `{"_meta":{"file":"a.csv","offset":4},"v":"22"}`,
		`{"_meta":{"file":"b.jsonl","offset":0,"op":"c"},"v":1}`, `{"_meta":{"file":"b.jsonl","offset":27}}`, `7`)
}

// What is added to a file is read, and nothing of it twice; across restarts,
// too.
func TestGrowth(t *testing.T) {
	for _, test := range []struct{ name, head, one, two, three, want1, want2, want3 string }{
		{"a.jsonl", "", "{\"id\":1}\n", "{\"id\":2}\n", "{\"id\":3}\n", `{"id":1}`, `{"id":2}`, `{"id":3}`},
		{"a.csv", "id,s\n", "1,\"a\nb\"\n", "2,x\n", "3,y\n", `{"id":"1","s":"a\nb"}`, `{"id":"2","s":"x"}`, `{"id":"3","s":"y"}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, dir, test.name, test.head)
			c := newCapture(t, dir, `{"match":"*"}`, anyObject, "/id")
			add(t, dir, test.name, test.one)
			c.want(test.want1)
			add(t, dir, test.name, test.two)
			c.want(test.want1, test.want2)
			c.restart()
			add(t, dir, test.name, test.three)
			c.want(test.want1, test.want2, test.want3)
			c.restart()
			write(t, dir, "b.jsonl", "{\"id\":4}\n")
			c.want(test.want1, test.want2, test.want3, `{"id":4}`)
		})
	}
}

// A last line without an end waits while somebody may be writing it.
func TestHalfALine(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "a.jsonl", "{\"id\":1}\n{\"id\":2")
	c := newCapture(t, dir, `{"match":"*"}`, anyObject, "/id")
	c.request.Config = json.RawMessage(`{"url":".","settle":"1h","interval":"1ms"}`)
	c.want(`{"id":1}`)
	add(t, dir, "a.jsonl", "2}\n{\"id\":3")
	c.want(`{"id":1}`, `{"id":22}`)
	c.restart()
	c.source.now = func() time.Time { return time.Now().Add(2 * time.Hour) }
	add(t, dir, "a.jsonl", "}")
	c.want(`{"id":1}`, `{"id":22}`, `{"id":3}`)

	// What is read as a whole waits as a whole, and a time in the future is no
	// reason to wait for ever.
	dir = t.TempDir()
	write(t, dir, "a.json", `[{"id":1}]`)
	if err := os.Chtimes(filepath.Join(dir, "a.json"), time.Time{}, time.Now().Add(24*time.Hour)); err != nil {
		t.Fatal(err)
	}
	c = newCapture(t, dir, `{"match":"*"}`, anyObject, "/id")
	c.request.Config = json.RawMessage(`{"url":".","settle":"1h","interval":"1ms"}`)
	now := time.Now()
	c.source.now = func() time.Time { return now }
	if err := c.pull(0); err != nil {
		t.Fatal(err)
	}
	c.nothing()
	now = now.Add(time.Hour)
	c.want(`{"id":1}`)
}

// A file that is another one under an old name is read anew.
func TestReplacedFiles(t *testing.T) {
	for _, test := range []struct{ name, before, after, want string }{
		{"shorter", "{\"id\":1}\n{\"id\":2}\n", "{\"id\":1}\n", `{"id":1}`},
		{"another beginning", "{\"id\":1}\n", "{\"id\":9}\n{\"id\":1}\n", `{"id":9}|{"id":1}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, dir, "a.jsonl", test.before)
			c := newCapture(t, dir, `{"match":"*"}`, anyObject, "/id")
			if err := c.pull(strings.Count(test.before, "\n")); err != nil {
				t.Fatal(err)
			}
			write(t, dir, "a.jsonl", test.after)
			c.want(append(slices.Clone(c.got), strings.Split(test.want, "|")...)...)
		})
	}
	t.Run("a whole file", func(t *testing.T) {
		dir := t.TempDir()
		write(t, dir, "a.json", `[{"id":1}]`)
		c := newCapture(t, dir, `{"match":"*"}`, anyObject, "/id")
		c.want(`{"id":1}`)
		write(t, dir, "a.json", `[{"id":1},{"id":2}]`)
		c.want(`{"id":1}`, `{"id":1}`, `{"id":2}`)
		c.restart()
		c.want(`{"id":1}`, `{"id":1}`, `{"id":2}`)
	})
}

// A file that is replaced between a look and its reading is read once, as what
// it is then.
func TestReplacedBetweenLookAndReading(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "a.json", `[{"id":1}]`)
	c := newCapture(t, dir, `{"match":"*"}`, anyObject, "/id")
	if err := c.pull(0); err != nil {
		t.Fatal(err)
	}
	s := c.session.(*session)
	if err := s.lookAll(t.Context()); err != nil || len(s.queue) != 1 {
		t.Fatal(err, s.queue)
	}
	write(t, dir, "b.json", `[{"id":2},{"id":3}]`)
	if err := os.Rename(filepath.Join(dir, "b.json"), filepath.Join(dir, "a.json")); err != nil {
		t.Fatal(err)
	}
	c.want(`{"id":2}`, `{"id":3}`)
}

// Of many files the state keeps some; none is read twice, and one that is moved
// in late, with a time of its content long ago, is read.
func TestManyFiles(t *testing.T) {
	dir := t.TempDir()
	const files = mostRecords + 300
	for i := range files {
		write(t, dir, fmt.Sprintf("%05d.jsonl", i), fmt.Sprintf("{\"id\":%d}\n", i))
	}
	c := newCapture(t, dir, `{"match":"*.jsonl"}`, anyObject, "/id")
	if err := c.pull(files); err != nil {
		t.Fatal(err)
	}
	c.nothing()
	var s state
	if err := json.Unmarshal(c.request.State, &s); err != nil {
		t.Fatal(err)
	}
	if n := len(s.Bindings["x"].Files); n > mostRecords || s.Bindings["x"].Mark == 0 {
		t.Errorf("the state holds %d files, its mark is %d", n, s.Bindings["x"].Mark)
	}
	c.restart()
	if err := c.pull(0); err != nil {
		t.Fatal(err)
	}
	c.nothing()

	elsewhere := t.TempDir()
	write(t, elsewhere, "old.jsonl", "{\"id\":\"old\"}\n")
	long := time.Now().Add(-1000 * time.Hour)
	if err := os.Chtimes(filepath.Join(elsewhere, "old.jsonl"), long, long); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(elsewhere, "old.jsonl"), filepath.Join(dir, "old.jsonl")); err != nil {
		t.Fatal(err)
	}
	if err := c.pull(1); err != nil || c.got[files] != `{"id":"old"}` {
		t.Fatalf("%v, %s", err, c.got[files])
	}
}

func TestProblems(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "a.csv", "id,s\n1,x\n2\n3,a\"b\n4,\"a\"b\n5,y\n6,\xff\n")
	c := newCapture(t, dir, `{"match":"*"}`, anyObject, "/id")
	if err := c.pull(6); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"a.csv:3: the row has 1 fields, but there are 2 columns",
		"a.csv:4: " + errBareQuote.Error(),
		"a.csv:5: " + errAfter.Error(),
		"a.csv:7: " + errEncoding.Error(),
	}
	if !slices.Equal(c.problems, want) {
		t.Errorf("problems\n%q, want\n%q", c.problems, want)
	}
	if c.got[1] != "2" {
		t.Errorf("a row that is no document is handed over as %q", c.got[1])
	}
}

// A file that cannot be read on stops the capture behind what was read, and the
// error names file and line.
func TestBrokenFiles(t *testing.T) {
	gz := compressed(t, objects.Gzip, "{\"id\":1}\n{\"id\":2}\n")
	for _, test := range []struct{ name, resource, content, want string }{
		{"a.json", "", "{\"id\":1}\n]", "a.json:2: " + errNoValue.Error()},
		{"a.json", "", "[{\"id\":1},\n{\"id\":", "a.json:2: " + errCutOff.Error()},
		{"a.jsonl.gz", "", gz[:len(gz)-4], "a.jsonl.gz: unexpected EOF"},
		{"a.jsonl.gz", "", "{\"id\":1}\n{\"id\":2}\n", "a.jsonl.gz: gzip: invalid header"},
		{"a.csv", "", "id,id\n1,2\n", `a.csv:1: the header: "id" is there twice`},
		{"a.txt", "", "x", "a.txt: the name does not tell the format"},
		{"a", `,"format":"control"`, "", ""},
	} {
		dir := t.TempDir()
		write(t, dir, test.name, test.content)
		c := newCapture(t, dir, `{"match":"*"`+test.resource+`}`, anyObject, "/id")
		if test.want == "" {
			c.want()
			continue
		}
		err := c.pull(3)
		if err == nil || !strings.Contains(err.Error(), filepath.Join(dir, test.want)) {
			t.Errorf("%s %q: %v, want %s", test.name, test.content, err, test.want)
		}
	}
}

// What was read of a file that is read as a whole before it was complete is not
// read again: it is trouble that passes when the rest comes.
func TestIncompleteFiles(t *testing.T) {
	var documents []string
	for i := range 9000 {
		sum := sha256.Sum256([]byte{byte(i), byte(i >> 8)})
		documents = append(documents, fmt.Sprintf(`{"id":%d,"v":"%x"}`, i, sum))
	}
	lines := strings.Join(documents, "\n") + "\n"
	array := "[" + strings.Join(documents, ",\n") + "]"
	for name, content := range map[string]string{
		"a.jsonl.gz":  compressed(t, objects.Gzip, lines),
		"a.jsonl.zst": compressed(t, objects.Zstd, "\ufeff"+lines),
		"a.json.gz":   compressed(t, objects.Gzip, array),
		"a.json":      "\ufeff" + array,
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			c := newCapture(t, dir, `{"match":"*"}`, anyObject, "/id")
			for _, size := range []int{len(content) / 2, len(content) * 9 / 10} {
				write(t, dir, name, content[:size])
				before := len(c.got)
				err := c.pull(len(documents))
				if !errors.Is(err, sources.ErrTransient) || !strings.Contains(err.Error(), "is read on when the rest is there") || len(c.got) == before {
					t.Fatalf("after %d documents more: %v", len(c.got)-before, err)
				}
				c.restart()
			}
			write(t, dir, name, content)
			c.want(documents...)
		})
	}
	t.Run("another content", func(t *testing.T) {
		dir := t.TempDir()
		write(t, dir, "a.json", `[{"id":1},{"id":`)
		c := newCapture(t, dir, `{"match":"*"}`, anyObject, "/id")
		if err := c.pull(2); !errors.Is(err, sources.ErrTransient) {
			t.Fatal(err)
		}
		c.restart()
		write(t, dir, "a.json", `[{"id":8},{"id":9}]`)
		c.want(`{"id":1}`, `{"id":8}`, `{"id":9}`)
	})
}

// A file that is read as a whole and is written meanwhile is read on where its
// content is what it was, and anew where it is not.
func TestChangedWhileItIsRead(t *testing.T) {
	for _, test := range []struct{ name, was, then, add string }{
		{"longer", "1", "1", "1"},
		{"another one", "1", "2", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, dir, "a.json", strings.Repeat(test.was+" ", 2*batchDocuments))
			c := newCapture(t, dir, `{"match":"*"}`, anyObject, "/id")
			if err := c.pull(1); err != nil {
				t.Fatal(err)
			}
			write(t, dir, "b.json", strings.Repeat(test.then+" ", 2*batchDocuments)+test.add)
			if test.then == test.was {
				add(t, dir, "a.json", test.add) // into the file that is open
				if err := os.Remove(filepath.Join(dir, "b.json")); err != nil {
					t.Fatal(err)
				}
			} else if err := os.Rename(filepath.Join(dir, "b.json"), filepath.Join(dir, "a.json")); err != nil {
				t.Fatal(err)
			}
			want := slices.Repeat([]string{test.was}, 2*batchDocuments)
			if test.add != "" {
				want = append(want, test.add)
			} else {
				want = append(want, slices.Repeat([]string{test.then}, 2*batchDocuments)...)
			}
			c.want(want...)
		})
	}
}

// A file whose beginning tells that it is compressed waits to be complete, as
// one whose name does.
func TestCompressedByContentWaits(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "dump", compressed(t, objects.Zstd, `{"id":1}`))
	write(t, dir, "lines", "{\"id\":2}\n")
	c := newCapture(t, dir, `{"match":"*","format":"jsonl"}`, anyObject, "/id")
	c.request.Config = json.RawMessage(`{"url":".","settle":"1h","interval":"1ms"}`)
	c.want(`{"id":2}`)
	c.restart()
	c.source.now = func() time.Time { return time.Now().Add(2 * time.Hour) }
	c.want(`{"id":2}`, `{"id":1}`)
}

func TestConfigurations(t *testing.T) {
	dir := t.TempDir()
	for _, test := range []struct{ config, resource, want string }{
		{`{}`, `{"match":"*"}`, "url is missing"},
		{`{"url":"gs://x"}`, `{"match":"*"}`, "url begins with gs://"},
		{`{"url":"s3://"}`, `{"match":"*"}`, "the bucket is missing"},
		{`{"url":"s3://key:hidden@bucket"}`, `{"match":"*"}`, "write them under credentials"},
		{`{"url":"s3://b?secret=hidden"}`, `{"match":"*"}`, "parameter secret is unknown"},
		{`{"url":".","credentials":{"accessKeyId":"a","secretAccessKey":"hidden"}}`, `{"match":"*"}`, "credentials are for buckets"},
		{`{"url":"nowhere"}`, `{"match":"*"}`, "does not exist: make it, or change url"},
		{`{"url":".","interval":"soon"}`, `{"match":"*"}`, `interval "soon" is no duration`},
		{`{"url":"."}`, `{}`, "match is missing"},
		{`{"url":"."}`, `{"match":"/a"}`, "begins with a slash"},
		{`{"url":"."}`, `{"match":"a[b"}`, "is not closed"},
		{`{"url":"."}`, `{"match":"*","format":"xml"}`, `format "xml" is unknown`},
		{`{"url":"."}`, `{"match":"*","compression":"xz"}`, `compression "xz" is unknown`},
		{`{"url":"."}`, `{"match":"*","format":"json","columns":["a"]}`, "are for csv and tsv"},
		{`{"url":"."}`, `{"match":"*","delimiter":"\n"}`, "is not one ASCII character"},
		{`{"url":"."}`, `{"match":"*","columns":["a","a"]}`, `"a" is there twice`},
	} {
		_, err := New().Validate(t.Context(), sources.ValidateRequest{DataDir: dir, Config: json.RawMessage(test.config),
			Bindings: []sources.Binding{{Resource: json.RawMessage(test.resource)}}})
		if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "hidden") {
			t.Errorf("%s %s: %v, want %s", test.config, test.resource, err, test.want)
		}
	}
}

func TestPatterns(t *testing.T) {
	for _, test := range []struct {
		glob     string
		yes, not []string
	}{
		{"*.csv", []string{"a.csv", ".csv", "a\nb.csv"}, []string{"d/a.csv", "a.csv.gz"}},
		{"**", []string{"a", "d/e/f"}, nil},
		{"d/**/*.csv", []string{"d/a.csv", "d/e/f/a.csv"}, []string{"a.csv", "dx/a.csv"}},
		{"a?[0-9].{csv,tsv}", []string{"ab1.csv", "ab2.tsv"}, []string{"a1.csv", "ab1.txt", "a/1.csv"}},
		{"{a/b,c**}/d/*", []string{"a/b/d/x", "c/e/f/d/x", "c/d/x"}, []string{"a/d/x"}},
		{`a\/b/{x,y}`, []string{"a/b/x"}, nil},
		{"[!a]b", []string{"cb"}, []string{"ab", "/b"}},
		{`\*.a+b`, []string{"*.a+b"}, []string{"x.a+b"}},
	} {
		p, err := parsePattern(test.glob)
		if err != nil {
			t.Fatal(err)
		}
		for _, key := range test.yes {
			if !p.matches(key) {
				t.Errorf("%s does not match %q", test.glob, key)
			}
		}
		for _, key := range test.not {
			if p.matches(key) {
				t.Errorf("%s matches %q", test.glob, key)
			}
		}
		for _, key := range test.yes { // whose folders must be gone into
			for at := range key {
				if key[at] == '/' && !p.mayHold(key[:at+1]) {
					t.Errorf("%s is not sought in %s, where %q is", test.glob, key[:at+1], key)
				}
			}
		}
	}
	for glob, folder := range map[string]string{"*.csv": "lost+found/", "d/*.csv": "e/", "d/*/a": "d/e/f/", "{a,b}/*": "c/", "a/{b,c}*/x": "d/"} {
		if p, err := parsePattern(glob); err != nil || p.mayHold(folder) {
			t.Errorf("%s is sought in %s (%v)", glob, folder, err)
		}
	}
}
