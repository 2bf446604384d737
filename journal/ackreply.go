package journal

import "time"

// delivery is what the reply subject of a delivered message says about it.
type delivery struct {
	stream   uint64 // sequence in the stream
	consumer uint64 // sequence of the consumer: 1, 2, ... without gaps
	stored   int64  // nanoseconds since 1970
	pending  uint64
}

// A reply subject is one of
//
//	$JS.ACK.<stream>.<consumer>.<delivered>.<stream seq>.<consumer seq>.<time>.<pending>
//	$JS.ACK.<domain>.<account>.<stream>.<consumer>.<delivered>.<stream seq>.<consumer seq>.<time>.<pending>[.<more>...]
const (
	ackPrefix      = "$JS.ACK."
	ackTokens      = 9
	ackTokensNewer = 11
)

// parseDelivery reads a reply subject without allocating.
func parseDelivery(reply string) (d delivery, ok bool) {
	if len(reply) < len(ackPrefix) || reply[:len(ackPrefix)] != ackPrefix {
		return d, false
	}
	tokens := 1
	for i := range len(reply) {
		if reply[i] == '.' {
			tokens++
		}
	}
	skip := 5 // tokens before the stream sequence
	switch {
	case tokens == ackTokens:
	case tokens >= ackTokensNewer:
		skip += 2
	default:
		return d, false
	}
	at := 0
	for ; skip > 0; at++ {
		if reply[at] == '.' {
			skip--
		}
	}
	var stored uint64
	for _, into := range [...]*uint64{&d.stream, &d.consumer, &stored, &d.pending} {
		if *into, at, ok = parseNumber(reply, at); !ok {
			return delivery{}, false
		}
	}
	d.stored = int64(stored)
	return d, d.stored >= 0
}

// parseNumber reads a decimal number that ends at a dot or at the end, and
// gives the place behind the dot.
func parseNumber(s string, at int) (n uint64, next int, ok bool) {
	start := at
	for ; at < len(s) && s[at] != '.'; at++ {
		digit := uint64(s[at] - '0')
		if digit > 9 || n > (1<<64-1-digit)/10 {
			return 0, at, false
		}
		n = n*10 + digit
	}
	return n, at + 1, at > start
}

func (d delivery) time() time.Time { return time.Unix(0, d.stored).UTC() }
