package program

import "syscall"

// attributes give the program a process group of its own, so that whatever it
// starts is ended with it, and end it when the thread that started it does:
// when this process is killed.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
