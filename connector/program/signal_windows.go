package program

import (
	"os"
	"syscall"
)

func attributes() *syscall.SysProcAttr { return nil }

// terminate leaves it to the end of standard input: Windows has no signal that
// asks a program to end.
func terminate(*os.Process) {}

// kill ends the program.
func kill(p *os.Process) { _ = p.Kill() } // it may be gone already
