package objects

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// tempPrefix begins the names of files that are being written. Listings leave
// them out.
const tempPrefix = ".weir-tmp-"

// listDir walks the folders that can hold keys with the prefix.
func (s *Store) listDir(ctx context.Context, prefix string, folders Folders, fn func(Object) error) error {
	folder, _ := path.Split(prefix)
	root := filepath.Join(s.dir, filepath.FromSlash(folder))
	if _, err := os.Stat(root); errors.Is(err, fs.ErrNotExist) && folder != "" {
		return nil
	}
	w := walk{prefix, folders, fn}
	return w.folder(ctx, root, folder)
}

// walk is a listing of a directory.
type walk struct {
	prefix  string
	folders Folders
	fn      func(Object) error
}

// folder lists what is below a folder, whose key it is given too.
func (w *walk) folder(ctx context.Context, dir, folder string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := ctx.Err(); err != nil {
			return err
		}
		key := folder + e.Name()
		name := filepath.Join(dir, e.Name())
		info, err := os.Stat(name) // follows links
		switch {
		case errors.Is(err, fs.ErrNotExist) || strings.HasPrefix(e.Name(), tempPrefix):
			continue
		case err != nil:
			return err
		case info.IsDir() && e.Type()&fs.ModeSymlink != 0:
			continue // might lead in a circle
		case info.IsDir():
			if err := w.below(ctx, name, key+"/"); err != nil {
				return err
			}
		case info.Mode().IsRegular() && strings.HasPrefix(key, w.prefix):
			if err := w.fn(object(key, info)); err != nil {
				return err
			}
		}
	}
	return nil
}

// below goes into a folder in which there may be something that is wanted.
func (w *walk) below(ctx context.Context, dir, folder string) error {
	if !strings.HasPrefix(folder, w.prefix) && !strings.HasPrefix(w.prefix, folder) || w.folders.Into != nil && !w.folders.Into(folder) {
		return nil
	}
	err := w.folder(ctx, dir, folder)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case errors.Is(err, fs.ErrPermission) && w.folders.Denied != nil:
		w.folders.Denied(folder, err)
		return nil
	}
	return err
}

func object(key string, info fs.FileInfo) Object {
	return Object{
		Key: key, Size: info.Size(), Changed: changed(info), Written: info.ModTime(),
		Version: strconv.FormatInt(info.ModTime().UnixNano(), 36) + "-" + strconv.FormatInt(info.Size(), 36),
	}
}

func (s *Store) path(key string) string { return filepath.Join(s.dir, filepath.FromSlash(key)) }

func (s *Store) readFile(key string, offset int64) (io.ReadCloser, error) {
	f, err := os.Open(s.path(key))
	if err != nil {
		return nil, err
	}
	if _, err := f.Seek(offset, io.SeekStart); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// fileWriter writes beside the file's name.
type fileWriter struct {
	*os.File
	to string
}

func (s *Store) createFile(key string) (Writer, error) {
	to := s.path(key)
	f, err := tempFile(filepath.Dir(to))
	if err != nil {
		return nil, err
	}
	return &fileWriter{f, to}, nil
}

func tempFile(dir string) (*os.File, error) {
	if err := makeDir(dir); err != nil {
		return nil, err
	}
	return os.CreateTemp(dir, tempPrefix)
}

// Commit makes the content durable, then its name.
func (w *fileWriter) Commit() error {
	if err := w.settle(); err != nil {
		return err
	}
	if err := os.Rename(w.Name(), w.to); err != nil {
		return errors.Join(err, os.Remove(w.Name()))
	}
	return syncDir(filepath.Dir(w.to))
}

func (w *fileWriter) settle() error {
	err := errors.Join(w.Chmod(0o644), w.Sync(), w.Close())
	if err != nil {
		err = errors.Join(err, os.Remove(w.Name()))
	}
	return err
}

// Abort removes what was written.
func (w *fileWriter) Abort() {
	if w.Close() == nil { // else Commit or Abort was before
		_ = os.Remove(w.Name()) // an opening removes what is left
	}
}

// createNewFile links the file to its name, which fails where there is one.
func (s *Store) createNewFile(key string, content []byte) error {
	to := s.path(key)
	f, err := tempFile(filepath.Dir(to))
	if err != nil {
		return err
	}
	w := &fileWriter{f, to}
	if _, err := w.Write(content); err != nil {
		w.Abort()
		return err
	}
	if err := w.settle(); err != nil {
		return err
	}
	err = os.Link(w.Name(), to)
	if e := os.Remove(w.Name()); err == nil {
		err = e
	}
	if errors.Is(err, fs.ErrExist) {
		return ErrExists
	}
	if err != nil {
		return fmt.Errorf("%w (the directory's file system has to know hard links)", err)
	}
	return syncDir(filepath.Dir(to))
}

func (s *Store) moveFile(from, to string) error {
	if err := makeDir(filepath.Dir(s.path(to))); err != nil {
		return err
	}
	if err := os.Rename(s.path(from), s.path(to)); err != nil {
		return err
	}
	return errors.Join(syncDir(filepath.Dir(s.path(to))), syncDir(filepath.Dir(s.path(from))))
}

func (s *Store) removeFile(key string) error {
	if err := os.Remove(s.path(key)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// CleanFolder removes files of a folder that were being written when their
// process ended. In a bucket there are none.
func (s *Store) CleanFolder(folder string) error {
	if !s.Local() {
		return nil
	}
	entries, err := os.ReadDir(s.path(folder))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), tempPrefix) {
			err = errors.Join(err, s.removeFile(path.Join(folder, e.Name())))
		}
	}
	return err
}

// makeDir makes a directory and those above it, durably.
func makeDir(dir string) error {
	if _, err := os.Stat(dir); err == nil {
		return nil
	}
	above := filepath.Dir(dir)
	if err := makeDir(above); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) { //nolint:gosec // what Weir hands to other programs they may read
		return err
	}
	return syncDir(above)
}

// syncDir makes the names in a directory durable, where directories can be
// synced.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := d.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) && !errors.Is(err, errors.ErrUnsupported) {
		return err
	}
	return nil
}
