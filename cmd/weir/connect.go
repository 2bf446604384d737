package main

import (
	"context"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"weir/fault"
	"weir/journal"
)

// connection holds the flags that say which NATS server to use.
type connection struct {
	url     string
	context string
	batch   int
	verbose bool
}

func (c *connection) flags(cmd *cobra.Command) {
	c.flagsOr(cmd, "NATS_URL, the selected NATS context, or nats://127.0.0.1:4222")
}

// flagsOr says which server it is when no flag names one.
func (c *connection) flagsOr(cmd *cobra.Command, otherwise string) {
	f := cmd.Flags()
	f.StringVar(&c.url, "nats", "", "URL of a NATS server; the default is "+otherwise)
	f.StringVar(&c.context, "context", "", "NATS context, by name or file")
	f.IntVar(&c.batch, "max-batch", 1000, "messages in one atomic batch that this server allows (jetstream limits batch max_msgs)")
	f.BoolVarP(&c.verbose, "verbose", "v", false, "log more, to standard error")
}

// given says whether the user named a server on the command line.
func (c *connection) given() bool { return c.url != "" || c.context != "" }

func (c *connection) open(ctx context.Context, role string, log *zap.Logger) (*journal.Conn, error) {
	conn, err := journal.Connect(ctx, journal.Options{URL: c.url, Context: c.context, Name: "weir/" + version + " " + role, MaxBatch: c.batch, Log: log})
	if err == nil {
		return conn, nil
	}
	if code, fix, ok := fault.What(err); ok && !c.given() {
		err = fault.Wrap(err, code, fix+". No flag names the server: it is that of NATS_URL, of the selected NATS context, or nats://127.0.0.1:4222")
	}
	return nil, &environmentError{err}
}

// logger writes to standard error: what has the level, or everything from
// debug with verbose. Lines are for people on a terminal, JSON elsewhere.
func (c *connection) logger(level zapcore.Level) *zap.Logger {
	return c.logTo(os.Stderr, level)
}

func (c *connection) logTo(out *os.File, level zapcore.Level) *zap.Logger {
	if c.verbose {
		level = zapcore.DebugLevel
	}
	config := zap.NewProductionEncoderConfig()
	config.EncodeTime = zapcore.ISO8601TimeEncoder
	encoder := zapcore.NewJSONEncoder(config)
	if isTerminal(out) {
		config.EncodeTime = zapcore.TimeEncoderOfLayout("15:04:05.000")
		config.EncodeLevel = zapcore.CapitalLevelEncoder
		encoder = zapcore.NewConsoleEncoder(config)
	}
	return zap.New(zapcore.NewCore(encoder, zapcore.Lock(out), level))
}

// stateDir is where weir keeps what it makes for this user.
func stateDir() (string, error) {
	if dir := os.Getenv("XDG_STATE_HOME"); dir != "" {
		return filepath.Join(dir, "weir"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", &environmentError{err}
	}
	return filepath.Join(home, ".local", "state", "weir"), nil
}
