package objects

import (
	"context"
	"encoding/hex"
	"errors"
	"io"
	"strconv"

	"gocloud.dev/blob"
)

func (s *Store) listBucket(ctx context.Context, prefix string, fn func(Object) error) error {
	list := s.bucket.List(&blob.ListOptions{Prefix: s.prefix + prefix})
	for {
		o, err := list.Next(ctx)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		version := hex.EncodeToString(o.MD5)
		if version == "" { // objects of several parts have none
			version = strconv.FormatInt(o.ModTime.UnixNano(), 36) + "-" + strconv.FormatInt(o.Size, 36)
		}
		if err := fn(Object{Key: o.Key[len(s.prefix):], Size: o.Size, Changed: o.ModTime, Written: o.ModTime, Version: version}); err != nil {
			return err
		}
	}
}

// objectWriter uploads in parts; the object appears when it is closed.
type objectWriter struct {
	*blob.Writer
	cancel context.CancelFunc
	ended  bool // the library's writers must not be closed twice
}

func (s *Store) createObject(ctx context.Context, key string) (Writer, error) {
	ctx, cancel := context.WithCancel(ctx)
	w, err := s.bucket.NewWriter(ctx, s.prefix+key, &blob.WriterOptions{DisableContentTypeDetection: true, ContentType: "application/octet-stream", MaxConcurrency: 1})
	if err != nil {
		cancel()
		return nil, err
	}
	return &objectWriter{Writer: w, cancel: cancel}, nil
}

// Commit completes the upload.
func (w *objectWriter) Commit() error {
	defer w.cancel()
	w.ended = true
	return w.Close()
}

// Abort cancels the upload: a writer whose context has ended makes nothing.
func (w *objectWriter) Abort() {
	if w.ended {
		return
	}
	w.cancel()
	w.ended = true
	_ = w.Close() // says that the context has ended
}
