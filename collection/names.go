package collection

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"hash/fnv"
	"strconv"
	"strings"

	"weir/catalog"
)

// Names of what is not one collection's own.
const (
	// BadStream is the stream of quarantined documents, of all collections.
	BadStream = "weir_bad"
	// BadSubjects is what BadStream takes.
	BadSubjects = "weir.bad.>"
)

const (
	docRoot = "weir.doc."
	txnRoot = "weir.txn."
	pubRoot = "weir.pub."
	badRoot = "weir.bad."
)

// maxName is the server's limit for names of streams and consumers, in bytes.
const maxName = 255

// DocFilter is the one filter that reads all documents of a collection.
func DocFilter(name string) string { return docRoot + EncodeToken(name) + ".>" }

// TxnFilter matches the markers of all shards of a task that writes to a collection.
func TxnFilter(name, task string) string {
	return txnRoot + EncodeToken(name) + "." + EncodeToken(task) + ".>"
}

// MarkersFilter matches the markers of all tasks in a collection's stream.
func MarkersFilter(name string) string { return txnRoot + EncodeToken(name) + ".>" }

// TxnSubject is the subject of a shard's markers in the stream that it writes.
// The shard is its token, "<r>-<m>".
func TxnSubject(name, task, shard string) string {
	return txnRoot + EncodeToken(name) + "." + EncodeToken(task) + "." + EncodeToken(shard)
}

// PubSubject is where clients publish documents of a collection: without
// components for the inbox to sort out, or with the values of its logical
// partition fields, if it has any, and of its key (as they are, see [KeyToken])
// for the server to store directly.
func PubSubject(name string, key ...string) string {
	subject := append([]byte(pubRoot), EncodeToken(name)...)
	for _, component := range key {
		subject = append(subject, '.')
		subject = appendComponent(subject, component)
	}
	return string(subject)
}

// PubFilter is the one filter that reads, on a collection's own stream, all that
// waits for its inbox: what was published with no key and with too many or too few
// components. It is the same for all collections: a stream takes publishing subjects
// of no other, and nothing narrower matches both weir.pub.<c> and all below.
func PubFilter() string { return pubRoot + ">" }

// IsPublished says whether a subject is one that clients publish to, and not
// one that documents are stored under.
func IsPublished(subject string) bool { return strings.HasPrefix(subject, pubRoot) }

// BadSubject is the subject in [BadStream] of the n-th document that a task put
// in quarantine while it processed the message with sequence seq.
func BadSubject(name, task string, seq uint64, n int) string {
	return badRoot + EncodeToken(name) + "." + EncodeToken(task) + "." +
		strconv.FormatUint(seq, 10) + "." + strconv.Itoa(n)
}

// BadFilter matches the quarantined documents of a collection.
func BadFilter(name string) string { return badRoot + EncodeToken(name) + ".>" }

// EncodeToken spells a catalog name as one token of a subject.
func EncodeToken(s string) string { return string(appendEscaped(nil, s, '%', &subjectPlain)) }

// DecodeToken is the reverse of [EncodeToken].
func DecodeToken(token string) (string, error) {
	s, err := unescape(token, '%', &subjectPlain)
	if err != nil {
		return "", fmt.Errorf("decode subject token %q: %w", token, err)
	}
	return s, nil
}

// StreamName spells a catalog name as the name of its stream: as in a subject,
// but with "=" for "/".
func StreamName(name string) string {
	dst := make([]byte, 0, len(name)+8)
	for i, part := range strings.Split(name, "/") {
		if i > 0 {
			dst = append(dst, '=')
		}
		dst = appendEscaped(dst, part, '%', &namePlain)
	}
	return string(dst)
}

// KVKey spells any string as one token of a KV key. Keys of the KV protocol take
// letters, digits, "-", "_", "/" and "="; all other bytes are written "=XX".
func KVKey(s string) string { return string(appendEscaped(nil, s, '=', &kvPlain)) }

// DecodeKVKey is the reverse of [KVKey].
func DecodeKVKey(key string) (string, error) {
	s, err := unescape(key, '=', &kvPlain)
	if err != nil {
		return "", fmt.Errorf("decode KV key %q: %w", key, err)
	}
	return s, nil
}

// ControlKey is the key, in the bucket of the catalog, of what is wanted of one
// task beside what is published.
func ControlKey(kind, task string) string { return catalog.ControlPrefix + kind + "." + KVKey(task) }

// Buckets that hold a task's state beside its checkpoint, by the beginning of
// their names. Registers and pages of a database lie apart, so that a
// derivation that goes over from one to the other starts with none.
const (
	RegistersBucket = "weir_reg_"
	DatabaseBucket  = "weir_db_"
	RecordsBucket   = "weir_rec_" // of a capture whose source keeps records
)

// StateBucket names such a bucket of a task.
func StateBucket(kind, task string) string {
	sum := sha256.Sum256([]byte(task))
	return kind + hex.EncodeToString(sum[:8])
}

// Names in a bucket of registers of what asks for the erasure of some, and of
// the answers: <prefix>.<id>[...]. See [catalog.Erasure].
const (
	ErasurePrefix = "erasure"
	ErasureReady  = "ready" // the piece that completes one
	ErasedPrefix  = "erased"
)

// ErasureKey is the key of a piece of an erasure.
func ErasureKey(id, piece string) string { return ErasurePrefix + "." + id + "." + piece }

const registerShares = 256 // parts of a register bucket, so that a split shard can load its own

// RegisterKey is a register's key in its bucket: the share of the shards that
// it falls to, then the packed shuffle key, hashed when it is too long for a subject.
func RegisterKey(packed []byte) string {
	h := fnv.New32a()
	h.Write(packed)
	name := base64.RawURLEncoding.EncodeToString(packed)
	if len(name) > 512 {
		sum := sha256.Sum256(packed)
		name = "=" + hex.EncodeToString(sum[:])
	}
	return "r." + strconv.Itoa(int(h.Sum32()%registerShares)) + "." + name
}

// maxConsumerName leaves room for a nonce behind the name.
const maxConsumerName = maxName - 55

// ConsumerName is the name, but for the nonce of a start, of a reader's consumer:
// task, shard and, where it has several readers, transform or binding. What would
// be too long for the server is cut and made unique again by a hash.
func ConsumerName(task, shard string, more ...string) string {
	parts := append([]string{task, shard}, more...)
	for i, part := range parts {
		parts[i] = StreamName(part)
	}
	name := strings.Join(parts, "_")
	if len(name) <= maxConsumerName {
		return name
	}
	sum := sha256.Sum256([]byte(name))
	return name[:maxConsumerName-hashDigits-2] + "%h" + hex.EncodeToString(sum[:hashDigits/2])
}
