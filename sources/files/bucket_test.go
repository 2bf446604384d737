package files

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"gocloud.dev/blob"
	"gocloud.dev/blob/driver"
	"gocloud.dev/gcerrors"

	"weir/internal/objects"
	"weir/sources"
)

// oneObject is a bucket with one object, one of whose steps fails.
type oneObject struct {
	driver.Bucket
	key, content string
	changed      time.Time
	steps        int // until it fails
}

var errReset = errors.New("connection reset")

func (b *oneObject) step() error {
	if b.steps--; b.steps == 0 {
		return errReset
	}
	return nil
}

func (b *oneObject) ErrorCode(error) gcerrors.ErrorCode { return gcerrors.Unknown }
func (b *oneObject) ErrorAs(error, any) bool            { return false }
func (b *oneObject) Close() error                       { return nil }

func (b *oneObject) ListPaged(context.Context, *driver.ListOptions) (*driver.ListPage, error) {
	o := &driver.ListObject{Key: b.key, Size: int64(len(b.content)), ModTime: b.changed}
	return &driver.ListPage{Objects: []*driver.ListObject{o}}, b.step()
}

func (b *oneObject) NewRangeReader(_ context.Context, _ string, offset, _ int64, _ *driver.ReaderOptions) (driver.Reader, error) {
	return &objectReader{Reader: strings.NewReader(b.content[offset:]), bucket: b}, b.step()
}

type objectReader struct {
	io.Reader
	bucket *oneObject
}

func (r *objectReader) Read(p []byte) (int, error) {
	if err := r.bucket.step(); err != nil {
		return 0, err
	}
	return r.Reader.Read(p)
}
func (r *objectReader) Close() error                         { return nil }
func (r *objectReader) Attributes() *driver.ReaderAttributes { return &driver.ReaderAttributes{} }
func (r *objectReader) As(any) bool                          { return false }

// Whatever a bucket fails at is trouble that passes, and nothing is read twice
// or as something else for it.
func TestBucketsThatFail(t *testing.T) {
	for _, test := range []struct{ name, compression string }{{"plain", "none"}, {"compressed", "gzip"}} {
		t.Run(test.name, func(t *testing.T) {
			for steps := 1; ; steps++ {
				if failures := captureFailing(t, objects.Compression(test.compression), steps); failures == 0 {
					break
				}
			}
		})
	}
}

func captureFailing(t *testing.T, compression objects.Compression, steps int) (failures int) {
	t.Helper()
	one, two := "{\"id\":1}\n{\"id\":2}\n", "{\"id\":3}\n"
	content := func(text string) string {
		if compression == objects.None {
			return text
		}
		return compressed(t, compression, text)
	}
	b := &oneObject{key: "dump", content: content(one), changed: time.Unix(1, 0), steps: steps}
	c := newCapture(t, "", `{"match":"dump","format":"jsonl"}`, anyObject, "/id")
	c.request.Config = json.RawMessage(`{"url":"s3://acme","interval":"1ms"}`)
	c.source.open = func(context.Context, objects.Location, string) (*objects.Store, error) {
		return objects.NewBucket(blob.NewBucket(b), "s3://acme", ""), nil
	}
	take := func(n int) {
		for len(c.got) < n {
			err := c.pull(n - len(c.got))
			if err == nil {
				continue
			}
			if failures++; !errors.Is(err, sources.ErrTransient) || !strings.Contains(err.Error(), errReset.Error()) {
				t.Fatalf("step %d: %v", steps, err)
			}
			c.restart()
		}
	}
	take(2)
	want := []string{`{"id":1}`, `{"id":2}`}
	if compression == objects.None {
		b.content, b.changed = one+two, time.Unix(2, 0)
		want = append(want, `{"id":3}`)
		take(3)
	}
	if !slices.Equal(c.got, want) {
		t.Fatal(fmt.Sprintf("step %d: ", steps), c.got)
	}
	return failures
}
