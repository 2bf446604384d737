package worker

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"weir/derive"
	"weir/document"
)

// formatVersion is the version of every record that this package stores. A
// record of a newer version is refused, never guessed at.
const formatVersion = 1

// positions says how far a shard has read: for each position key the
// sequence of the last message that is done with.
type positions map[string]uint64

// clone gives a copy that may be changed.
func (p positions) clone() positions {
	c := make(positions, len(p))
	for k, v := range p {
		c[k] = v
	}
	return c
}

// positionKey names a position: the transform or binding with its backfill
// counter, the shuffle residue and the collection that it reads.
func positionKey(name string, backfill int, token, source string) string {
	return name + ".v" + strconv.Itoa(backfill) + "/" + token + "/" + source
}

// marker is the last message of every committed transaction of a shard that
// writes a collection. One that does not fit a message is written in parts:
// register changes spread over Parts messages, the rest on the last of them.
type marker struct {
	V         int              `json:"v"`
	Txn       uint64           `json:"txn"`             // one more than the predecessor's
	Writer    string           `json:"writer"`          // drawn by each start of the shard
	Bucket    string           `json:"bucket"`          // that holds the shard's checkpoint and registers
	Part      int              `json:"part,omitempty"`  // 1..Parts
	Parts     int              `json:"parts,omitempty"` // 0 and 1 mean one
	Positions positions        `json:"positions,omitempty"`
	Registers []registerChange `json:"registers,omitempty"`
	State     json.RawMessage  `json:"state,omitempty"` // a connector's own
}

// registerChange is a register's value after a transaction. Value is nil for
// a deleted register; the JSON form is [key] then and [key, value] otherwise,
// with the packed key in base64.
type registerChange derive.RegisterChange

func (c registerChange) MarshalJSON() ([]byte, error) {
	return c.append(nil), nil
}

func (c registerChange) append(dst []byte) []byte {
	dst = append(dst, '[', '"')
	dst = base64.RawURLEncoding.AppendEncode(dst, c.Key)
	dst = append(dst, '"')
	if c.Value != nil {
		dst = append(dst, ',')
		dst = append(dst, c.Value...)
	}
	return append(dst, ']')
}

func (c *registerChange) UnmarshalJSON(text []byte) error {
	var pair []json.RawMessage
	if err := json.Unmarshal(text, &pair); err != nil {
		return err
	}
	return c.set(pair)
}

// set reads key and value.
func (c *registerChange) set(pair []json.RawMessage) error {
	if len(pair) != 1 && len(pair) != 2 {
		return fmt.Errorf("register change with %d members", len(pair))
	}
	var key string
	if err := json.Unmarshal(pair[0], &key); err != nil {
		return err
	}
	packed, err := base64.RawURLEncoding.DecodeString(key)
	if err != nil {
		return fmt.Errorf("register key: %w", err)
	}
	c.Key, c.Value = packed, nil
	if len(pair) == 2 {
		c.Value = pair[1]
	}
	return nil
}

// encodeMarker gives the marker as one or more messages of at most limit
// bytes each; a single register that is larger than that is an error.
func encodeMarker(m marker, limit int) ([][]byte, error) {
	changes := m.Registers
	m.Registers = nil
	head, err := json.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("encode marker: %w", err)
	}
	budget := limit - len(head) - 64 // the parts' numbers and the member's name
	var parts [][]byte
	var part []byte
	for _, c := range changes {
		size := len(c.Value) + base64.RawURLEncoding.EncodedLen(len(c.Key)) + 5
		if size > budget {
			key, _ := document.AppendKeyJSON(nil, c.Key)
			return nil, fmt.Errorf("register %s takes %d bytes, more than one message holds (%d)", key, size, budget)
		}
		if len(part)+size > budget {
			parts = append(parts, part)
			part = nil
		}
		if len(part) > 0 {
			part = append(part, ',')
		}
		part = c.append(part)
	}
	parts = append(parts, part)
	return joinParts(m, parts)
}

func joinParts(m marker, parts [][]byte) ([][]byte, error) {
	out := make([][]byte, len(parts))
	for i, registers := range parts {
		p := m
		if len(parts) > 1 {
			p.Part, p.Parts = i+1, len(parts)
			if i+1 < len(parts) {
				p.Positions, p.State = nil, nil
			}
		}
		text, err := json.Marshal(p)
		if err != nil {
			return nil, fmt.Errorf("encode marker: %w", err)
		}
		if len(registers) > 0 {
			text = append(text[:len(text)-1], `,"registers":[`...)
			text = append(append(text, registers...), ']', '}')
		}
		out[i] = text
	}
	return out, nil
}

// encodeRegister gives a register's record in its bucket: [version, key, value].
func encodeRegister(c registerChange) []byte {
	text := c.append(strconv.AppendInt([]byte{'['}, formatVersion, 10))
	text[2] = ',' // was the bracket that opens key and value
	return text
}

// decodeRegister reads a register's record. The value may lie in text.
func decodeRegister(text []byte) (registerChange, error) {
	if c, ok := quickRegister(text); ok {
		return c, nil
	}
	var c registerChange
	var parts []json.RawMessage
	if err := json.Unmarshal(text, &parts); err != nil {
		return c, fmt.Errorf("register: %w", err)
	}
	if len(parts) == 0 {
		return c, errors.New("register: an empty record")
	}
	var v int
	if err := json.Unmarshal(parts[0], &v); err != nil {
		return c, fmt.Errorf("register: version: %w", err)
	}
	if err := checkVersion("register", v); err != nil {
		return c, err
	}
	return c, c.set(parts[1:])
}

// registerHead is how records begin that encodeRegister makes.
var registerHead = []byte(`[` + strconv.Itoa(formatVersion) + `,"`)

// quickRegister reads a record as encodeRegister makes it, without the cost of
// reading any JSON: a start of a shard may have millions to read.
func quickRegister(text []byte) (c registerChange, ok bool) {
	rest, ok := bytes.CutPrefix(text, registerHead)
	if !ok {
		return c, false
	}
	key, rest, ok := bytes.Cut(rest, []byte{'"'})
	if !ok || len(rest) == 0 || rest[len(rest)-1] != ']' {
		return c, false
	}
	var err error
	if c.Key, err = base64.RawURLEncoding.AppendDecode(make([]byte, 0, len(key)), key); err != nil {
		return c, false
	}
	if rest = rest[:len(rest)-1]; len(rest) == 0 {
		return c, true
	}
	if rest[0] != ',' || !json.Valid(rest[1:]) {
		return c, false
	}
	c.Value = rest[1:]
	return c, true
}

// decodeMarker reads one marker message.
func decodeMarker(text []byte) (marker, error) {
	var m marker
	if err := json.Unmarshal(text, &m); err != nil {
		return m, fmt.Errorf("marker: %w", err)
	}
	return m, checkVersion("marker", m.V)
}

// last says whether this message ends its marker.
func (m marker) last() bool { return m.Part == m.Parts }

// checkpoint is the record of a shard in the bucket of its task: progress
// through transaction Txn, and, for a task with registers, the statement that
// the bucket holds their values as of that transaction.
type checkpoint struct {
	V         int             `json:"v"`
	Epoch     uint64          `json:"epoch"`  // one more at each claim
	Writer    string          `json:"writer"` // of the start that claimed
	Txn       uint64          `json:"txn"`
	Positions positions       `json:"positions,omitempty"`
	State     json.RawMessage `json:"state,omitempty"`
}

func decodeCheckpoint(text []byte) (checkpoint, error) {
	var c checkpoint
	if err := json.Unmarshal(text, &c); err != nil {
		return c, fmt.Errorf("checkpoint: %w", err)
	}
	return c, checkVersion("checkpoint", c.V)
}

func checkVersion(what string, v int) error {
	if v < 1 || v > formatVersion {
		return &formatError{what, v}
	}
	return nil
}

// formatError is a record of a newer weir.
type formatError struct {
	what string
	v    int
}

func (e *formatError) Error() string {
	return fmt.Sprintf("%s has format version %d, but this weir reads up to %d: run the newer weir that wrote it", e.what, e.v, formatVersion)
}
