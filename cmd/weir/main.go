// Command weir keeps Data Flows running on NATS JetStream: one binary with the
// embedded server, the control plane, the worker and the commands to use them.
package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"weir/catalog"
	"weir/fault"
	"weir/sinks"
	filesink "weir/sinks/files"
	natssink "weir/sinks/nats"
	"weir/sinks/postgres"
	processsink "weir/sinks/process"
	"weir/sinks/sqlite"
	"weir/sinks/webhook"
	"weir/sources"
	filesource "weir/sources/files"
	"weir/sources/generator"
	httpsource "weir/sources/http"
	natssource "weir/sources/nats"
	processsource "weir/sources/process"
)

// version is set by release builds (-ldflags "-X main.version=...").
var version = "dev"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	go func() { // the first signal asks, the second one ends the process
		<-ctx.Done()
		stop()
	}()
	code := execute(ctx, root())
	stop()
	os.Exit(code)
}

// execute runs a command line and gives the exit code.
func execute(ctx context.Context, c *cobra.Command) int {
	ran, err := c.ExecuteContextC(ctx)
	if err == nil {
		return 0
	}
	report(c.ErrOrStderr(), ran, err)
	return exitCode(err)
}

// root is the command tree: one file a command.
func root() *cobra.Command {
	c := &cobra.Command{
		Use:           "weir",
		Short:         "Data Flows on NATS JetStream",
		Long:          "Weir keeps Data Flows running on NATS JetStream: collections of JSON documents,\nderivations in JavaScript and SQL, and materializations that keep destinations up to date.\n\nExit codes: 0 done, 1 failed, 2 the catalog or the command line is wrong, 3 a server or\nanother thing around weir is not there, 4 the answer is no: a wait ran out, a check\nfound something.",
		SilenceUsage:  true,
		SilenceErrors: true,

		SuggestionsMinimumDistance: 2,
		DisableFlagsInUseLine:      true,

		Args: knownCommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	c.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return flagError(cmd, err)
	})
	c.AddCommand(initCommand(), devCommand(), planCommand(), historyCommand(), revertCommand(), listCommand(), getCommand(), describeCommand(),
		pauseCommand(), resumeCommand(), deleteCommand(), waitCommand())
	c.AddCommand(upCommand(), serveCommand(), publishCommand(), ingestCommand(), testCommand(), lintCommand(),
		generateCommand(), statusCommand(), logsCommand(), doctorCommand(), readCommand(), fieldsCommand(), schemaCommand(), versionCommand())
	c.AddCommand(discoverCommand(), tapCommand(), quarantineCommand(), eraseCommand())
	return c
}

// sinkRegistry holds the built-in materializations. This and sourceRegistry
// are the only places that name them.
func sinkRegistry() sinks.Registry {
	return sinks.Registry{
		catalog.LocalEndpoint: processsink.New(noLocal()),
		"files":               filesink.New(),
		"nats":                natssink.New(),
		"postgres":            postgres.New(),
		"sqlite":              sqlite.New(),
		"webhook":             webhook.New(),
	}
}

// sourceRegistry holds the built-in captures.
func sourceRegistry() sources.Registry {
	return sources.Registry{
		"files":               filesource.New(),
		"generator":           generator.New(),
		"http":                httpsource.New(),
		"nats":                natssource.New(),
		catalog.LocalEndpoint: processsource.New(noLocal()),
	}
}

// noLocalVariable switches connectors off that are programs on this machine,
// for every command: whoever can publish here could otherwise run anything.
const noLocalVariable = "WEIR_NO_LOCAL"

func noLocal() bool { return os.Getenv(noLocalVariable) != "" }

// usageError is a command line that is wrong.
type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

// environmentError is something around weir that is not as it must be.
type environmentError struct{ err error }

func (e *environmentError) Error() string { return e.err.Error() }
func (e *environmentError) Unwrap() error { return e.err }

func exitCode(err error) int {
	var (
		usage       *usageError
		environment *environmentError
		no          *noError
		faults      catalog.Errors
	)
	switch {
	case errors.As(err, &usage), errors.As(err, &faults):
		return exitInvalid
	case errors.As(err, &environment):
		return exitEnvironment
	case errors.As(err, &no):
		return exitNo
	}
	return exitFailed
}

// wrongUsage makes the error of a wrong command line; fix "" names the
// command's help.
func wrongUsage(fix, format string, args ...any) error {
	return &usageError{fault.New(fault.Usage, fix, format, args...)}
}

// helpOf is where a command explains itself.
func helpOf(cmd *cobra.Command) string {
	return "`" + cmd.CommandPath() + " --help` shows what it takes"
}

// flagError is a flag that is not there, or has a value that it cannot have.
func flagError(cmd *cobra.Command, err error) error {
	var (
		unknown *pflag.NotExistError
		value   *pflag.InvalidValueError
	)
	switch {
	case errors.As(err, &unknown):
		var flags []string
		cmd.Flags().VisitAll(func(f *pflag.Flag) { flags = append(flags, f.Name) })
		if near := catalog.Nearest(unknown.GetSpecifiedName(), flags); near != "" {
			return wrongUsage("if you mean --"+near+", say that; "+helpOf(cmd), "%w", err)
		}
	case errors.As(err, &value):
		name := value.GetFlag().Name
		return wrongUsage("--"+name+" is: "+value.GetFlag().Usage+"; "+helpOf(cmd), "--%s cannot be %q", name, value.GetValue())
	}
	return wrongUsage("", "%w", err)
}

// knownCommand is the arguments' rule of the root, which takes none but the
// names of commands: those never come here.
func knownCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	fix := "`weir --help` lists the commands"
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		fix = "if you mean `weir " + strings.Join(near, "` or `weir ") + "`, say that; " + fix
	}
	return wrongUsage(fix, "there is no command %s", args[0])
}

// noArguments is the arguments' rule of commands that take flags only.
func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return wrongUsage("", "%s takes no arguments, but there is %s", cmd.Name(), strings.Join(args, " "))
	}
	return nil
}

// exactlyOne is the arguments' rule of commands that take one thing.
func exactlyOne(what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) != 1 {
			return wrongUsage("write `"+cmd.Root().Name()+" "+cmd.Use+"`; "+helpOf(cmd), "%s takes one %s", cmd.Name(), what)
		}
		return nil
	}
}

// atLeastOne is the arguments' rule of commands that take several things.
func atLeastOne(what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return wrongUsage("write `"+cmd.Root().Name()+" "+cmd.Use+"`; "+helpOf(cmd), "%s takes a %s", cmd.Name(), what)
		}
		return nil
	}
}
