package objects

import (
	"io/fs"
	"syscall"
	"time"
)

// changed is when the file's content, name or mode changed last: a file that
// is moved in with an old time of its content is seen to be new.
func changed(info fs.FileInfo) time.Time {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return time.Unix(stat.Ctim.Unix())
	}
	return info.ModTime()
}
