package sinks

import (
	"errors"
	"fmt"
	"testing"
)

func TestLookup(t *testing.T) {
	r := Registry{"nats": nil, "files": nil}
	if _, err := r.Lookup("files"); err != nil {
		t.Fatal(err)
	}
	_, err := r.Lookup("file")
	if want := `materialization endpoint "file" is unknown: this weir has files, nats`; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	_, err = Registry{}.Lookup("file")
	if want := `materialization endpoint "file" is unknown: this weir has none`; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestTransient(t *testing.T) {
	cause := errors.New("refused")
	err := fmt.Errorf("open: %w", Transient(cause))
	if !errors.Is(err, ErrTransient) || !errors.Is(err, cause) || err.Error() != "open: refused" {
		t.Errorf("%v", err)
	}
	if Transient(nil) != nil {
		t.Error("nil became an error")
	}
}
