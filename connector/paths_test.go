package connector_test

import (
	"errors"
	"path/filepath"
	"testing"

	"weir/connector"
)

func TestPlace(t *testing.T) {
	dir := t.TempDir()
	none, relative, absolute := "", "shop.db", filepath.Join(dir, "other.db")
	if err := connector.Place("", &none, &absolute); err != nil || none != "" {
		t.Errorf("nothing relative: %q, %v", none, err)
	}
	if err := connector.Place("", &absolute, &relative); !errors.Is(err, connector.ErrNoDirectory) || relative != "shop.db" {
		t.Errorf("no directory: %q, %v", relative, err)
	}
	if err := connector.Place(dir, &none, &relative, &absolute); err != nil || none != "" || relative != filepath.Join(dir, "shop.db") || absolute != filepath.Join(dir, "other.db") {
		t.Errorf("placed: %q, %q, %q, %v", none, relative, absolute, err)
	}
}
