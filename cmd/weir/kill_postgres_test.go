package main

import (
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"weir/catalog"
	"weir/internal/pgtest"
	"weir/internal/weirtest"
	"weir/journal"
	"weir/worker"
)

var (
	postgresDocuments = flag.Int("weir.postgres-documents", 5000, "documents of the kill test with PostgreSQL")
	postgresKills     = flag.Int("weir.postgres-kills", 5, "kills of Weir, and as many of PostgreSQL, of that test")
)

// kept keeps what the flows of the crash tests derive in PostgreSQL: sums, for
// which the sink asks what it holds, rows that are replaced, and rows that are
// only added, each of which has a key of its own.
const kept = `
import: [all.yaml]
materializations:
  acmeCo/kept:
    endpoint: {postgres: {url: "%s"}}
    bindings:
      - {source: acmeCo/totals, resource: {table: totals}}
      - {source: acmeCo/numbered, resource: {table: numbered}}
      - {source: acmeCo/entries, resource: {table: entries, deltaUpdates: true}}
`

// TestKillPostgres kills `weir up` and PostgreSQL, each with SIGKILL and at
// points of their own, again and again while documents come in. In the end the
// tables equal the collections, and no row was added twice.
func TestKillPostgres(t *testing.T) {
	if testing.Short() {
		t.Skip("builds weir and kills it")
	}
	pg := pgtest.New(t)
	seed := *killSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("again with -weir.seed %d -weir.postgres-documents %d -weir.postgres-kills %d", seed, *postgresDocuments, *postgresKills)
	random := rand.New(rand.NewPCG(seed, 0))
	db := pg.Database(t)
	files := maps.Clone(weirtest.Flow)
	maps.Copy(files, entries)
	files["kept.yaml"] = fmt.Sprintf(kept, pg.URL(db))
	path, data := filepath.Join(weirtest.Files(t, files), "kept.yaml"), t.TempDir()
	binary := weirBinary(t)
	up := func() *upProcess { return launch(t, binary, "up", path, "--port", "0", "--data", data) }

	pool := newPublishers(*postgresDocuments, weirtest.Orders, mixedWays()...)
	began := time.Now()
	for kill := range *postgresKills {
		p := up()
		at := (kill*100 + random.IntN(100)) * *postgresDocuments / (*postgresKills * 100)
		crashed := crash(pg, time.Duration(random.IntN(400))*time.Millisecond)
		pool.run(t, p, at, time.Duration(random.IntN(200))*time.Millisecond)
		if err := <-crashed; err != nil {
			t.Fatal(err)
		}
	}
	p := up()
	pool.run(t, p, -1, 0)
	conn := p.connect(t)
	defer conn.Close()
	reads := maps.Clone(flowReads)
	reads[worker.KindMaterialization+" acmeCo/kept"] = []string{"acmeCo/totals", "acmeCo/numbered", "acmeCo/entries"}
	awaitFlow(t, conn, reads, 3*weirtest.Patience)
	t.Logf("%d documents acknowledged, %d times published again; Weir and PostgreSQL killed %d times each; all of it in %s",
		pool.acked, pool.again, *postgresKills, time.Since(began).Round(time.Millisecond))
	checkKept(t, conn, pg, db, weirtest.Load(t, path))
	conn.Close()
	p.stop(t)
}

// crash kills PostgreSQL after a while and starts it again.
func crash(pg *pgtest.Server, after time.Duration) <-chan error {
	done := make(chan error, 1)
	go func() { // whoever asks for done waits for it
		<-time.After(after)
		pg.Kill(syscall.SIGKILL)
		done <- pg.Restart()
	}()
	return done
}

// checkKept compares the tables with the collections, and added rows with the
// messages that they came from.
func checkKept(t *testing.T, conn *journal.Conn, pg *pgtest.Server, db string, c *catalog.Catalog) {
	t.Helper()
	for table, query := range map[string]string{
		"totals":   `SELECT '["'||customer||'"]', '{"customer":"'||customer||'","orders":'||orders||',"total":'||total||'}' FROM totals`,
		"numbered": `SELECT '["'||id||'"]', '{"customer":"'||customer||'","id":"'||id||'","nth":'||nth||'}' FROM numbered`,
		"entries":  `SELECT '['||seq||']', '{"amount":'||amount||',"id":"'||id||'","seq":'||seq||'}' FROM entries`,
	} {
		got, rows := map[string]string{}, pg.Rows(t, db, query)
		for _, row := range rows {
			key, doc, _ := strings.Cut(row, "|")
			got[key] = doc
		}
		weirtest.Same(t, "table "+table, got, weirtest.Reduced(t, conn, c.Collections["acmeCo/"+table]))
		if len(rows) != len(got) {
			t.Errorf("table %s has %d rows for %d keys", table, len(rows), len(got))
		}
		t.Logf("table %s: %d rows, as the collection has them", table, len(rows))
	}
}
