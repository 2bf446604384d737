package journal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Server is what a connection knows of its server.
type Server struct {
	Name      string
	Version   string
	Cluster   string // empty: it is a single one
	URL       string
	RoundTrip time.Duration
	Account   Account
}

// Account is what JetStream allows and uses. A limit of -1 is none.
type Account struct {
	Storage      uint64 // bytes on disk
	Reserved     uint64 // bytes of disk that streams have claimed
	MaxStorage   int64
	Streams      int
	MaxStreams   int
	Consumers    int
	MaxConsumers int
}

// Server asks the server who it is and what it allows.
func (c *Conn) Server(ctx context.Context) (Server, error) {
	s := Server{Name: c.nc.ConnectedServerName(), Version: c.nc.ConnectedServerVersion(), Cluster: c.nc.ConnectedClusterName(), URL: c.URL()}
	var info jetstream.AccountInfo
	if err := c.call(ctx, "INFO", nil, &info); err != nil {
		return s, fmt.Errorf("ask JetStream: %w", err)
	}
	tier := info.Tier
	for _, one := range info.Tiers { // limits by number of replicas: the narrowest says enough
		if tier.Limits.MaxStore <= 0 || one.Limits.MaxStore > 0 && one.Limits.MaxStore < tier.Limits.MaxStore {
			tier = one
		}
	}
	s.Account = Account{Storage: tier.Store, Reserved: tier.ReservedStore, MaxStorage: unlimited(tier.Limits.MaxStore), Streams: tier.Streams,
		MaxStreams: int(unlimited(int64(tier.Limits.MaxStreams))), Consumers: tier.Consumers, MaxConsumers: int(unlimited(int64(tier.Limits.MaxConsumers)))}
	ctx, cancel := context.WithTimeout(ctx, apiTimeout)
	defer cancel()
	began := time.Now()
	if err := c.nc.FlushWithContext(ctx); err != nil {
		return s, fmt.Errorf("round trip: %w", err)
	}
	s.RoundTrip = time.Since(began)
	return s, nil
}

func unlimited(n int64) int64 {
	if n <= 0 {
		return -1
	}
	return n
}

// Disk is the disk of one server, as far as JetStream may use it.
type Disk struct {
	Server   string
	Used     uint64
	Reserved uint64
	Max      uint64
}

// Disks asks every server for its disk. Most users may not see that: then there
// are none.
func (c *Conn) Disks(ctx context.Context) []Disk {
	answer, err := c.request(ctx, &nats.Msg{Subject: "$SYS.REQ.SERVER.PING.JSZ", Data: []byte(`{"config":true}`)}, warningsTimeout)
	if err != nil {
		return nil
	}
	var shown struct {
		Server struct {
			Name string `json:"name"`
		} `json:"server"`
		Data struct {
			Storage  uint64 `json:"storage"`
			Reserved uint64 `json:"reserved_storage"`
			Config   struct {
				MaxStorage uint64 `json:"max_storage"`
			} `json:"config"`
		} `json:"data"`
	}
	if json.Unmarshal(answer.Data, &shown) != nil || shown.Data.Config.MaxStorage == 0 {
		return nil
	}
	return []Disk{{shown.Server.Name, shown.Data.Storage, shown.Data.Reserved, shown.Data.Config.MaxStorage}}
}

// Consumer is one of a stream's consumers.
type Consumer struct {
	Name     string
	Created  time.Time
	Metadata map[string]string
	Waiting  int    // requests for messages that are open
	Pending  uint64 // messages that it was not given
}

// Consumers lists the consumers of a stream, by name.
func (c *Conn) Consumers(ctx context.Context, stream string) ([]Consumer, error) {
	var found []Consumer
	for offset := 0; ; {
		var page struct {
			Total     int                       `json:"total"`
			Consumers []*jetstream.ConsumerInfo `json:"consumers"`
		}
		if err := noStream(c.call(ctx, "CONSUMER.LIST."+stream, map[string]any{"offset": offset}, &page)); err != nil {
			return nil, fmt.Errorf("list consumers of stream %s: %w", stream, err)
		}
		for _, info := range page.Consumers {
			found = append(found, Consumer{Name: info.Name, Created: info.Created, Metadata: info.Config.Metadata, Waiting: info.NumWaiting, Pending: info.NumPending})
		}
		offset += len(page.Consumers)
		if len(page.Consumers) == 0 || offset >= page.Total {
			break
		}
	}
	slices.SortFunc(found, func(a, b Consumer) int { return strings.Compare(a.Name, b.Name) })
	return found, nil
}

// DeniedError is a subject that this user may not publish to.
type DeniedError struct{ Subject string }

func (e *DeniedError) Error() string {
	return fmt.Sprintf("this user may not publish to %s", e.Subject)
}

// probeStream is a stream that is nowhere: what expects it is never stored.
const probeStream = "weir_probe"

// denialTimeout is how long a denial may take to come: it overtakes nothing.
const denialTimeout = 300 * time.Millisecond

// MayPublish finds out whether this user may publish to a subject, without that
// anything is stored there. The error is a *DeniedError if not.
func (c *Conn) MayPublish(ctx context.Context, subject string) error {
	c.denials.forget(subject)
	denied := c.denials.watch()
	header := nats.Header{"Nats-Expected-Stream": {probeStream}, headerExpect: {"1"}}
	var err error // of the request, once it is answered
	answered := make(chan struct{})
	go func() { // ends with the request
		defer close(answered)
		_, err = c.request(ctx, &nats.Msg{Subject: subject, Header: header}, denialTimeout)
	}()
	for {
		select {
		case <-answered:
			if c.denials.has(subject) {
				return &DeniedError{subject}
			}
			if err == nil || errors.Is(err, errNoResponders) || errors.Is(err, errUnanswered) {
				return nil
			}
			return fmt.Errorf("publish to %s: %w", subject, err)
		case <-denied:
			if c.denials.has(subject) {
				<-answered
				return &DeniedError{subject}
			}
			denied = c.denials.watch()
		}
	}
}

// denials remembers what the server said may not be published.
type denials struct {
	mu       sync.Mutex
	subjects map[string]struct{}
	changed  chan struct{} // closed when a subject comes
}

// mostDenials bounds what is remembered.
const mostDenials = 1000

var publishDenied = regexp.MustCompile(`(?i)permissions violation for publish to "([^"]+)"`)

// note is given every error that the server sent on its own account.
func (d *denials) note(err error) {
	found := publishDenied.FindStringSubmatch(err.Error())
	if found == nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.subjects == nil || len(d.subjects) >= mostDenials {
		d.subjects = map[string]struct{}{}
	}
	d.subjects[found[1]] = struct{}{}
	if d.changed != nil {
		close(d.changed)
		d.changed = nil
	}
}

func (d *denials) forget(subject string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.subjects, subject)
}

func (d *denials) has(subject string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	_, ok := d.subjects[subject]
	return ok
}

func (d *denials) watch() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.changed == nil {
		d.changed = make(chan struct{})
	}
	return d.changed
}
