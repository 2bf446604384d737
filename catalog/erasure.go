package catalog

import (
	"encoding/json"
	"fmt"
)

// ErasureVersion is the format version of records of erasures.
const ErasureVersion = 1

// Erasure asks the task of a derivation to remove registers. It stands in the
// bucket of the registers in pieces: keys first, under erasure.<id>.<n>, and,
// once the documents that led to the registers are gone, a record that says
// Ready, under erasure.<id>.ready. The task removes all of them when it is done.
type Erasure struct {
	V     int      `json:"v"`
	Keys  [][]byte `json:"keys,omitempty"`  // packed shuffle keys
	Ready bool     `json:"ready,omitempty"` // what is asked is complete, and may be done
}

// Erased answers an erasure, under erased.<id>. It names no key.
type Erased struct {
	V         int    `json:"v"`
	Asked     uint64 `json:"asked"`     // revision of the record that said Ready
	Registers int    `json:"registers"` // that were there
	Bytes     int    `json:"bytes"`     // of their values
}

// DecodeErasure reads a record. One of a newer format is refused.
func DecodeErasure(text []byte) (e Erasure, err error) {
	if err := json.Unmarshal(text, &e); err != nil {
		return e, fmt.Errorf("record of an erasure: %w", err)
	}
	return e, checkErasure(e.V)
}

// DecodeErased reads an answer. One of a newer format is refused.
func DecodeErased(text []byte) (e Erased, err error) {
	if err := json.Unmarshal(text, &e); err != nil {
		return e, fmt.Errorf("record of what was erased: %w", err)
	}
	return e, checkErasure(e.V)
}

func checkErasure(v int) error {
	if v < 1 || v > ErasureVersion {
		return fmt.Errorf("record of an erasure has format version %d, but this weir reads up to %d: run the newer weir that wrote it", v, ErasureVersion)
	}
	return nil
}
