package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/user"
	"strings"

	"github.com/spf13/cobra"

	"weir/controlplane"
	"weir/fault"
)

// confirmation asks before something that is not easily undone.
type confirmation struct{ yes bool }

func (c *confirmation) flags(cmd *cobra.Command) {
	cmd.Flags().BoolVarP(&c.yes, "yes", "y", false, "do not ask")
}

// errDeclined is a question that was answered with no.
var errDeclined = &noError{fault.New(fault.Declined, "", "nothing was done")}

// interactive says whether somebody can be asked.
func interactive(cmd *cobra.Command) bool {
	in, ok := cmd.InOrStdin().(*os.File)
	return ok && isTerminal(in) && isTerminal(cmd.ErrOrStderr())
}

// ask asks whether to go on. Where nobody can be asked, needed says whether that
// takes --yes.
func (c *confirmation) ask(cmd *cobra.Command, question string, needed bool) error {
	switch {
	case c.yes:
		return nil
	case !interactive(cmd) && needed:
		return wrongUsage("say --yes, if that is meant", "%s: nobody can be asked here", strings.TrimRight(question, "?."))
	case !interactive(cmd):
		return nil
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "%s [y/N] ", question)
	answer, err := bufio.NewReader(cmd.InOrStdin()).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if a := strings.ToLower(strings.TrimSpace(answer)); a != "y" && a != "yes" {
		return errDeclined
	}
	return nil
}

// askFirst asks before a plan is carried out. Where nobody can be asked, removals
// take --yes; otherwise says what else there is to do.
func (c *confirmation) askFirst(cmd *cobra.Command, question string, p controlplane.Plan, otherwise string) error {
	if gone := removals(p); len(gone) > 0 && !c.yes && !interactive(cmd) {
		return removalError(p.Catalog, gone, "say --yes to have that stop"+otherwise)
	}
	return c.ask(cmd, question, false)
}

// removals names what a plan removes.
func removals(p controlplane.Plan) (gone []string) {
	for _, s := range p.Specs {
		if s.Action == controlplane.Remove {
			gone = append(gone, string(s.Kind)+" "+s.Name)
		}
	}
	return gone
}

// removalError refuses a publication for what it would remove.
func removalError(root string, gone []string, do string) error {
	return wrongUsage(do, "nothing was published, since that would remove %s, which %s had until now", strings.Join(gone, ", "), root)
}

// askFor asks for a word to be typed.
func (c *confirmation) askFor(cmd *cobra.Command, question, word string) error {
	if c.yes || !interactive(cmd) {
		return c.ask(cmd, question, true)
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "%s Type %s to go on: ", question, word)
	answer, err := bufio.NewReader(cmd.InOrStdin()).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if strings.TrimSpace(answer) != word {
		return errDeclined
	}
	return nil
}

// whoIAm is what records say of who did something: user@host.
func whoIAm() string {
	name := "somebody"
	if u, err := user.Current(); err == nil {
		name = u.Username
	} else if u := os.Getenv("USER"); u != "" {
		name = u
	}
	host, err := os.Hostname()
	if err != nil {
		return name
	}
	return name + "@" + host
}
