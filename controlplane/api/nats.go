package api

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/nats-io/nats.go/micro"

	"weir/fault"
)

const (
	serviceName = "weir"
	natsRoot    = "weir.api.v1"
)

// semantic matches the versions that micro services may have.
var semantic = regexp.MustCompile(`^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?$`)

// Listen answers requests to weir.api.v1.<operation> as a NATS micro service,
// which `nats service ls` shows. Several instances share the requests. stop
// returns when no request is worked on any more.
func (s *Service) Listen(ctx context.Context) (stop func(), err error) {
	version := strings.TrimPrefix(s.version, "v")
	if !semantic.MatchString(version) {
		version = "0.0.0-dev"
	}
	service, err := micro.AddService(s.conn.Raw(), micro.Config{
		Name: serviceName, Version: version, Description: "Weir's control plane: what runs, what is published, what the documents are",
		Metadata: map[string]string{"weir.build": s.version},
	})
	if err != nil {
		return nil, fmt.Errorf("NATS micro service %s: %w", serviceName, err)
	}
	ctx, cancel := context.WithCancel(ctx)
	group := service.AddGroup(natsRoot)
	for _, o := range Operations() {
		metadata := map[string]string{"doc": o.Doc, "http": o.Method + " " + Root + o.Path}
		if err := group.AddEndpoint(o.Name, s.handler(ctx, o), micro.WithEndpointMetadata(metadata)); err != nil {
			cancel()
			_ = service.Stop() // what is wrong is told already
			return nil, fmt.Errorf("NATS micro service %s: endpoint %s: %w", serviceName, o.Name, err)
		}
	}
	return func() {
		cancel()
		_ = service.Stop() // a connection that is gone has no subscriptions to end
	}, nil
}

// handler answers requests for one operation, one after the other; other
// operations have their own. The context ends with the service: requests of NATS
// bring none.
func (s *Service) handler(ctx context.Context, o Operation) micro.Handler {
	return micro.HandlerFunc(func(r micro.Request) {
		answer, err := o.carryOut(ctx, s, r.Data())
		var text []byte
		if err == nil {
			text, err = encode(answer)
		}
		if err == nil {
			err = r.Respond(text)
		}
		switch {
		case errors.Is(err, micro.ErrRespond):
			if len(text) > s.conn.MaxPayload() {
				refuse(r, &Error{Code: fault.TooLarge, Message: fmt.Sprintf("the answer takes %d bytes, but the server takes messages of at most %d", len(text), s.conn.MaxPayload()), Fix: "ask for less, as with a lower limit, or over HTTP"})
			}
		case err != nil:
			refuse(r, s.explain(err))
		}
	})
}

// refuse answers with the headers of errors that micro services have, and the
// same JSON as over HTTP.
func refuse(r micro.Request, e *Error) {
	text, err := encode(map[string]*Error{"error": e})
	if err != nil {
		text = nil
	}
	_ = r.Error(string(e.Code), oneLine(e.Message), text) // who asked is gone
}

// oneLine makes a text fit for a header.
func oneLine(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > 1024 {
		text = strings.ToValidUTF8(text[:1024], "") + "..."
	}
	return text
}
