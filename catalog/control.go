package catalog

import (
	"encoding/json"
	"fmt"
	"time"

	"weir/fault"
)

// ControlVersion is the format version of records of controls.
const ControlVersion = 1

// ControlPrefix is what the keys of controls begin with in the bucket of the
// catalog: control.<kind>.<task>.
const ControlPrefix = "control."

// Control is what somebody wants of one task, whatever is published of it.
type Control struct {
	V      int       `json:"v"`
	Paused bool      `json:"paused"`        // the task stands still until it is resumed
	At     time.Time `json:"at"`            // when that was said
	By     string    `json:"by,omitempty"`  // who said it
	Why    string    `json:"why,omitempty"` // for people
	// Starts counts how often somebody asked for a start anew, beside all that.
	Starts uint64 `json:"starts,omitempty"`
}

// DecodeControl reads a record. One of a newer format is refused.
func DecodeControl(text []byte) (Control, error) {
	var c Control
	if err := json.Unmarshal(text, &c); err != nil {
		return c, fmt.Errorf("record of a control: %w", err)
	}
	if c.V < 1 || c.V > ControlVersion {
		return c, fault.New(fault.NewerFormat, "", "record of a control has format version %d, but this weir reads up to %d", c.V, ControlVersion)
	}
	return c, nil
}
