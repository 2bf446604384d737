package weirtest

import (
	"io"
	"log/slog"
	"net/http/httptest"
	"testing"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
)

// S3 starts a server that speaks S3's protocol and holds one empty bucket in
// memory. It gives the bucket's address, and credentials that it takes, as a
// connector's configuration has them.
func S3(t testing.TB) (address, credentials string) {
	t.Helper()
	backend := s3mem.New()
	if err := backend.CreateBucket("acme"); err != nil {
		t.Fatal(err)
	}
	quiet := gofakes3.StdLog(slog.NewLogLogger(slog.NewTextHandler(io.Discard, nil), slog.LevelInfo))
	server := httptest.NewServer(gofakes3.New(backend, gofakes3.WithLogger(quiet)).Server())
	t.Cleanup(server.Close)
	return "s3://acme/below?region=eu-central-1&endpoint=" + server.URL, `{"accessKeyId":"id","secretAccessKey":"not-a-secret"}`
}
