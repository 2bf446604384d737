package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"
	"go.uber.org/zap/zapcore"

	"weir/catalog"
	"weir/collection"
	"weir/controlplane"
	"weir/fault"
	"weir/journal"
	"weir/worker"
)

// maxLine is the largest document that ingest takes on a line.
const maxLine = 64 << 20

type ingest struct{ connection }

func ingestCommand() *cobra.Command {
	i := &ingest{}
	c := &cobra.Command{
		Use:   "ingest COLLECTION",
		Short: "Publish documents from standard input, one JSON document a line",
		Long: `Reads JSON documents from standard input, one a line, checks each against the
collection's schema, and stores them in atomic batches. The first document that
is refused ends the command: its line is named, and everything before it is stored.`,
		Example: "  weir ingest acmeCo/orders < examples/orders/orders.jsonl",
		Args:    exactlyOne("COLLECTION"),

		ValidArgsFunction: completeNames(i.connect, string(catalog.KindCollection)),
		RunE: func(cmd *cobra.Command, args []string) error {
			return i.run(cmd.Context(), args[0], cmd.InOrStdin(), cmd.ErrOrStderr())
		},
	}
	i.connection.flags(c)
	return c
}

func (i *ingest) run(ctx context.Context, name string, in io.Reader, progress io.Writer) (err error) {
	conn, err := i.open(ctx, "ingest", i.logger(zapcore.WarnLevel))
	if err != nil {
		return err
	}
	defer conn.Close()
	target, err := publishedCollection(ctx, conn, name)
	if err != nil {
		return err
	}
	if target.Spec.Derive != nil {
		return fault.New(fault.DerivedCollection, "publish to the collections that it is derived from", "%s is derived: only its derivation writes it", name)
	}
	entrance := worker.NewEntrance(conn, target)
	stored, err := pour(ctx, in, entrance)
	if closing := entrance.Close(ctx); err == nil {
		err = closing
	}
	fmt.Fprintf(progress, "%s stored in %s\n", countOf(stored), name)
	return err
}

// line is one line of the input, or its end.
type line struct {
	number int
	text   []byte
	err    error
}

// pour stores the lines of in. A batch is flushed when it is full, or when
// the input pauses.
func pour(ctx context.Context, in io.Reader, to *worker.Entrance) (stored int, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	lines := make(chan line, 256) // read ahead while a batch is committed
	go readLines(ctx, in, lines)  // ends with the input or with ctx
	flush := func() error {
		n, err := to.Flush(ctx)
		stored += n
		return err
	}
	for {
		var l line
		select {
		case l = <-lines:
		default:
			if err := flush(); err != nil {
				return stored, err
			}
			select {
			case l = <-lines:
			case <-ctx.Done():
				return stored, ctx.Err()
			}
		}
		if errors.Is(l.err, io.EOF) {
			return stored, flush()
		}
		if err := l.err; err == nil {
			l.err = to.Add(l.text)
		}
		if l.err != nil {
			return stored, errors.Join(lineError(l), flush())
		}
		if to.Full() {
			if err := flush(); err != nil {
				return stored, err
			}
		}
	}
}

// lineError says that a line is not stored.
func lineError(l line) error {
	err := fmt.Errorf("line %d: %w", l.number, l.err)
	if ownCode(err) != fault.InvalidDocument {
		return err
	}
	return fault.Wrap(err, fault.InvalidDocument, "correct that line, and give it and those behind it again; those before it are stored")
}

func readLines(ctx context.Context, in io.Reader, to chan<- line) {
	s := bufio.NewScanner(in)
	s.Buffer(make([]byte, 64<<10), maxLine)
	number := 0
	send := func(l line) bool {
		select {
		case to <- l:
			return true
		case <-ctx.Done():
			return false
		}
	}
	for s.Scan() {
		number++
		text := bytes.TrimSpace(s.Bytes())
		if len(text) > 0 && !send(line{number: number, text: bytes.Clone(text)}) {
			return
		}
	}
	err := s.Err()
	switch {
	case err == nil:
		err = io.EOF
	case errors.Is(err, bufio.ErrTooLong):
		err = fault.New(fault.TooLarge, "make it smaller", "it is longer than %d MiB, which no document may be", maxLine>>20)
	}
	send(line{number: number + 1, err: err})
}

// publishedCollection compiles a collection as it is published.
func publishedCollection(ctx context.Context, conn *journal.Conn, name string) (*collection.Collection, error) {
	records, err := controlplane.Records(ctx, conn)
	if err != nil {
		return nil, err
	}
	var known []string
	for _, r := range records {
		if r.Collection == nil {
			continue
		}
		if r.Collection.Name == name {
			return collection.New(r.Collection)
		}
		known = append(known, r.Collection.Name)
	}
	slices.Sort(known)
	return nil, &controlplane.NameError{Name: name, Known: known}
}
