package nats

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"go.uber.org/zap"

	"weir/document"
	"weir/sources"
)

// corePending bounds what the client holds of a core subject, in bytes. What
// comes beyond it is dropped: the server does not wait.
const corePending = 16 << 20

// warnAgain is the shortest time between two warnings of what was dropped.
const warnAgain = 10 * time.Second

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
	d := drops{sub: sub, log: s.log}
	defer d.warn()
	for {
		m, err := sub.NextMsgWithContext(ctx)
		switch {
		case ctx.Err() != nil: // the session ends
			return ctx.Err()
		case errors.Is(err, nats.ErrSlowConsumer):
			if time.Since(d.warned) >= warnAgain {
				d.warn()
			}
			continue
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

// drops tells of messages of a core subject that came faster than they were
// captured.
type drops struct {
	sub    *nats.Subscription
	log    *zap.Logger
	told   int
	warned time.Time
}

func (d *drops) warn() {
	all, err := d.sub.Dropped()
	if err != nil || all == d.told {
		return
	}
	d.log.Warn("messages of a core subject came faster than they were captured and were dropped: let a stream take the subject if that matters",
		zap.String("subject", d.sub.Subject), zap.Int("dropped", all-d.told), zap.Int("droppedSinceStart", all))
	d.told, d.warned = all, time.Now()
}
