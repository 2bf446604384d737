package nats

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go"

	"weir/document"
	"weir/sources"
)

// corePending bounds what the client holds of a core subject, in bytes. What
// comes beyond it is dropped: the server does not wait.
const corePending = 16 << 20

// subscribe begins to listen to a core subject.
func (s *session) subscribe(index int, b *binding) (func(context.Context) error, error) {
	sub, err := s.conn.QueueSubscribeSync(b.Subject, b.Queue)
	if err == nil {
		err = sub.SetPendingLimits(-1, corePending)
	}
	if err == nil {
		err = s.conn.Flush() // the server listens from here on
	}
	if err != nil {
		return nil, passing(fmt.Errorf("nats: subscribe to %s: %w", b.Subject, err))
	}
	return func(ctx context.Context) error { return s.listen(ctx, sub, index, b) }, nil
}

func (s *session) listen(ctx context.Context, sub *nats.Subscription, index int, b *binding) error {
	var doc document.Doc
	for {
		m, err := sub.NextMsgWithContext(ctx)
		switch {
		case ctx.Err() != nil: // the session ends
			return ctx.Err()
		case errors.Is(err, nats.ErrSlowConsumer):
			continue // some were dropped, as may happen to a core subject
		case err != nil:
			return sources.Transient(fmt.Errorf("nats: listen to %s: %w", b.Subject, err))
		}
		data, err := b.document(&message{subject: m.Subject, header: m.Header, data: m.Data}, &doc)
		if err != nil {
			return fmt.Errorf("nats: %w", err)
		}
		if err := s.push(ctx, item{binding: index, data: data}); err != nil {
			return err // the session ends
		}
	}
}
