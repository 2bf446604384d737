package journal

import (
	"context"
	"encoding/json"
	"strconv"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"weir/journal/server"
)

// What the benchmarks write: a document of the size that Weir's figures are for.
var benchDocument = []byte(`{"id":"ord-000012345","customer":"cust-0004242","status":"paid","ts":"2026-11-23T18:00:00.123Z","items":[{"sku":"a-1","qty":2,"price":9.99},{"sku":"b-7","qty":1,"price":120.5},{"sku":"c-3","qty":5,"price":3.25}],"note":"leave at door","v":1}`)

const benchKeys = 20000

func benchSubjects() []string {
	subjects := make([]string, benchKeys)
	for k := range subjects {
		subjects[k] = "d." + strconv.Itoa(k%16) + ".cust-" + strconv.Itoa(k)
	}
	return subjects
}

func benchServer(b *testing.B) (*Conn, *server.Server) {
	s, err := server.Start(server.Options{StoreDir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(s.Stop)
	c := dialServer(b, s)
	newStream(b, c, false)
	return c, s
}

func perSecond(b *testing.B) {
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "msgs/s")
}

// BenchmarkAppend writes fenced batches of 1000, the next one staged while the
// former commits: through this package, and by a plain loop over the client.
func BenchmarkAppend(b *testing.B) {
	subjects := benchSubjects()
	for _, size := range []int{1000, 4000} {
		b.Run("weir-"+strconv.Itoa(size), func(b *testing.B) {
			c, _ := benchServer(b)
			marker := []byte(`{"txn":1,"seq":123456}`)
			var last uint64
			commit := make(chan error, 1)
			commit <- nil
			b.ReportAllocs()
			b.ResetTimer()
			for i := 0; i < b.N; {
				batch := c.NewBatch("s")
				for n := 0; n < size-1 && i < b.N; n++ {
					if err := batch.Add(Outgoing{Subject: subjects[i%benchKeys], Data: benchDocument}); err != nil {
						b.Fatal(err)
					}
					i++
				}
				if err := <-commit; err != nil {
					b.Fatal(err)
				}
				go func() {
					ack, err := batch.Commit(context.Background(), Outgoing{Subject: "t.0", Data: marker, Expect: &last}, isCommit(""))
					last = ack.Last
					commit <- err
				}()
			}
			if err := <-commit; err != nil {
				b.Fatal(err)
			}
			perSecond(b)
		})
		b.Run("raw-"+strconv.Itoa(size), func(b *testing.B) { benchRawAppend(b, subjects, size) })
	}
}

// benchRawAppend is the least that a client must do for the same.
func benchRawAppend(b *testing.B, subjects []string, size int) {
	_, s := benchServer(b)
	nc, err := nats.Connect(s.URL())
	if err != nil {
		b.Fatal(err)
	}
	defer nc.Close()
	commit := make(chan uint64, 1)
	commit <- 0
	b.ReportAllocs()
	b.ResetTimer()
	for i, number := 0, 0; i < b.N; number++ {
		id := "raw" + strconv.Itoa(number)
		n := 0
		for ; n < size-1 && i < b.N; n++ {
			m := nats.Msg{Subject: subjects[i%benchKeys], Data: benchDocument, Header: nats.Header{headerBatchID: {id}, headerBatchSeq: {strconv.Itoa(n + 1)}}}
			if err := nc.PublishMsg(&m); err != nil {
				b.Fatal(err)
			}
			i++
		}
		last := <-commit
		go func() {
			m := nats.Msg{Subject: "t.0", Data: []byte(`{"txn":1,"seq":123456}`), Header: nats.Header{headerBatchID: {id}, headerBatchSeq: {strconv.Itoa(n + 1)}, headerCommit: {"1"}, headerExpect: {strconv.FormatUint(last, 10)}}}
			answer, err := nc.RequestMsg(&m, commitTimeout)
			var ack pubAck
			if err == nil {
				err = json.Unmarshal(answer.Data, &ack)
			}
			if err != nil || ack.Error != nil {
				panic(answer)
			}
			commit <- ack.Seq
		}()
	}
	<-commit
	perSecond(b)
}

// BenchmarkRead reads a stream from its beginning: through this package, and by
// the client's own pull consumer.
func BenchmarkRead(b *testing.B) {
	b.Run("weir", func(b *testing.B) {
		c, _ := benchFilled(b)
		b.ReportAllocs()
		b.ResetTimer()
		r := newReader(b, c, ReaderConfig{Filter: "d.>"})
		for range b.N {
			if _, err := r.Next(context.Background()); err != nil {
				b.Fatal(err)
			}
		}
		perSecond(b)
	})
	b.Run("raw", func(b *testing.B) {
		_, s := benchFilled(b)
		nc, err := nats.Connect(s.URL())
		if err != nil {
			b.Fatal(err)
		}
		defer nc.Close()
		js, err := jetstream.New(nc)
		if err != nil {
			b.Fatal(err)
		}
		b.ReportAllocs()
		b.ResetTimer()
		consumer, err := js.CreateConsumer(context.Background(), "s", jetstream.ConsumerConfig{AckPolicy: jetstream.AckNonePolicy, FilterSubject: "d.>", MemoryStorage: true, Replicas: 1})
		if err != nil {
			b.Fatal(err)
		}
		messages, err := consumer.Messages(jetstream.PullMaxMessages(4000), jetstream.PullThresholdMessages(2000))
		if err != nil {
			b.Fatal(err)
		}
		defer messages.Stop()
		for range b.N {
			m, err := messages.Next()
			if err != nil {
				b.Fatal(err)
			}
			if _, err := m.Metadata(); err != nil { // the sequence, which Weir's reader gives
				b.Fatal(err)
			}
		}
		perSecond(b)
	})
}

func benchFilled(b *testing.B) (*Conn, *server.Server) {
	c, s := benchServer(b)
	subjects := benchSubjects()
	for i := 0; i < b.N; {
		batch := c.NewBatch("s")
		for ; i < b.N && batch.Len() < server.MaxBatch-1; i++ {
			if err := batch.Add(Outgoing{Subject: subjects[i%benchKeys], Data: benchDocument}); err != nil {
				b.Fatal(err)
			}
		}
		if _, err := batch.Commit(context.Background(), Outgoing{Subject: "t.0"}, nil); err != nil {
			b.Fatal(err)
		}
	}
	return c, s
}
