//go:build unix

package program

import (
	"os"
	"syscall"
)

// terminate asks the program's group to end.
func terminate(p *os.Process) { _ = syscall.Kill(-p.Pid, syscall.SIGTERM) } // it may be gone already

// kill ends the program's group.
func kill(p *os.Process) { _ = syscall.Kill(-p.Pid, syscall.SIGKILL) } // it may be gone already
