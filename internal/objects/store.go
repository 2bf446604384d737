package objects

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/aws/smithy-go"
	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"
)

// ErrExists is returned by CreateNew where an object is already.
var ErrExists = errors.New("the object exists already")

// Object is what a listing says of an object.
type Object struct {
	Key  string
	Size int64

	// Changed never lies before the moment at which the object got its name:
	// in a directory a file that is moved in has a new one, however old its
	// content. A bucket says when the upload began.
	Changed time.Time

	// Written is when the content changed last, as far as the store knows.
	Written time.Time

	// Version differs between two contents of a key.
	Version string
}

// Store is a directory or a bucket. It may be used by several goroutines.
type Store struct {
	name   string       // for people: the directory, or the bucket's address without its parameters
	dir    string       // of the file system; empty: a bucket
	bucket *blob.Bucket // nil: a directory
	prefix string       // of the keys in the bucket; empty or ending in a slash
}

// NewBucket makes a store of a bucket that the caller has opened. Keys begin
// behind the prefix.
func NewBucket(bucket *blob.Bucket, name, prefix string) *Store {
	if prefix != "" && !strings.HasSuffix(prefix, "/") {
		prefix += "/"
	}
	return &Store{name: strings.TrimSuffix(name, "/"), bucket: bucket, prefix: prefix}
}

// Local says whether the store is a directory, where a file may be seen while
// it is being written.
func (s *Store) Local() bool { return s.bucket == nil }

// String names the store in messages.
func (s *Store) String() string { return s.name }

// Name names an object in messages.
func (s *Store) Name(key string) string {
	if s.Local() {
		return filepath.Join(s.dir, filepath.FromSlash(key))
	}
	return s.name + "/" + key
}

// Folders says what a listing does with the folders of a directory, which it is
// told by their keys with a slash behind them. Buckets have none.
type Folders struct {
	// Into says whether something below a folder is wanted; nil: always.
	Into func(folder string) bool
	// Denied is told of a folder that may not be read and is passed over; nil:
	// such a folder is an error.
	Denied func(folder string, err error)
}

// List calls fn for each object whose key begins with prefix, in the order of
// keys within each folder. Its error ends the listing and is returned.
func (s *Store) List(ctx context.Context, prefix string, fn func(Object) error) error {
	return s.ListFolders(ctx, prefix, Folders{}, fn)
}

// ListFolders is List of what is in some of the folders. That in which the
// prefix ends has to be readable in any case.
func (s *Store) ListFolders(ctx context.Context, prefix string, folders Folders, fn func(Object) error) error {
	if s.Local() {
		return s.listDir(ctx, prefix, folders, fn)
	}
	return s.listBucket(ctx, prefix, fn)
}

// Read opens an object from an offset on. One that is shorter gives nothing.
func (s *Store) Read(ctx context.Context, key string, offset int64) (io.ReadCloser, error) {
	if s.Local() {
		return s.readFile(key, offset)
	}
	r, err := s.bucket.NewRangeReader(ctx, s.prefix+key, offset, -1, nil)
	if offset > 0 && err != nil && beyondEnd(err) {
		return io.NopCloser(strings.NewReader("")), nil
	}
	return r, err
}

// beyondEnd says whether an error means that the object ends before what was
// asked for.
func beyondEnd(err error) bool {
	var answer smithy.APIError
	return gcerrors.Code(err) == gcerrors.InvalidArgument || errors.As(err, &answer) && answer.ErrorCode() == "InvalidRange"
}

// Replaced says whether an object of a directory is another one than a listing
// said. One that is gone is not replaced, and objects of buckets are not asked
// about: what is being read of them does not change.
func (s *Store) Replaced(o Object) bool {
	if !s.Local() || o.Version == "" { // which no listing gave
		return false
	}
	info, err := os.Stat(s.path(o.Key))
	return err == nil && object(o.Key, info).Version != o.Version
}

// Writer writes one object, which appears with Commit. Abort drops it; after
// Commit it does nothing.
type Writer interface {
	io.Writer
	Commit() error
	Abort()
}

// Create begins an object, in the place of one that may be there.
func (s *Store) Create(ctx context.Context, key string) (Writer, error) {
	if s.Local() {
		return s.createFile(key)
	}
	return s.createObject(ctx, key)
}

// CreateNew makes an object where there is none; else it gives ErrExists. Any
// other error leaves it open whether the object is there.
func (s *Store) CreateNew(ctx context.Context, key string, content []byte) error {
	if s.Local() {
		return s.createNewFile(key, content)
	}
	err := s.bucket.WriteAll(ctx, s.prefix+key, content, &blob.WriterOptions{IfNotExist: true, DisableContentTypeDetection: true, ContentType: "application/octet-stream"})
	if gcerrors.Code(err) == gcerrors.FailedPrecondition {
		return ErrExists
	}
	return err
}

// Move gives an object another key, in the place of one that may be there. Of
// a move that was broken off, one key or both are left, each with the whole.
func (s *Store) Move(ctx context.Context, from, to string) error {
	if s.Local() {
		return s.moveFile(from, to)
	}
	if err := s.bucket.Copy(ctx, s.prefix+to, s.prefix+from, nil); err != nil {
		return err
	}
	return s.Remove(ctx, from)
}

// Remove removes an object; one that is not there is no error.
func (s *Store) Remove(ctx context.Context, key string) error {
	if s.Local() {
		return s.removeFile(key)
	}
	if err := s.bucket.Delete(ctx, s.prefix+key); err != nil && !Missing(err) {
		return err
	}
	return nil
}

// Close lets go of the bucket's connections.
func (s *Store) Close() error {
	if s.Local() {
		return nil
	}
	return s.bucket.Close()
}

// Missing says whether an error means that there is no such object.
func Missing(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || gcerrors.Code(err) == gcerrors.NotFound
}

// Passes says whether an error may pass by itself: an unreachable server, a
// full disk. What a bucket forbids, or that there is none, does not.
func Passes(err error) bool {
	switch gcerrors.Code(err) {
	case gcerrors.OK, gcerrors.NotFound, gcerrors.PermissionDenied, gcerrors.InvalidArgument, gcerrors.Unimplemented, gcerrors.FailedPrecondition:
		return false
	}
	// Credentials that a server does not know have codes that the library has no word for.
	var answer interface{ HTTPStatusCode() int }
	return !errors.As(err, &answer) || answer.HTTPStatusCode() != http.StatusUnauthorized && answer.HTTPStatusCode() != http.StatusForbidden
}

// escaped is an address as people may see it: without parameters and passwords.
func escaped(u *url.URL) string {
	shown := url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}
	return shown.String()
}
