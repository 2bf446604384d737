package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"go.uber.org/zap/zapcore"

	"weir/catalog"
	"weir/collection"
	"weir/controlplane/documents"
	"weir/document"
	"weir/journal"
)

// mostRows is how many documents a table shows unless --limit says otherwise:
// its columns are known only when all of them are.
const mostRows = 1000

type read struct {
	connection
	results
	where
	limit  int
	follow bool
	reduce bool
	meta   bool
}

// where says which documents of a collection are meant.
type where struct {
	from       string
	key        []string
	partitions []string
}

func (w *where) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&w.from, "from", "", "a sequence, a time (2026-01-31T12:00:00Z), an age (5m, 2h, 3d), first, last or new")
	f.StringArrayVar(&w.key, "key", nil, "only documents of this key; repeat it for each component")
	f.StringArrayVar(&w.partitions, "partition", nil, "field=value: only this logical partition; may be repeated")
}

// query asks for the documents that are meant.
func (w *where) query(ctx context.Context, conn *journal.Conn, c *collection.Collection) (*documents.Query, error) {
	partitions := map[string][]string{}
	for _, text := range w.partitions {
		field, value, ok := strings.Cut(text, "=")
		if !ok {
			return nil, wrongUsage("write field=value, as in --partition region=EU", "--partition %s selects nothing", text)
		}
		partitions[field] = append(partitions[field], value)
	}
	q, err := documents.NewQuery(c, w.key, partitions)
	if err != nil {
		return nil, &usageError{err}
	}
	return q, begin(ctx, w.from, func(now time.Time) error { return q.Begin(ctx, conn, w.from, now) })
}

// begin tells a --from that is none from trouble on the way.
func begin(_ context.Context, from string, do func(now time.Time) error) error {
	err := do(time.Now())
	if errors.Is(err, documents.ErrFrom) {
		return wrongUsage("write a sequence, a time as 2026-01-31T00:00:00Z, an age as 90s, 5m, 2h or 3d, or first, last or new", "--from %s %w", from, documents.ErrFrom)
	}
	return err
}

func readCommand() *cobra.Command {
	r := &read{}
	c := &cobra.Command{
		Use:   "read COLLECTION",
		Short: "Print the documents of a collection: all of them, those of a key, or those that come",
		Long: `Prints the documents that a collection holds, in the order of the stream. With
--reduce it prints one document for each key: all of its documents reduced, and none
where that deletes the document. --key finds the documents of one key without reading
the others.`,
		Example: "  weir read acmeCo/orders --follow\n  weir read acmeCo/orders --key o-17 --meta\n  weir read acmeCo/orders --from 15m --partition region=EU\n  weir read acmeCo/customer-totals --reduce -o table",
		Args:    exactlyOne("COLLECTION"),

		ValidArgsFunction: completeNames(r.connect, string(catalog.KindCollection)),
		RunE: func(cmd *cobra.Command, args []string) error {
			return r.run(cmd.Context(), args[0], cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	r.connection.flags(c)
	r.results.flags(c, formJSONL, formJSON, formYAML, formTable)
	r.where.flags(c)
	f := c.Flags()
	f.IntVarP(&r.limit, "limit", "n", 0, "end after so many documents; 0 is all")
	f.BoolVarP(&r.follow, "follow", "f", false, "wait for more documents")
	f.BoolVar(&r.reduce, "reduce", false, "reduce by key: one document for each, none where it is deleted")
	f.BoolVar(&r.meta, "meta", false, "print sequence, time and subject with each document")
	return c
}

func (r *read) checkFlags() error {
	switch {
	case r.reduce && (r.follow || r.meta):
		return wrongUsage("leave --follow and --meta out, or --reduce", "--reduce reads everything before it prints, and what it prints stands at no sequence")
	case r.follow && r.form == formTable:
		return wrongUsage("leave --follow out, or say another form with -o", "a table is printed when all of it is read, and --follow never ends")
	case r.limit < 0:
		return wrongUsage("say a number above 0, or 0 for all", "--limit %d is below 0", r.limit)
	}
	return r.check()
}

func (r *read) run(ctx context.Context, name string, out, notes io.Writer) error {
	if err := r.checkFlags(); err != nil {
		return err
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
	q, err := r.query(ctx, conn, target)
	if err != nil {
		return err
	}
	p := &printer{read: r, out: bufio.NewWriter(out)}
	switch {
	case r.reduce:
		err = reduced(ctx, conn, q, p.print)
	case r.follow:
		err = q.Follow(ctx, conn, p.out.Flush, p.print)
	default:
		err = q.Read(ctx, conn, p.print)
	}
	if errors.Is(err, errEnough) || (r.follow && errors.Is(err, context.Canceled)) {
		err = nil
	}
	return errors.Join(err, p.end(notes))
}

// errEnough ends a read after --limit documents.
var errEnough = errors.New("enough")

// printer prints documents in the form that was asked for.
type printer struct {
	*read
	out   *bufio.Writer
	count int
	rows  []documents.Document // of a table
	cut   bool                 // more rows than a table shows unasked
}

func (p *printer) print(d documents.Document) error {
	if p.form == formTable && p.limit == 0 && p.count == mostRows {
		p.cut = true
		return errEnough
	}
	if err := p.one(d); err != nil {
		return err
	}
	if p.count++; p.count == p.limit {
		return errEnough
	}
	return nil
}

func (p *printer) one(d documents.Document) error {
	switch {
	case p.form == formTable:
		p.rows = append(p.rows, d)
		return nil
	case p.form == formJSONL && !p.meta:
		if _, err := p.out.Write(d.Data); err != nil {
			return err
		}
		return p.out.WriteByte('\n')
	}
	if !json.Valid(d.Data) { // somebody published it; it is shown as it is
		d.Data, _ = json.Marshal(string(d.Data))
	}
	value := any(d)
	if !p.meta {
		value = d.Data
	}
	if p.form == formJSON {
		return writeJSON(p.out, value, true)
	}
	return p.item(p.out, value, nil)
}

// end draws the table, if there is one.
func (p *printer) end(notes io.Writer) error {
	if len(p.rows) > 0 {
		s := newSheet(p.out)
		s.width = terminalWidth(notes) // that of the terminal behind the buffer
		s.table(documentTable(p.rows, p.meta))
		if _, err := p.out.WriteString(s.b.String()); err != nil {
			return err
		}
	}
	if p.cut {
		fmt.Fprintf(notes, "there are more than %d: --limit shows so many as it says\n", mostRows)
	}
	return p.out.Flush()
}

// documentTable has a column for each member of the documents, in the order in
// which they occur first.
func documentTable(rows []documents.Document, meta bool) *table {
	var names []string
	known := map[string]bool{}
	members := make([]map[string]string, len(rows))
	for i, r := range rows {
		members[i] = map[string]string{}
		var d document.Doc
		if d.Parse(r.Data) != nil || d.Nodes[0].Kind != document.Object {
			members[i]["DOCUMENT"] = string(r.Data)
			if !known["DOCUMENT"] {
				known["DOCUMENT"], names = true, append(names, "DOCUMENT")
			}
			continue
		}
		for k := uint32(1); k < d.Nodes[0].Next; k = d.Nodes[k+1].Next {
			name := d.String(k)
			if !known[name] {
				known[name], names = true, append(names, name)
			}
			members[i][name] = oneLine(d.String(k + 1))
		}
	}
	titles := slices.Clone(names)
	for i, name := range titles {
		titles[i] = "~" + name
	}
	if meta {
		titles = append([]string{">SEQ", "TIME", "~SUBJECT"}, titles...)
	}
	t := newTable(titles...)
	for i, r := range rows {
		var cells []any
		if meta {
			cells = append(cells, r.Seq, r.Time.Local().Format(time.DateTime), r.Subject)
		}
		for _, name := range names {
			cells = append(cells, members[i][name])
		}
		t.add(cells...)
	}
	return t
}

// oneLine keeps a text from breaking its line.
func oneLine(text string) string {
	return strings.Map(func(c rune) rune {
		if c < ' ' || c == 0x7f {
			return ' '
		}
		return c
	}, text)
}

// reduced gives one document for each key.
func reduced(ctx context.Context, conn *journal.Conn, q *documents.Query, fn func(documents.Document) error) error {
	combiner := q.Collection.ForReading().NewCombiner(collection.CombinerOptions{Full: true, Sorted: true})
	defer combiner.Close()
	err := q.Read(ctx, conn, func(d documents.Document) error {
		if err := combiner.Add(d.Data); err != nil {
			return fmt.Errorf("sequence %d: %w", d.Seq, err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	var doc document.Doc
	return combiner.Drain(func(c collection.Combined) error {
		if c.Deleted {
			return nil
		}
		if err := doc.Parse(c.Raw); err != nil {
			return err
		}
		return fn(documents.Document{Data: doc.Append(nil, 0)})
	})
}
