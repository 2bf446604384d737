package program

import (
	"maps"
	"os"
	"os/exec"
	"slices"
	"time"

	"go.uber.org/zap"
)

// Command says what is started, and how.
type Command struct {
	Args    []string          // the program and its arguments
	Dir     string            // that it is started in
	Env     map[string]string // what its environment has beside what every program gets
	Secrets []string          // values that nothing may show
	Log     *zap.Logger       // for what it logs; nil: nothing is logged
	Grace   time.Duration     // from asking it to end to ending it; 0: 5 s
}

// inherited are the variables that a program has of this process: where things
// are. Whatever else stands there, the credentials of Weir's own connection
// among it, is none of a connector's business.
var inherited = []string{"PATH", "HOME", "TMPDIR", "LANG"}

// told is what connectors are told about how to speak.
var told = map[string]string{"FLOW_RUNTIME_CODEC": "json", "LOG_FORMAT": "json", "LOG_LEVEL": "info"}

func (c *Command) environment() []string {
	vars := maps.Clone(told)
	for _, name := range inherited {
		if value, ok := os.LookupEnv(name); ok {
			vars[name] = value
		}
	}
	maps.Copy(vars, c.Env)
	out := make([]string, 0, len(vars))
	for _, name := range slices.Sorted(maps.Keys(vars)) {
		out = append(out, name+"="+vars[name])
	}
	return out
}

func (c *Command) cmd(stdin, stdout, stderr *os.File) *exec.Cmd {
	cmd := exec.Command(c.Args[0], c.Args[1:]...) //nolint:gosec,noctx // the user names the program; Stop ends it
	cmd.Dir, cmd.Env = c.Dir, c.environment()
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, stdout, stderr
	cmd.SysProcAttr = attributes()
	return cmd
}
