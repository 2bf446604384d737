package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// The rows of captures over HTTP: clients that keep their connections post to
// the worker process, and wait for the answer, which comes when the documents
// are durable. The clients are as small as they can be, since they share the
// machine with what is measured.

const (
	httpClients = 64
	// linesPerRequest is how many documents a request of lines has.
	linesPerRequest = 100
)

// capturedHTTP stores what is posted as orders.
const capturedHTTP = source + `
captures:
  %[1]s/posted:
    endpoint: {http: {listen: "%[3]s"}}
    bindings: [{target: %[1]s/orders, resource: {path: /orders}}]
`

// httpRows lists the rows, with their limits for the sizes of batches.
func (w *weirRows) httpRows(batches []int) []row {
	var large []string
	for _, size := range batches {
		large = append(large, limitName("append", size))
	}
	return []row{
		{Name: fmt.Sprintf("weir: HTTP, %d clients, one document a request", httpClients), Limits: append([]string{limitName("append", httpClients)}, large...),
			Run: func(ctx context.Context, m *meter) (sample, error) { return w.runPosts(ctx, m, m.Documents/4, 1) }},
		{Name: fmt.Sprintf("weir: HTTP, %d clients, %d documents a request", httpClients, linesPerRequest), Limits: large,
			Run: func(ctx context.Context, m *meter) (sample, error) {
				return w.runPosts(ctx, m, m.Documents, linesPerRequest)
			}},
		{Name: "weir: latency, one POST", Limits: []string{limitCommit}, Run: w.runPostLatency},
	}
}

// runPosts posts n documents, so many a request, from all clients at once.
func (w *weirRows) runPosts(ctx context.Context, m *meter, n, each int) (sample, error) {
	address, drop, err := w.capture(ctx)
	if err != nil {
		return sample{}, err
	}
	defer drop()
	requests := w.orders.requests(each)
	posters := make([]*poster, httpClients)
	for i := range posters {
		if posters[i], err = dialPoster(ctx, address); err != nil {
			return sample{}, err
		}
		defer posters[i].close()
	}
	own := *m
	own.Workers = []int{w.worker.pid()}
	total := max(n/each, 1)
	return own.measure(total*each, func() error {
		var posting sync.WaitGroup
		var next atomic.Int64
		failed := make([]error, len(posters))
		for i, p := range posters {
			posting.Go(func() {
				for {
					at := int(next.Add(1)) - 1
					if at >= total {
						return
					}
					if failed[i] = p.post(requests[at%len(requests)]); failed[i] != nil {
						return
					}
				}
			})
		}
		posting.Wait()
		return errors.Join(failed...)
	})
}

// runPostLatency posts documents at a steady rate and takes the time until
// each is answered.
func (w *weirRows) runPostLatency(ctx context.Context, m *meter) (sample, error) {
	address, drop, err := w.capture(ctx)
	if err != nil {
		return sample{}, err
	}
	defer drop()
	p, err := dialPoster(ctx, address)
	if err != nil {
		return sample{}, err
	}
	defer p.close()
	requests := w.orders.requests(1)
	own := *m
	own.Workers = []int{w.worker.pid()}
	n := 0
	return own.paced(ctx, func(int) error {
		n++
		return p.post(requests[n%len(requests)])
	}, func() error { return nil })
}

// capture publishes a capture over HTTP and waits until it takes requests.
func (w *weirRows) capture(ctx context.Context) (address string, drop func(), err error) {
	free, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, fmt.Errorf("find a port: %w", err)
	}
	address = free.Addr().String()
	if err := free.Close(); err != nil {
		return "", nil, fmt.Errorf("find a port: %w", err)
	}
	_, publish, drop, err := w.prepare(ctx, capturedHTTP, 0, address)
	if err != nil {
		return "", nil, err
	}
	if err := publish(); err != nil {
		drop()
		return "", nil, err
	}
	for deadline := time.Now().Add(answerTimeout); ; {
		p, err := dialPoster(ctx, address)
		if err == nil {
			err = p.post(postRequest("application/json", []byte("[]")))
			p.close()
		}
		if err == nil {
			return address, drop, nil
		}
		if time.Now().After(deadline) {
			drop()
			return "", nil, fmt.Errorf("the capture takes no requests: %w", err)
		}
		if err := sleepUntil(ctx, time.Now().Add(10*time.Millisecond)); err != nil {
			drop()
			return "", nil, err
		}
	}
}

// requests gives the orders as requests of so many documents, each order once.
func (o *orders) requests(each int) [][]byte {
	if each == 1 {
		out := make([][]byte, len(o.made))
		for i := range o.made {
			out[i] = postRequest("application/json", o.made[i].json)
		}
		return out
	}
	var out [][]byte
	for at := 0; at < len(o.made); at += each {
		var body []byte
		for i := range each {
			body = append(append(body, o.at(at+i).json...), '\n')
		}
		out = append(out, postRequest("application/x-ndjson", body))
	}
	return out
}

func postRequest(contentType string, body []byte) []byte {
	return fmt.Appendf(nil, "POST /orders HTTP/1.1\r\nHost: bench\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s", contentType, len(body), body)
}

// poster is a client with one connection.
type poster struct {
	conn net.Conn
	in   *bufio.Reader
}

func dialPoster(ctx context.Context, address string) (*poster, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	return &poster{conn: conn, in: bufio.NewReader(conn)}, nil
}

func (p *poster) close() { _ = p.conn.Close() } // there is nothing left to be written

// post sends a request and reads the answer, which must be 200.
func (p *poster) post(request []byte) error {
	if _, err := p.conn.Write(request); err != nil {
		return fmt.Errorf("post: %w", err)
	}
	status, length := "", 0
	for {
		line, err := p.in.ReadSlice('\n')
		if err != nil {
			return fmt.Errorf("answer: %w", err)
		}
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 {
			break
		}
		if status == "" {
			status = string(line)
		} else if value, ok := bytes.CutPrefix(line, []byte("Content-Length: ")); ok {
			if length, err = strconv.Atoi(string(value)); err != nil {
				return fmt.Errorf("answer: %w", err)
			}
		}
	}
	if status == "HTTP/1.1 200 OK" {
		_, err := p.in.Discard(length)
		return err
	}
	body, err := io.ReadAll(io.LimitReader(p.in, int64(length)))
	return errors.Join(fmt.Errorf("answer: %s: %s", status, body), err)
}
