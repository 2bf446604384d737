package http

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"time"

	"weir/sources"
)

// recordVersion is the version of the records that this source keeps.
const recordVersion = 1

// keyHash stands for an idempotency key of a path.
type keyHash [16]byte

func hashKey(stateKey, path, key string) (h keyHash) {
	sum := sha256.Sum256([]byte(stateKey + "\x00" + path + "\x00" + key))
	copy(h[:], sum[:])
	return h
}

// known is a request that is durable.
type known struct {
	key       keyHash
	body      uint64 // hash of it; 0: nobody noted it
	at        int64  // when it came, in seconds since 1970
	documents int
	seq       uint64 // one more than that of the request before; 0: none
}

// hashBody stands for a request's body.
func hashBody(body []byte) uint64 {
	sum := sha256.Sum256(body)
	return binary.BigEndian.Uint64(sum[:])
}

// differs says whether a request under the same key is another one.
func (k known) differs(other known) bool { return k.body != 0 && k.body != other.body }

// window remembers the newest keys, in a ring of slots. Each slot is a record
// of the capture, so the records are never more than the slots are.
type window struct {
	size  uint64
	age   time.Duration
	slots []known // made when the first key comes
	bySeq map[keyHash]uint64
	next  uint64 // number of the next request
}

// record is how a slot is stored, under its number as four bytes.
type record struct {
	V         int    `json:"v"`
	Key       string `json:"key"` // base64url of the hash
	At        int64  `json:"at"`
	Documents int    `json:"documents"`
	Body      uint64 `json:"body,omitempty"` // hash of it; records of older weirs have none
	Seq       uint64 `json:"seq"`
}

// newWindow makes a window from the records of a capture.
func newWindow(size int, age time.Duration, records map[string]json.RawMessage) (*window, error) {
	w := &window{size: uint64(size), age: age, bySeq: map[keyHash]uint64{}, next: 1}
	for _, text := range records {
		var r record
		if err := json.Unmarshal(text, &r); err != nil {
			return nil, fmt.Errorf("http: record of an idempotency key: %w", err)
		}
		if r.V < 1 || r.V > recordVersion {
			return nil, fmt.Errorf("http: record of an idempotency key has format version %d, but this weir reads up to %d: run the newer weir that wrote it", r.V, recordVersion)
		}
		k := known{body: r.Body, at: r.At, documents: r.Documents, seq: r.Seq}
		if n, err := base64.RawURLEncoding.Decode(k.key[:], []byte(r.Key)); err != nil || n != len(k.key) {
			return nil, fmt.Errorf("http: record of an idempotency key: %q is no key", r.Key)
		}
		w.next = max(w.next, k.seq+1)
		w.add(k)
	}
	return w, nil
}

// find gives the request that a key belongs to.
func (w *window) find(key keyHash, now time.Time) (known, bool) {
	seq, ok := w.bySeq[key]
	if !ok {
		return known{}, false
	}
	k := w.slots[seq%w.size]
	return k, now.Sub(time.Unix(k.at, 0)) <= w.age
}

// add remembers a request, and forgets the one that had its slot.
func (w *window) add(k known) {
	if w.slots == nil {
		w.slots = make([]known, w.size)
	}
	slot := &w.slots[k.seq%w.size]
	if slot.seq > k.seq { // records of a larger window come in no order
		return
	}
	if slot.seq > 0 && w.bySeq[slot.key] == slot.seq {
		delete(w.bySeq, slot.key)
	}
	if *slot = k; w.bySeq[k.key] < k.seq {
		w.bySeq[k.key] = k.seq
	}
}

// number draws the number of a request that is about to be written.
func (w *window) number() uint64 {
	w.next++
	return w.next - 1
}

// record gives what makes a request durable.
func (w *window) record(k known) (sources.Record, error) {
	value, err := json.Marshal(record{V: recordVersion, Key: base64.RawURLEncoding.EncodeToString(k.key[:]), At: k.at, Documents: k.documents, Body: k.body, Seq: k.seq})
	if err != nil {
		return sources.Record{}, fmt.Errorf("encode record: %w", err)
	}
	return sources.Record{Key: binary.BigEndian.AppendUint32(nil, uint32(k.seq%w.size)), Value: value}, nil
}
