package journal

import (
	"errors"
	"testing"
	"time"

	natsserver "github.com/nats-io/nats-server/v2/server"
)

// What a user may not publish to is found out without that anything is stored,
// whether a stream takes the subject or not.
func TestMayPublish(t *testing.T) {
	limited := &natsserver.Permissions{Publish: &natsserver.SubjectPermission{Deny: []string{"no.>"}}}
	s := rawServer(t, &natsserver.Options{Host: "127.0.0.1", Port: -1, JetStream: true, StoreDir: t.TempDir(), NoSigs: true, NoLog: true,
		Users: []*natsserver.User{{Username: "limited", Password: "x", Permissions: limited}}})
	conn, err := Connect(t.Context(), Options{Plain: true, URL: s.ClientURL(), User: "limited", Password: "x"})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.EnsureStream(t.Context(), StreamConfig{Name: "S", Subjects: []string{"yes.>"}, Metadata: map[string]string{MetadataKind: "test"}}); err != nil {
		t.Fatal(err)
	}
	for subject, allowed := range map[string]bool{"yes.a": true, "other.a": true, "no.a": false, "no.a.b": false} {
		for range 2 {
			err := conn.MayPublish(t.Context(), subject)
			var denied *DeniedError
			if allowed && err != nil || !allowed && (!errors.As(err, &denied) || denied.Subject != subject) {
				t.Errorf("%s: %v", subject, err)
			}
		}
	}
	info, err := conn.StreamInfo(t.Context(), "S")
	if err != nil || info.Messages != 0 || info.At.IsZero() {
		t.Errorf("%+v, %v", info, err)
	}
}

func TestServerAndConsumers(t *testing.T) {
	s := rawServer(t, &natsserver.Options{Host: "127.0.0.1", Port: -1, JetStream: true, StoreDir: t.TempDir(), NoSigs: true, NoLog: true})
	conn, err := Connect(t.Context(), Options{Plain: true, URL: s.ClientURL()})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	server, err := conn.Server(t.Context())
	if err != nil || server.Version == "" || server.RoundTrip <= 0 || server.RoundTrip > time.Minute || server.Account.MaxStreams != -1 || server.Account.Streams != 0 {
		t.Errorf("%+v, %v", server, err)
	}
	if _, err := conn.EnsureStream(t.Context(), StreamConfig{Name: "S", Subjects: []string{"s.>"}, Metadata: map[string]string{MetadataKind: "test"}}); err != nil {
		t.Fatal(err)
	}
	r, err := conn.NewReader(t.Context(), ReaderConfig{Stream: "S", Filter: "s.>", Name: "mine", Metadata: map[string]string{MetadataKind: "reader"}})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	all, err := conn.Consumers(t.Context(), "S")
	if err != nil || len(all) != 1 || all[0].Metadata[MetadataKind] != "reader" || all[0].Created.IsZero() {
		t.Errorf("%+v, %v", all, err)
	}
	if _, err := conn.Consumers(t.Context(), "none"); !errors.Is(err, ErrNoStream) {
		t.Errorf("of no stream: %v", err)
	}
}
