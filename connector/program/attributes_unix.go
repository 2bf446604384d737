//go:build unix && !linux

package program

import "syscall"

// attributes give the program a process group of its own, so that whatever it
// starts is ended with it. A program ends by itself when its standard input
// does, should this process be killed.
func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
