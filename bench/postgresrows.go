package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/jackc/pgx/v5"

	"weir/internal/pgtest"
)

// The rows of Weir's PostgreSQL tables, beside their limit. The server is one
// of their own, started for the first of them, which syncs as servers do.

// tablePostgres keeps a PostgreSQL table up to date with the orders.
const tablePostgres = source + `
materializations:
  %[1]s/db:
    endpoint: {postgres: {url: "URL", schema: %[1]s}}
    bindings: [{source: %[1]s/orders, resource: {table: orders}}]
`

// postgresSizes are the limit's transactions: of documents as a client would
// batch them, and as many as Weir takes when it is behind.
var postgresSizes = []int{10_000, 100_000}

// postgresRows hold what the rows share.
type postgresRows struct {
	weir   *weirRows
	orders *orders // one for each of few keys
	large  int     // documents of the large rows, each with a key of its own
	seed   uint64
	log    io.Writer

	server *pgtest.Server
	big    *orders
	wrote  map[bool]written // by large: what Weir wrote last
}

func (p *postgresRows) rows() []row {
	if err := pgtest.Installed(); err != nil {
		fmt.Fprintf(p.log, "rows of PostgreSQL are left out: %v\n", err)
		return nil
	}
	p.wrote = map[bool]written{}
	var out []row
	names := map[bool][]string{}
	for _, large := range []bool{false, true} {
		for _, size := range postgresSizes {
			name := limitName("postgres", size)
			if large {
				name = fmt.Sprintf("%s, %d keys", name, p.large)
			}
			names[large] = append(names[large], name)
			out = append(out, row{Name: name, Large: large, Run: func(ctx context.Context, m *meter) (sample, error) {
				url, o, n, err := p.prepare(m, large)
				if err != nil {
					return sample{}, err
				}
				return postgresLimit(ctx, m, url, o, n, n, size)
			}})
		}
	}
	for _, large := range []bool{false, true} {
		name, same := "weir: PostgreSQL table", "limit: PostgreSQL, as many rows and transactions as Weir"
		if large {
			name, same = fmt.Sprintf("%s, %d keys", name, p.large), fmt.Sprintf("%s, %d keys", same, p.large)
		}
		out = append(out,
			row{Name: name, Large: large, Limits: append(names[large], same), Run: func(ctx context.Context, m *meter) (sample, error) { return p.run(ctx, m, large) }},
			row{Name: same, Large: large, Run: func(ctx context.Context, m *meter) (sample, error) { return p.runSame(ctx, m, large) }})
	}
	return out
}

// runSame writes by hand as many rows as Weir did before, in as many
// transactions.
func (p *postgresRows) runSame(ctx context.Context, m *meter, large bool) (sample, error) {
	url, o, n, err := p.prepare(m, large)
	if err != nil {
		return sample{}, err
	}
	wrote := p.wrote[large]
	if wrote.txns == 0 {
		return sample{}, errors.New("the row of Weir's table has to run before the limit of the same rows")
	}
	fmt.Fprintf(p.log, "Weir wrote %d documents as %d rows in %d transactions\n", n, wrote.documents, wrote.txns)
	return postgresLimit(ctx, m, url, o, n, wrote.documents, (wrote.documents+wrote.txns-1)/wrote.txns)
}

// prepare gives the server, the orders and how many documents to move.
func (p *postgresRows) prepare(m *meter, large bool) (url string, o *orders, documents int, err error) {
	if p.server == nil {
		if p.server, err = pgtest.Start("fsync = on", "full_page_writes = on", "shared_buffers = 256MB", "max_wal_size = 4GB"); err != nil {
			return "", nil, 0, err
		}
	}
	url = p.server.URL("postgres")
	if !large {
		return url, p.orders, m.Documents, nil
	}
	if p.big == nil {
		p.big = newOrders(p.large, p.seed)
	}
	return url, p.big, p.large, nil
}

// run measures a materialization from its publication until it has committed
// the last document.
func (p *postgresRows) run(ctx context.Context, m *meter, large bool) (s sample, err error) {
	url, o, n, err := p.prepare(m, large)
	if err != nil {
		return sample{}, err
	}
	own := *m
	own.Documents = n
	before := p.weir.orders
	p.weir.orders = o
	defer func() { p.weir.orders = before }()
	defer func() { err = errors.Join(err, clearPostgres(context.WithoutCancel(ctx), url)) }()
	s, p.wrote[large], err = p.weir.runTask(ctx, &own, strings.ReplaceAll(tablePostgres, "URL", url), "materialization", "db")
	return s, err
}

// clearPostgres removes what a row has left.
func clearPostgres(ctx context.Context, url string) error {
	c, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	_, err = c.Exec(ctx, `DO $$ DECLARE s TEXT; BEGIN
		FOR s IN SELECT nspname FROM pg_namespace WHERE nspname LIKE 'bench%' LOOP EXECUTE format('DROP SCHEMA %I CASCADE', s); END LOOP;
	END $$`)
	return errors.Join(err, c.Close(ctx))
}

func (p *postgresRows) close() error {
	if p.server == nil {
		return nil
	}
	return p.server.Close()
}
