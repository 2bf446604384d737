package postgres

import (
	"context"
	"errors"
	"io"

	"weir/sinks/sqltable"
)

const chunkSize = 64 << 10 // bytes handed to the server at once

// copyHeader begins a COPY in the binary format, and copyTrailer ends it.
const (
	copyHeader  = "PGCOPY\n\xff\r\n\x00\x00\x00\x00\x00\x00\x00\x00\x00"
	copyTrailer = "\xff\xff"
)

var errAborted = errors.New("the rows are not wanted any more")

// copying is a COPY that runs while rows are handed over: one goroutine of the
// driver sends chunks, and the server works on them, while the next one is
// filled.
type copying struct {
	stage *stage
	chunk []byte // being filled

	full chan []byte   // to send; closed at the end of the rows
	free chan []byte   // sent
	stop chan struct{} // closed: no more rows are wanted
	done chan struct{} // closed: COPY has ended, with err
	err  error

	sending []byte // the chunk that the driver reads, as far as it has not
	whole   []byte // all of it
}

// startCopy runs statements, the last of which is the COPY of a stage.
func startCopy(ctx context.Context, c *conn, st *stage, sql string) *copying {
	k := &copying{
		stage: st, full: make(chan []byte), free: make(chan []byte, 2), stop: make(chan struct{}), done: make(chan struct{}),
		chunk: append(make([]byte, 0, chunkSize+chunkSize/8), copyHeader...),
	}
	k.free <- make([]byte, 0, cap(k.chunk))
	go func() { // whoever waits for done
		defer close(k.done)
		_, err := c.CopyFrom(ctx, k, sql)
		k.err = c.explain(ctx, err)
	}()
	return k
}

// Read gives the driver what is to be sent. It is called by the driver alone.
func (k *copying) Read(p []byte) (int, error) {
	if len(k.sending) == 0 {
		if k.whole != nil {
			select {
			case k.free <- k.whole[:0]:
			default: // there are enough
			}
			k.whole = nil
		}
		select {
		case b, ok := <-k.full:
			if !ok {
				return 0, io.EOF
			}
			k.sending, k.whole = b, b
		case <-k.stop:
			return 0, errAborted
		}
	}
	n := copy(p, k.sending)
	k.sending = k.sending[n:]
	return n, nil
}

// row adds a row of values, or what is left of it for a row to remove. A
// column that fails is named by its index.
func (k *copying) row(values []sqltable.Value, gone bool) (column int, err error) {
	start, fields := len(k.chunk), len(k.stage.kinds)
	n := fields
	if k.stage.name != "" {
		n++
	}
	out := append(k.chunk, byte(n>>8), byte(n))
	null := sqltable.Value{}
	for i := range fields {
		v := &null
		if i < len(values) {
			v = &values[i]
		}
		if out, err = appendField(out, k.stage.kinds[i], v); err != nil {
			k.chunk = out[:start]
			return i, err
		}
	}
	if n > fields {
		out = append(out, 0, 0, 0, 1, 0)
		if gone {
			out[len(out)-1] = 1
			k.stage.gone = true
		}
	}
	k.chunk = out
	return 0, nil
}

// flush hands the chunk over.
func (k *copying) flush(ctx context.Context) error {
	select {
	case k.full <- k.chunk:
	case <-k.done:
		return k.failed()
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case k.chunk = <-k.free:
	default:
		k.chunk = make([]byte, 0, chunkSize+chunkSize/8)
	}
	return nil
}

// finish ends the rows and waits until the server has all of them.
func (k *copying) finish(ctx context.Context) error {
	k.chunk = append(k.chunk, copyTrailer...)
	if err := k.flush(ctx); err != nil {
		return err
	}
	close(k.full)
	select {
	case <-k.done:
		return k.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// abort lets the server forget the rows, and waits for the driver's goroutine.
func (k *copying) abort() {
	close(k.stop)
	<-k.done
}

// failed is why COPY ended before its rows did.
func (k *copying) failed() error {
	if k.err == nil {
		return errors.New("postgres: COPY ended before its rows did")
	}
	return k.err
}
