package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"
	"go.uber.org/zap/zapcore"

	"weir/collection"
	"weir/document"
	"weir/journal"
)

type read struct {
	connection
	from   uint64
	count  int
	follow bool
	reduce bool
	meta   bool
}

func readCommand() *cobra.Command {
	r := &read{}
	c := &cobra.Command{
		Use:   "read COLLECTION",
		Short: "Print the documents of a collection, one a line",
		Long: `Prints the documents that a collection holds, in the order of the stream. With
--reduce it prints one document for each key: all of its documents reduced, and none
where that deletes the document.`,
		Example: "  weir read acmeCo/orders --follow\n  weir read acmeCo/customer-totals --reduce",
		Args:    exactlyOne("COLLECTION"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return r.run(cmd.Context(), args[0], cmd.OutOrStdout())
		},
	}
	r.connection.flags(c)
	f := c.Flags()
	f.Uint64Var(&r.from, "from", 0, "begin at this sequence of the stream")
	f.IntVarP(&r.count, "count", "n", 0, "end after so many documents; 0 is all")
	f.BoolVarP(&r.follow, "follow", "f", false, "wait for more documents")
	f.BoolVar(&r.reduce, "reduce", false, "reduce by key: one document for each, none where it is deleted")
	f.BoolVar(&r.meta, "meta", false, "print sequence, time and subject before each document")
	return c
}

func (r *read) run(ctx context.Context, name string, out io.Writer) error {
	if r.reduce && (r.follow || r.meta || r.count > 0) {
		return &usageError{errors.New("--reduce reads everything before it prints: it goes with --from only")}
	}
	if r.count < 0 {
		return &usageError{fmt.Errorf("--count %d: there are no fewer documents than none", r.count)}
	}
	conn, err := r.open(ctx, "read", r.logger(zapcore.WarnLevel))
	if err != nil {
		return err
	}
	defer conn.Close()
	target, err := publishedCollection(ctx, conn, name)
	if err != nil {
		return err
	}
	buffered := bufio.NewWriter(out)
	defer buffered.Flush()
	switch {
	case r.reduce:
		err = r.reduced(ctx, conn, target, buffered)
	case r.follow:
		err = r.live(ctx, conn, target, buffered)
	default:
		err = conn.ReadAll(ctx, target.StreamName(), collection.DocFilter(name), r.after(), func(m journal.Message) error { return r.print(buffered, m) })
	}
	if errors.Is(err, errEnough) || (r.follow && errors.Is(err, context.Canceled)) {
		return nil
	}
	return err
}

// errEnough ends a read after --count documents.
var errEnough = errors.New("enough")

func (r *read) after() uint64 { return max(r.from, 1) - 1 }

func (r *read) print(out io.Writer, m journal.Message) error {
	if r.meta {
		fmt.Fprintf(out, "%d\t%s\t%s\t", m.Seq, m.Time.UTC().Format(time.RFC3339Nano), m.Subject)
	}
	if _, err := fmt.Fprintf(out, "%s\n", m.Data); err != nil {
		return err
	}
	if r.count--; r.count == 0 {
		return errEnough
	}
	return nil
}

// live prints what is there and then waits for more.
func (r *read) live(ctx context.Context, conn *journal.Conn, target *collection.Collection, out *bufio.Writer) error {
	reader, err := conn.NewReader(ctx, journal.ReaderConfig{Stream: target.StreamName(), Filter: collection.DocFilter(target.Name), After: r.after(), Name: "weir_read"})
	if err != nil {
		return err
	}
	defer reader.Close()
	for {
		m, ok, err := reader.TryNext()
		if err == nil && !ok {
			if err := out.Flush(); err != nil {
				return err
			}
			m, err = reader.Next(ctx)
		}
		if err != nil {
			return err
		}
		if err := r.print(out, m); err != nil {
			return err
		}
	}
}

// reduced prints one document for each key.
func (r *read) reduced(ctx context.Context, conn *journal.Conn, target *collection.Collection, out io.Writer) error {
	combiner := target.ForReading().NewCombiner(collection.CombinerOptions{Full: true, Sorted: true})
	defer combiner.Close()
	err := conn.ReadAll(ctx, target.StreamName(), collection.DocFilter(target.Name), r.after(), func(m journal.Message) error {
		if err := combiner.Add(m.Data); err != nil {
			return fmt.Errorf("sequence %d: %w", m.Seq, err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	var doc document.Doc
	var line []byte
	return combiner.Drain(func(c collection.Combined) error {
		if c.Deleted {
			return nil
		}
		if err := doc.Parse(c.Raw); err != nil {
			return err
		}
		line = append(doc.Append(line[:0], 0), '\n')
		_, err := out.Write(line)
		return err
	})
}
