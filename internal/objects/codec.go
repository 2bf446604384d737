package objects

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// Compression is how the content of an object is compressed.
type Compression string

// The compressions that are known.
const (
	None Compression = "none"
	Gzip Compression = "gzip"
	Zstd Compression = "zstd"
)

// zstdWindow is the most that a zstd stream may ask to be kept of what it gave,
// in bytes: all levels of the usual tools stay below it.
const zstdWindow = 128 << 20

// suffixes of names, by compression.
var suffixes = map[Compression]string{Gzip: ".gz", Zstd: ".zst"}

// Suffix is what ends the names of objects that are compressed so.
func (c Compression) Suffix() string { return suffixes[c] }

// CompressionOf tells the compression from an object's name, and gives the
// name without its suffix.
func CompressionOf(key string) (c Compression, rest string) {
	for c, suffix := range suffixes {
		if rest, ok := strings.CutSuffix(key, suffix); ok {
			return c, rest
		}
	}
	if rest, ok := strings.CutSuffix(key, ".zstd"); ok {
		return Zstd, rest
	}
	return None, key
}

// The bytes that compressed content begins with.
var (
	gzipMagic = []byte{0x1f, 0x8b}
	zstdMagic = []byte{0x28, 0xb5, 0x2f, 0xfd}
)

// Sniff tells the compression from the beginning of the content, which it
// reads ahead.
func Sniff(r *bufio.Reader) (Compression, error) {
	head, err := r.Peek(len(zstdMagic))
	switch {
	case err != nil && !errors.Is(err, io.EOF):
		return "", err
	case bytes.HasPrefix(head, gzipMagic):
		return Gzip, nil
	case bytes.HasPrefix(head, zstdMagic):
		return Zstd, nil
	}
	return None, nil
}

// Decompress reads what is compressed in r. Close does not close r.
func Decompress(r io.Reader, c Compression) (io.ReadCloser, error) {
	switch c {
	case None:
		return io.NopCloser(r), nil
	case Gzip:
		return gzip.NewReader(r)
	case Zstd:
		d, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(zstdWindow))
		if err != nil {
			return nil, err
		}
		return d.IOReadCloser(), nil
	}
	return nil, fmt.Errorf("compression %q is unknown: %s, %s and %s are known", c, None, Gzip, Zstd)
}

// Compress compresses into w. Close ends the stream and does not close w.
func Compress(w io.Writer, c Compression) (io.WriteCloser, error) {
	switch c {
	case None:
		return nopCloser{w}, nil
	case Gzip:
		return gzip.NewWriter(w), nil
	case Zstd:
		return zstd.NewWriter(w, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(1<<20))
	}
	return nil, fmt.Errorf("compression %q is unknown: %s, %s and %s are known", c, None, Gzip, Zstd)
}

type nopCloser struct{ io.Writer }

func (nopCloser) Close() error { return nil }
