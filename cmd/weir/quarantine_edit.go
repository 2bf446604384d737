package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"go.uber.org/zap/zapcore"

	"weir/controlplane/quarantine"
	"weir/fault"
)

type quarantineEdit struct {
	connection
	results
	set     []string
	file    string
	options quarantine.Options
}

func quarantineEditCommand() *cobra.Command {
	q := &quarantineEdit{}
	c := &cobra.Command{
		Use:   "edit ID",
		Short: "Mend a quarantined document and give it back to its collection",
		Long: `Opens the document in $VISUAL or $EDITOR, or changes it by --set, or takes another
one by --file; then does what quarantine retry does. What the schema does not take is not
published, and nothing is lost.`,
		Example: "  weir quarantine edit 17\n  weir quarantine edit 17 --set /amount=12 --set /name=Ada\n  weir quarantine edit 17 --file mended.json",
		Args:    exactlyOne("ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return q.run(cmd.Context(), cmd, args[0])
		},
	}
	q.connection.flags(c)
	q.results.flags(c, formText, formJSON, formYAML)
	f := c.Flags()
	f.StringArrayVar(&q.set, "set", nil, "pointer=value: another value; a string if it is no JSON; may be repeated")
	f.StringVar(&q.file, "file", "", "take the document from this file; - is standard input")
	f.BoolVar(&q.options.Again, "again", false, "also if another task has read it already and will read it twice")
	f.BoolVar(&q.options.DryRun, "dry-run", false, "only say what would happen")
	return c
}

func (q *quarantineEdit) run(ctx context.Context, cmd *cobra.Command, arg string) error {
	if err := q.check(); err != nil {
		return err
	}
	id, err := entryID(arg)
	if err != nil {
		return err
	}
	if q.file != "" && len(q.set) > 0 {
		return wrongUsage("leave one out", "--set and --file both say what the document shall be")
	}
	conn, err := q.open(ctx, "quarantine", q.logger(zapcore.WarnLevel))
	if err != nil {
		return err
	}
	defer conn.Close()
	d, err := quarantine.Get(ctx, conn, id)
	if err != nil {
		return err
	}
	mended, kept, err := q.mended(ctx, cmd, &d)
	if err != nil {
		return err
	}
	q.options.Document = mended
	retrier, err := quarantine.NewRetrier(ctx, conn)
	if err != nil {
		return err
	}
	outcome, err := retrier.Retry(ctx, id, q.options)
	if err == nil {
		err = q.write(cmd.OutOrStdout(), outcome, func(s *sheet) { drawOutcome(s, &outcome) })
	}
	if err == nil && outcome.Done && kept != "" {
		return os.RemoveAll(filepath.Dir(kept))
	}
	if kept != "" {
		fmt.Fprintf(cmd.ErrOrStderr(), "the edited text is in %s: go on with `weir quarantine edit %d --file %s`\n", kept, id, kept)
	}
	if err == nil && !outcome.Done {
		err = &noError{fault.New(fault.No, "correct the document by what is said above", "the document stays in quarantine")}
	}
	return err
}

// mended gives the document as it shall be, and the file that an editor left
// it in.
func (q *quarantineEdit) mended(ctx context.Context, cmd *cobra.Command, d *quarantine.Document) (text []byte, file string, err error) {
	switch {
	case q.file == "-":
		text, err = io.ReadAll(cmd.InOrStdin())
	case q.file != "":
		text, err = os.ReadFile(q.file)
	case len(q.set) > 0:
		text, err = setAll(d.Data, q.set)
	default:
		return edited(ctx, cmd, d)
	}
	return bytes.TrimSpace(text), "", err
}

func setAll(text []byte, assignments []string) ([]byte, error) {
	for _, assignment := range assignments {
		pointer, value, ok := strings.Cut(assignment, "=")
		if !ok {
			return nil, wrongUsage("write pointer=value, as in --set /amount=12", "--set %s assigns nothing", assignment)
		}
		given := json.RawMessage(value)
		if !json.Valid(given) {
			given, _ = json.Marshal(value) // a string
		}
		var err error
		if text, err = quarantine.Set(text, pointer, given); err != nil {
			return nil, wrongUsage("write pointer=value, as in --set /amount=12", "--set %s: %w", assignment, err)
		}
	}
	return text, nil
}

// edited opens the document in the user's editor. The file is in a directory
// of its own.
func edited(ctx context.Context, cmd *cobra.Command, d *quarantine.Document) (text []byte, file string, err error) {
	editor := os.Getenv("VISUAL")
	if editor == "" {
		editor = os.Getenv("EDITOR")
	}
	if editor == "" {
		return nil, "", wrongUsage("set $VISUAL or $EDITOR, or give --set or --file", "there is no editor")
	}
	dir, err := os.MkdirTemp("", "weir-edit-")
	if err != nil {
		return nil, "", err
	}
	file = filepath.Join(dir, fmt.Sprintf("%d.json", d.ID))
	before := []byte(pretty(d) + "\n")
	if err := os.WriteFile(file, before, 0o600); err != nil {
		return nil, "", err
	}
	words := strings.Fields(editor)                                       // as in EDITOR="code --wait"
	run := exec.CommandContext(ctx, words[0], append(words[1:], file)...) //nolint:gosec // the user's own editor
	run.Stdin, run.Stdout, run.Stderr = os.Stdin, cmd.ErrOrStderr(), cmd.ErrOrStderr()
	if isTerminal(cmd.OutOrStdout()) {
		run.Stdout = cmd.OutOrStdout()
	}
	if err := run.Run(); err != nil {
		return nil, "", fault.New(fault.File, "set $VISUAL or $EDITOR to an editor that runs, or give --set or --file", "editor %s: %w", words[0], err)
	}
	if text, err = os.ReadFile(file); err != nil {
		return nil, "", err
	}
	if bytes.Equal(text, before) {
		if err := os.RemoveAll(dir); err != nil {
			return nil, "", err
		}
		return nil, "", &noError{fault.New(fault.Declined, "change the document in the editor, or give --set or --file", "nothing was changed, and nothing done")}
	}
	var compact bytes.Buffer
	if json.Compact(&compact, text) == nil {
		text = compact.Bytes()
	}
	return bytes.TrimSpace(text), file, nil
}
