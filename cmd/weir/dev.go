package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"go.uber.org/zap/zapcore"

	"weir/catalog"
	"weir/controlplane"
	"weir/controlplane/api"
	"weir/fault"
)

// dev is `weir dev`: up, and a publication for each change that is good.
type dev struct {
	up
	instance *instance
	watched  *watched
	path     string
	running  string // when what runs was published; empty: nothing was yet
	newest   string // publication of the catalog that was seen last
}

func devCommand() *cobra.Command {
	d := &dev{}
	c := &cobra.Command{
		Use:   "dev CATALOG",
		Short: "Keep a catalog running while you edit it: each save is checked, tested and published",
		Long: `Runs a catalog as "weir up" does, and looks at its files: after each change it builds
the catalog, warns as "weir lint" does, and runs the tests that the change affects.
When all is well the change is published, and only the tasks that it touches start
anew. When something is wrong, it is shown with its place, and what was published
before keeps running.`,
		Example: "  weir dev examples/orders\n  weir dev . --port 0 --data scratch",
		Args:    exactlyOne("CATALOG"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := d.check(cmd); err != nil {
				return err
			}
			return d.run(cmd.Context(), args[0], cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	d.upFlags(c)
	return c
}

func (d *dev) run(ctx context.Context, path string, out, problems io.Writer) error {
	if _, err := os.Stat(path); err != nil {
		return wrongUsage("name a catalog that is there; `weir init "+path+"` makes one to begin with", "%s: there is no such file or directory", path)
	}
	i, err := d.begin(ctx, path, out, problems)
	if err != nil {
		return err
	}
	defer i.stop()
	if err := i.serve(ctx, everything); err != nil {
		return err
	}
	d.path, d.instance = path, i
	d.watched = &watched{tests: &tests{path: path, colors: colors(out)}, outcomes: map[string]outcomeOf{}}
	return d.follow(ctx, i.work)
}

// follow tries each change while the worker works, until either ends.
func (d *dev) follow(ctx context.Context, work func(context.Context) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	followed := make(chan error, 1)
	go func() { // its end is waited for below
		err := onChanges(ctx, d.watched.places, d.try)
		if err != nil {
			cancel()
		}
		followed <- err
	}()
	err := work(ctx)
	cancel()
	return errors.Join(<-followed, err)
}

// try checks the catalog as it is on disk, and publishes it if it is good. An
// error is one of what is around it, not of the catalog.
func (d *dev) try(ctx context.Context) error {
	done, err := d.attempt(ctx)
	var red *redError
	now := time.Now().Format(time.TimeOnly)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.As(err, &red):
		d.instance.screen.tell(d.paint(bad, now+" not published: ") + red.Error() + toDo(red) + d.keeps())
	case err != nil:
		return err
	default:
		d.running = now
		d.instance.screen.tell(d.paint(good, now+" ") + done)
	}
	return nil
}

// toDo is what to do about an error, on a line of its own. Faults of a catalog say it themselves.
func toDo(err error) string {
	if e := api.Explain(err); e.Code != fault.Catalog && e.Code != fault.Failed {
		return "\n  do: " + e.Fix
	}
	return ""
}

func (d *dev) paint(c color, text string) string {
	return (&sheet{colors: colored(d.instance.screen.out)}).paint(c, text)
}

// keeps says what goes on meanwhile.
func (d *dev) keeps() string {
	if d.running == "" {
		return "\nmend it: every change of a file is tried"
	}
	return "\nwhat was published at " + d.running + " keeps running"
}

// redError is something that the author has to mend.
type redError struct{ err error }

func (e *redError) Error() string { return e.err.Error() }
func (e *redError) Unwrap() error { return e.err }

// attempt builds, lints, tests and publishes, and says what it did.
func (d *dev) attempt(ctx context.Context) (string, error) {
	c, err := build(ctx, d.path, d.logger(zapcore.ErrorLevel))
	if err != nil {
		return "", &redError{err}
	}
	d.watched.files = c.Files()
	actions, err := d.instance.connectors.Examine(ctx, c)
	if err != nil {
		return "", &redError{err}
	}
	// What fails is shown again, whether this change has to do with it or not.
	maps.DeleteFunc(d.watched.outcomes, func(_ string, o outcomeOf) bool { return o.failed })
	var shown bytes.Buffer
	d.watched.out = &shown
	_, failing, err := d.watched.affected(ctx, c)
	if err != nil {
		return "", err
	}
	if len(failing) > 0 {
		return "", &redError{fmt.Errorf("%s: %s\n%s", plural(len(failing), "test fails", "tests fail"), strings.Join(failing, ", "), strings.TrimRight(shown.String(), "\n"))}
	}
	draft, err := controlplane.NewDraft(ctx, d.instance.conn, c, controlplane.Options{Catalog: d.instance.catalog, Prune: true, Build: version, By: whoIAm(), Message: "weir dev", Actions: actions})
	if err != nil {
		return "", refusal(err)
	}
	plan := draft.Plan()
	if gone := removals(plan); len(gone) > 0 && d.running == "" && d.given() && !d.yes {
		return "", &redError{removalError(plan.Catalog, gone, "begin again with --yes to have that stop"+orNamed)}
	}
	over, err := d.meanwhile(ctx)
	if err != nil {
		return "", err
	}
	done, err := draft.Publish(ctx)
	if err != nil {
		return "", refusal(err)
	}
	if done.ID != "" {
		d.newest = done.ID
	}
	return d.summary(plan, c) + over, nil
}

// meanwhile says whether somebody else has published this catalog since, as by a
// revert: the files, which know nothing of it, go over it.
func (d *dev) meanwhile(ctx context.Context) (string, error) {
	all, err := controlplane.History(ctx, d.instance.conn, d.instance.catalog)
	if err != nil || len(all) == 0 {
		return "", err
	}
	before, p := d.newest, all[0]
	d.newest = p.ID
	if before == "" || before == p.ID {
		return "", nil
	}
	text := "\nover " + p.ID + " by " + p.By
	if p.Message != "" {
		text += " (" + p.Message + ")"
	}
	return text + ", which came meanwhile: `weir revert` with its identifier brings it back", nil
}

// refusal tells what the author can mend from what is around.
func refusal(err error) error {
	var faults catalog.Errors
	var dependents *controlplane.DependentsError
	if errors.As(err, &faults) || errors.As(err, &dependents) || errors.Is(err, controlplane.ErrConcurrent) {
		return &redError{err}
	}
	return err
}

// summary says what was published, and what that did.
func (d *dev) summary(p controlplane.Plan, c *catalog.Catalog) string {
	text := "published"
	if p.Empty() {
		text = "as published"
	}
	names := map[string][]string{}
	for _, s := range p.Specs {
		names[s.Action] = append(names[s.Action], s.Name)
	}
	for _, part := range []struct{ action, word string }{{controlplane.Create, "created"}, {controlplane.Change, "changed"}, {controlplane.Remove, "removed"}} {
		if of := names[part.action]; len(of) > 0 {
			text += ", " + part.word + " " + strings.Join(of, ", ")
		}
	}
	text = strings.Replace(text, "published,", "published:", 1)
	text += " (" + plural(len(c.Tests), "test passes", "tests pass") + ")"
	for _, w := range warningsOf(c) {
		text += "\nwarning: " + w.String()
	}
	return text
}
