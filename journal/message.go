package journal

import (
	"strings"
	"time"

	"github.com/nats-io/nats.go"
)

// Message is a stored message.
type Message struct {
	Subject string
	Data    []byte
	Seq     uint64            // in its stream
	Time    time.Time         // when it was stored, by the server's clock
	Header  map[string]string // without the broker's own; nil when there are none
	Pending uint64            // matching messages behind it when the server sent it

	size int // bytes as the server counts them
}

// Outgoing is a message to be stored.
type Outgoing struct {
	Subject string
	Data    []byte
	Header  map[string]string // names that begin with Nats- belong to the broker
	// Expect is the sequence that the newest message of Subject must have, 0
	// when there must be none. Nil expects nothing.
	Expect *uint64
}

// Headers of the broker.
const (
	headerBatchID  = "Nats-Batch-Id"
	headerBatchSeq = "Nats-Batch-Sequence"
	headerCommit   = "Nats-Batch-Commit"
	headerExpect   = "Nats-Expected-Last-Subject-Sequence"
	headerStatus   = "Status"
	headerKV       = "KV-Operation"

	brokerPrefix = "Nats-"
)

// headerOverhead is what a header costs beside its name and value.
const headerOverhead = len(": \r\n")

// headerFrame is what the block of headers costs beside its headers.
const headerFrame = len("NATS/1.0\r\n\r\n")

// headerSize is the encoded size of a message's own headers and its
// expectation, without the frame.
func (m *Outgoing) headerSize() int {
	n := 0
	for name, value := range m.Header {
		n += len(name) + len(value) + headerOverhead
	}
	if m.Expect != nil {
		n += len(headerExpect) + maxDigits + headerOverhead
	}
	return n
}

// maxDigits is the length of the largest sequence in decimal.
const maxDigits = len("18446744073709551615")

// ownHeaders gives the headers that are not the broker's, nil when there are none.
func ownHeaders(h nats.Header) map[string]string {
	var own map[string]string
	for name, values := range h {
		if len(values) == 0 || strings.HasPrefix(name, brokerPrefix) {
			continue
		}
		if own == nil {
			own = make(map[string]string, len(h))
		}
		own[name] = values[0]
	}
	return own
}
