package main

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"strconv"
)

// order is a document with its place below a stream's name.
type order struct {
	id   string
	tail string // ".doc.<partition>.<id>"
	json []byte
	paid bool
}

// orders is a seeded set of documents of about 250 bytes, one for each key,
// handed out again and again. They are made before anything is measured.
type orders struct{ made []order }

// cancelledEvery makes one order in so many cancelled, which the filter of the
// JavaScript row drops. Few, since a limit row writes every document.
const cancelledEvery = 50

func newOrders(keys int, seed uint64) *orders {
	r := rand.New(rand.NewPCG(seed, 0x7765697272656977))
	o := &orders{made: make([]order, keys)}
	for i, k := range r.Perm(keys) {
		id := fmt.Sprintf("ord-%08d", k)
		text, paid := orderJSON(r, id, keys)
		o.made[i] = order{id: id, tail: ".doc." + partitionOf(id) + "." + id, json: text, paid: paid}
	}
	return o
}

// at is the i-th document. Keys come in one order, all of them before any comes again.
func (o *orders) at(i int) *order { return &o.made[i%len(o.made)] }

// meanSize is the average size of a document in bytes.
func (o *orders) meanSize() int {
	sum := 0
	for i := range o.made {
		sum += len(o.made[i].json)
	}
	return sum / len(o.made)
}

func orderJSON(r *rand.Rand, id string, keys int) (text []byte, paid bool) {
	status := "paid"
	if r.IntN(cancelledEvery) == 0 {
		status = "cancelled"
	}
	b := fmt.Appendf(nil, `{"id":%q,"customer":"cust-%06d","status":%q,"placedAt":"2026-01-%02dT%02d:%02d:%02dZ","items":[`,
		id, r.IntN(keys/4+1), status, 1+r.IntN(28), r.IntN(24), r.IntN(60), r.IntN(60))
	for i := range 3 {
		if i > 0 {
			b = append(b, ',')
		}
		b = fmt.Appendf(b, `{"sku":"SKU-%05d","qty":%d,"price":%d.%02d}`, r.IntN(99999), 1+r.IntN(9), 1+r.IntN(99), 1+r.IntN(99))
	}
	return append(b, `]}`...), status == "paid"
}

func partitionOf(key string) string {
	h := fnv.New32a()
	h.Write([]byte(key))
	return strconv.FormatUint(uint64(h.Sum32()%partitions), 10)
}
