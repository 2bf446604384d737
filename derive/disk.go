package derive

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/vfs"
)

const (
	diskPrefix  = "weir-registers-" // of the directories of stores
	diskBatch   = 1 << 20           // bytes that are written to the store in one step
	diskCache   = 64 << 20          // bytes that it takes in memory: its tables of what is not in its files yet, and blocks of these
	diskTable   = 16 << 20          // bytes of such a table; two more may wait to be written
	leftoverAge = time.Minute       // of a directory that nobody holds, before it is removed
)

// DiskError is trouble with the store of registers that memory has no room for: a disk that is full or broken. The
// store is a copy, so a new VM loses nothing by it.
type DiskError struct{ err error }

func (e *DiskError) Error() string { return "registers on disk: " + e.err.Error() }
func (e *DiskError) Unwrap() error { return e.err }

// disk is a store of registers in a directory of its own. What it holds is a copy of what is durable elsewhere, and
// lives no longer than its VM: nothing is synced, there is no log, and close removes it. A directory that a killed
// process left behind is not locked any more, and removed by the next one that uses the same parent.
type disk struct {
	dir    string
	lock   *pebble.Lock
	db     *pebble.DB
	batch  *pebble.Batch
	filter *keyFilter
	failed atomic.Pointer[error] // what went wrong in the background
}

func openDisk(parent string) (*disk, error) {
	if parent == "" {
		parent = os.TempDir()
	}
	if err := os.MkdirAll(parent, 0o700); err != nil {
		return nil, &DiskError{err}
	}
	removeLeftovers(parent)
	d := &disk{filter: newKeyFilter()}
	if err := d.open(parent); err != nil {
		d.close()
		return nil, &DiskError{err}
	}
	return d, nil
}

func (d *disk) open(parent string) (err error) {
	if d.dir, err = os.MkdirTemp(parent, diskPrefix+"*"); err != nil {
		return err
	}
	if d.lock, err = pebble.LockDirectory(d.dir, vfs.Default); err != nil {
		return fmt.Errorf("lock %s: %w", d.dir, err)
	}
	if d.db, err = pebble.Open(d.dir, d.options()); err != nil {
		return fmt.Errorf("open %s: %w", d.dir, err)
	}
	d.batch = d.db.NewBatch()
	return nil
}

func (d *disk) options() *pebble.Options {
	o := &pebble.Options{
		FS:                          unsynced{vfs.Default},
		Lock:                        d.lock,
		DisableWAL:                  true,
		CacheSize:                   diskCache,
		MemTableSize:                diskTable,
		MemTableStopWritesThreshold: 3,
		FormatMajorVersion:          pebble.FormatNewest,
		Logger:                      diskLog{d},
		EventListener:               &pebble.EventListener{BackgroundError: d.fail},
	}
	for i := range o.Levels {
		o.Levels[i].FilterPolicy = bloom.FilterPolicy(10)
	}
	return o
}

func (d *disk) fail(err error) { d.failed.CompareAndSwap(nil, &err) }

func (d *disk) failure() error {
	if err := d.failed.Load(); err != nil {
		return &DiskError{*err}
	}
	return nil
}

// get gives the text of a register. It does not see what was put since the last flush.
func (d *disk) get(key []byte) (text string, ok bool, err error) {
	if !d.filter.mayHold(key) {
		return "", false, nil
	}
	if err := d.failure(); err != nil {
		return "", false, err
	}
	value, closer, err := d.db.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return "", false, nil
	}
	if err != nil {
		return "", false, &DiskError{err}
	}
	text = string(value)
	if err := closer.Close(); err != nil {
		return "", false, &DiskError{err}
	}
	return text, true, nil
}

// put stages what a register has become.
func (d *disk) put(e *register) error {
	var err error
	if key := []byte(e.key); e.there {
		d.filter.add(key)
		err = d.batch.Set(key, []byte(e.text), nil)
	} else if d.filter.mayHold(key) {
		err = d.batch.Delete(key, nil)
	}
	if err != nil {
		return &DiskError{err}
	}
	if d.batch.Len() >= diskBatch {
		return d.flush()
	}
	return nil
}

// flush makes what was put visible to get.
func (d *disk) flush() error {
	if d.batch.Empty() {
		return nil
	}
	if err := d.failure(); err != nil { // or writing might wait for room for ever
		return err
	}
	if err := d.batch.Commit(pebble.NoSync); err != nil {
		return &DiskError{err}
	}
	d.batch.Reset()
	return nil
}

// close removes the store. It is a copy, so errors harm nobody.
func (d *disk) close() {
	if d.batch != nil {
		_ = d.batch.Close()
	}
	if d.db != nil {
		_ = d.db.Close()
	}
	_ = os.RemoveAll(d.dir)
	if d.lock != nil {
		_ = d.lock.Close()
	}
}

// removeLeftovers removes the stores of processes that are gone: those whose lock is free. A store is locked as soon
// as its directory is made, so a young one that is free is about to be locked.
func removeLeftovers(parent string) {
	dirs, _ := filepath.Glob(filepath.Join(parent, diskPrefix+"*")) // the pattern is well formed
	for _, dir := range dirs {
		info, err := os.Stat(dir)
		if err != nil || time.Since(info.ModTime()) < leftoverAge {
			continue
		}
		lock, err := pebble.LockDirectory(dir, vfs.Default)
		if err != nil {
			continue // somebody's, or not ours to remove
		}
		_ = os.RemoveAll(dir)
		_ = lock.Close()
	}
}

// diskLog takes what the store says. It calls Fatalf where it cannot go on; a worker can, with a new store.
type diskLog struct{ d *disk }

func (l diskLog) Infof(string, ...any)              {}
func (l diskLog) Errorf(string, ...any)             {}
func (l diskLog) Fatalf(format string, args ...any) { l.d.fail(fmt.Errorf(format, args...)) }

// unsynced is a file system whose files are not synced: after a crash nobody reads them, and a sync would hold up
// those of others.
type unsynced struct{ vfs.FS }

type unsyncedFile struct{ vfs.File }

func (unsyncedFile) Sync() error                         { return nil }
func (unsyncedFile) SyncData() error                     { return nil }
func (unsyncedFile) SyncTo(int64) (full bool, err error) { return false, nil }

func withoutSync(f vfs.File, err error) (vfs.File, error) {
	if err != nil {
		return nil, err
	}
	return unsyncedFile{f}, nil
}

func (u unsynced) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	return withoutSync(u.FS.Create(name, category))
}

func (u unsynced) OpenReadWrite(name string, category vfs.DiskWriteCategory, opts ...vfs.OpenOption) (vfs.File, error) {
	return withoutSync(u.FS.OpenReadWrite(name, category, opts...))
}

func (u unsynced) OpenDir(name string) (vfs.File, error) { return withoutSync(u.FS.OpenDir(name)) }

func (u unsynced) ReuseForWrite(oldname, newname string, category vfs.DiskWriteCategory) (vfs.File, error) {
	return withoutSync(u.FS.ReuseForWrite(oldname, newname, category))
}
