package postgres

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"weir/internal/pgtest"
	"weir/sinks"
)

const orderSchema = `{"type":"object","required":["id","customer","amount"],"properties":{
	"id":{"type":"string"},"customer":{"type":"string"},"amount":{"type":"number"},"quantity":{"type":"integer"},
	"status":{"type":"string"},"note":{"type":"string"},"paid":{"type":"boolean"}}}`

// benchKeys is how many orders there are; order n+benchKeys is order n again.
const benchKeys = 20_000

const note = "a note that somebody wrote about this order, long enough to make it a document of ordinary size, and a little more"

// order is a document of about 250 bytes.
func order(n int) string {
	return fmt.Sprintf(`{"id":"order-%08d","customer":"customer-%06d","amount":%d.25,"quantity":%d,"status":"shipped","note":"%s","paid":true}`,
		n%benchKeys, n%1000, n%1003, n%7, note)
}

// BenchmarkStore writes the same rows in transactions of 10,000, once through
// a session and once by hand, by COPY of finished values and INSERT ... ON
// CONFLICT, turn by turn in tables of the same columns.
func BenchmarkStore(b *testing.B) {
	const batch = 10_000
	server := pgtest.Shared(b)
	db := server.Database(b)
	session := openDocs(b, server, db, "orders", orderSchema)
	var texts []string
	for n := range benchKeys {
		texts = append(texts, order(n))
	}
	rows := docRows(b, texts...)
	hand := server.Connect(b, db)
	columns, values := finished(b, hand, rows)
	var ours, theirs cost
	own, other := connOf(session).PID(), hand.PgConn().PID()
	n := 0
	for b.Loop() {
		from := n % benchKeys
		n += batch
		start := now(own)
		for at := from; at < from+batch; at += 1000 {
			if err := session.Store(b.Context(), 0, rows[at:at+1000]); err != nil {
				b.Fatal(err)
			}
		}
		if err := session.Commit(b.Context(), []byte("checkpoint")); err != nil {
			b.Fatal(err)
		}
		ours.add(start, own)
		start = now(other)
		byHand(b, hand, columns, values[from:from+batch])
		theirs.add(start, other)
	}
	b.ReportMetric(float64(ours.wall)/float64(n), "ns/row")
	b.ReportMetric(float64(ours.cpu)/float64(n), "cpu-ns/row")
	b.ReportMetric(float64(theirs.wall)/float64(n), "hand-ns/row")
	b.ReportMetric(float64(theirs.cpu)/float64(n), "hand-cpu-ns/row")
	b.ReportMetric(float64(ours.server)/float64(n), "server-ns/row")
	b.ReportMetric(float64(theirs.server)/float64(n), "hand-server-ns/row")
	b.ReportMetric(float64(theirs.wall)/float64(ours.wall), "speed/hand")
	b.ReportMetric(float64(theirs.cpu+theirs.server)/float64(ours.cpu+ours.server), "cpu-speed/hand")
}

// cost is time on the clock, and on processors of this process and of the
// server's for one connection; the latter two say more on a machine that is busy
// otherwise.
type cost struct{ wall, cpu, server time.Duration }

func now(backend uint32) cost {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return cost{time.Duration(time.Now().UnixNano()), time.Duration(u.Utime.Nano() + u.Stime.Nano()), backendTime(backend)}
}

func (c *cost) add(since cost, backend uint32) {
	n := now(backend)
	c.wall += n.wall - since.wall
	c.cpu += n.cpu - since.cpu
	c.server += n.server - since.server
}

// backendTime is what Linux has counted for a process of the server, in
// hundredths of a second; 0 elsewhere.
func backendTime(pid uint32) time.Duration {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	return time.Duration(user+system) * 10 * time.Millisecond
}

// finished makes a table like the session's and gives values as the driver
// takes them.
func finished(b *testing.B, c *pgx.Conn, rows []sinks.Row) (columns []string, values [][]any) {
	if _, err := c.Exec(b.Context(), "CREATE TABLE hand (LIKE orders INCLUDING ALL); CREATE TEMPORARY TABLE stage (LIKE orders) ON COMMIT DELETE ROWS"); err != nil {
		b.Fatal(err)
	}
	columns = []string{"id", "amount", "customer", "flow_published_at", "note", "paid", "quantity", "status", "flow_document"}
	for n := range rows {
		values = append(values, []any{fmt.Sprintf("order-%08d", n), float64(n%1003) + 0.25, fmt.Sprintf("customer-%06d", n%1000), rows[n].Published, note, true, int64(n % 7), "shipped", rows[n].Raw})
	}
	return columns, values
}

func byHand(b *testing.B, c *pgx.Conn, columns []string, values [][]any) {
	tx, err := c.Begin(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	if _, err := tx.CopyFrom(b.Context(), pgx.Identifier{"stage"}, columns, pgx.CopyFromRows(values)); err != nil {
		b.Fatal(err)
	}
	if _, err := tx.Exec(b.Context(), `INSERT INTO hand SELECT * FROM stage ON CONFLICT (id) DO UPDATE SET amount = excluded.amount, customer = excluded.customer,
		flow_published_at = excluded.flow_published_at, note = excluded.note, paid = excluded.paid, quantity = excluded.quantity, status = excluded.status, flow_document = excluded.flow_document`); err != nil {
		b.Fatal(err)
	}
	if err := tx.Commit(b.Context()); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkLoad looks up all keys of a table, and as many that it lacks.
func BenchmarkLoad(b *testing.B) {
	server := pgtest.Shared(b)
	session := openDocs(b, server, server.Database(b), "orders", orderSchema)
	var texts []string
	for n := range 8000 {
		texts = append(texts, order(n))
	}
	rows := docRows(b, texts...)
	store(b, session, texts[:4000]...)
	keys := make([][]byte, len(rows))
	for i := range rows {
		keys[i] = rows[i].Key
	}
	for b.Loop() {
		n := 0
		for at := 0; at < len(keys); at += 1000 {
			if err := session.Load(b.Context(), 0, keys[at:at+1000], func(int, []byte) error { n++; return nil }); err != nil {
				b.Fatal(err)
			}
		}
		if n != 4000 {
			b.Fatal(n)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(keys)), "ns/key")
}

func connOf(s sinks.Session) *conn { return s.(*session).conn }
