package sqlite

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"sync/atomic"
	"time"

	"modernc.org/libc"
	lib "modernc.org/sqlite/lib"
)

// vfs is the file system of one database: it has the database, and temporary
// files for large sorts, and nothing else. So no statement can reach a file of
// this machine. Its clock is the time of the document that is processed.
type vfs struct {
	pages *pages
	dir   string // of temporary files
	now   time.Time
	fault error // the first error of a file, which SQLite knows only as "disk I/O error"

	tls     *libc.TLS
	self    uintptr // the sqlite3_vfs
	methods uintptr // the sqlite3_io_methods
	name    uintptr
	pin     runtime.Pinner
	open    map[uintptr]*os.File // temporary files, by their sqlite3_file
}

// handle is the sqlite3_file of our files.
type handle struct {
	methods uintptr
	vfs     uintptr
	main    int32 // 1: the database
}

// instances gives each vfs a name of its own in SQLite's list of them.
var instances atomic.Uint64

// register makes a file system known to SQLite until unregister.
func (v *vfs) register() error {
	v.open = map[uintptr]*os.File{}
	v.pin.Pin(v)
	var err error
	if v.name, err = libc.CString(fmt.Sprintf("weir-%d", instances.Add(1))); err != nil {
		return errMemory
	}
	v.self = libc.Xcalloc(v.tls, 1, libc.Tsize_t(sizeOf[lib.Tsqlite3_vfs]()))
	v.methods = libc.Xcalloc(v.tls, 1, libc.Tsize_t(sizeOf[lib.Tsqlite3_io_methods]()))
	if v.self == 0 || v.methods == 0 {
		return errMemory
	}
	*at[lib.Tsqlite3_io_methods](v.methods) = lib.Tsqlite3_io_methods{
		FiVersion:               1,
		FxClose:                 callback(fileClose),
		FxRead:                  callback(fileRead),
		FxWrite:                 callback(fileWrite),
		FxTruncate:              callback(fileTruncate),
		FxSync:                  callback(fileSync),
		FxFileSize:              callback(fileSize),
		FxLock:                  callback(fileLock),
		FxUnlock:                callback(fileLock),
		FxCheckReservedLock:     callback(fileReserved),
		FxFileControl:           callback(fileControl),
		FxSectorSize:            callback(fileSector),
		FxDeviceCharacteristics: callback(fileDevice),
	}
	*at[lib.Tsqlite3_vfs](v.self) = lib.Tsqlite3_vfs{
		FiVersion:          2,
		FszOsFile:          int32(sizeOf[handle]()),
		FmxPathname:        64,
		FzName:             v.name,
		FpAppData:          address(v),
		FxOpen:             callback(vfsOpen),
		FxDelete:           callback(vfsDelete),
		FxAccess:           callback(vfsAccess),
		FxFullPathname:     callback(vfsFullPathname),
		FxRandomness:       callback(vfsRandomness),
		FxSleep:            callback(vfsSleep),
		FxCurrentTime:      callback(vfsCurrentTime),
		FxCurrentTimeInt64: callback(vfsCurrentTimeInt64),
	}
	if rc := lib.Xsqlite3_vfs_register(v.tls, v.self, 0); rc != lib.SQLITE_OK {
		return fmt.Errorf("database: register its file system: error %d of SQLite", rc)
	}
	return nil
}

func (v *vfs) unregister() {
	if v.self != 0 {
		lib.Xsqlite3_vfs_unregister(v.tls, v.self)
	}
	for _, p := range []uintptr{v.self, v.methods, v.name} {
		if p != 0 {
			libc.Xfree(v.tls, p)
		}
	}
	v.self, v.methods, v.name = 0, 0, 0
	v.pin.Unpin()
}

// failed keeps the first error of a file.
func (v *vfs) failed(err error, code int32) int32 {
	if v.fault == nil {
		v.fault = err
	}
	return code
}

func vfsOf(p uintptr) *vfs { return at[vfs](at[lib.Tsqlite3_vfs](p).FpAppData) }

// fileOf gives the file of a handle.
func fileOf(p uintptr) (*vfs, *os.File, bool) {
	h := at[handle](p)
	v := at[vfs](h.vfs)
	if h.main == 1 {
		return v, v.pages.file, true
	}
	return v, v.open[p], false
}

func vfsOpen(_ *libc.TLS, self, _, file uintptr, flags int32, outFlags uintptr) int32 {
	v := vfsOf(self)
	h := at[handle](file)
	*h = handle{}
	const temporaries = lib.SQLITE_OPEN_TEMP_DB | lib.SQLITE_OPEN_TEMP_JOURNAL | lib.SQLITE_OPEN_TRANSIENT_DB | lib.SQLITE_OPEN_SUBJOURNAL
	switch {
	case flags&lib.SQLITE_OPEN_MAIN_DB != 0:
		h.main = 1
	case flags&temporaries != 0:
		f, err := openTemporary(v.dir)
		if err != nil {
			return v.failed(err, lib.SQLITE_CANTOPEN)
		}
		v.open[file] = f
	default:
		return lib.SQLITE_CANTOPEN
	}
	h.vfs, h.methods = address(v), v.methods
	if outFlags != 0 {
		*at[int32](outFlags) = flags
	}
	return lib.SQLITE_OK
}

func vfsDelete(*libc.TLS, uintptr, uintptr, int32) int32 { return lib.SQLITE_OK }

func vfsAccess(_ *libc.TLS, _, _ uintptr, _ int32, result uintptr) int32 {
	*at[int32](result) = 0
	return lib.SQLITE_OK
}

func vfsFullPathname(_ *libc.TLS, _, name uintptr, size int32, out uintptr) int32 {
	text := libc.GoString(name)
	if len(text)+1 > int(size) {
		return lib.SQLITE_CANTOPEN
	}
	to := view(out, int(size))
	to[copy(to, text)] = 0
	return lib.SQLITE_OK
}

// vfsRandomness is never asked: SQLite seeds its random numbers from the default file system.
func vfsRandomness(_ *libc.TLS, _ uintptr, n int32, out uintptr) int32 {
	clear(view(out, int(n)))
	return n
}

func vfsSleep(*libc.TLS, uintptr, int32) int32 { return 0 }

// julian is the Julian day number of 1970, in milliseconds.
const julian = 210866760000000

func vfsCurrentTimeInt64(_ *libc.TLS, self, out uintptr) int32 {
	*at[int64](out) = vfsOf(self).now.UnixMilli() + julian
	return lib.SQLITE_OK
}

func vfsCurrentTime(_ *libc.TLS, self, out uintptr) int32 {
	*at[float64](out) = float64(vfsOf(self).now.UnixMilli()+julian) / 86400000
	return lib.SQLITE_OK
}

func fileClose(_ *libc.TLS, p uintptr) int32 {
	v, f, isMain := fileOf(p)
	if isMain {
		return lib.SQLITE_OK // pages closes it
	}
	delete(v.open, p)
	if err := f.Close(); err != nil {
		return v.failed(err, lib.SQLITE_IOERR_CLOSE)
	}
	return lib.SQLITE_OK
}

func fileRead(_ *libc.TLS, p, buffer uintptr, n int32, offset int64) int32 {
	v, f, _ := fileOf(p)
	to := view(buffer, int(n))
	read, err := f.ReadAt(to, offset)
	switch {
	case err == nil:
		return lib.SQLITE_OK
	case errors.Is(err, io.EOF):
		clear(to[read:])
		return lib.SQLITE_IOERR_SHORT_READ
	}
	return v.failed(err, lib.SQLITE_IOERR_READ)
}

func fileWrite(_ *libc.TLS, p, buffer uintptr, n int32, offset int64) int32 {
	v, f, isMain := fileOf(p)
	if _, err := f.WriteAt(view(buffer, int(n)), offset); err != nil {
		return v.failed(err, lib.SQLITE_IOERR_WRITE)
	}
	if isMain {
		v.pages.wrote(offset, int(n))
	}
	return lib.SQLITE_OK
}

func fileTruncate(_ *libc.TLS, p uintptr, size int64) int32 {
	v, f, isMain := fileOf(p)
	var err error
	if isMain {
		err = v.pages.truncate(size)
	} else {
		err = f.Truncate(size)
	}
	if err != nil {
		return v.failed(err, lib.SQLITE_IOERR_TRUNCATE)
	}
	return lib.SQLITE_OK
}

func fileSync(*libc.TLS, uintptr, int32) int32 { return lib.SQLITE_OK }

func fileSize(_ *libc.TLS, p, out uintptr) int32 {
	v, f, isMain := fileOf(p)
	if isMain {
		*at[int64](out) = int64(v.pages.count) * pageSize
		return lib.SQLITE_OK
	}
	info, err := f.Stat()
	if err != nil {
		return v.failed(err, lib.SQLITE_IOERR_FSTAT)
	}
	*at[int64](out) = info.Size()
	return lib.SQLITE_OK
}

func fileLock(*libc.TLS, uintptr, int32) int32 { return lib.SQLITE_OK }

func fileReserved(_ *libc.TLS, _, out uintptr) int32 {
	*at[int32](out) = 0
	return lib.SQLITE_OK
}

func fileControl(*libc.TLS, uintptr, int32, uintptr) int32 { return lib.SQLITE_NOTFOUND }

// fileSector is as small as can be, so that no page is written because its neighbour was.
func fileSector(*libc.TLS, uintptr) int32 { return 512 }

func fileDevice(*libc.TLS, uintptr) int32 { return lib.SQLITE_IOCAP_POWERSAFE_OVERWRITE }
