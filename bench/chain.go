package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"weir/collection"
	"weir/controlplane"
	"weir/derive"
	"weir/document"
)

// The rows of the chain: what a document costs between reading and writing, in
// this process and without a server, in multiples of what parsing it costs.

const chainParse = "chain: parse"

// chainJS is filter and sum with an index loop, as docs/measurements.md has it.
const chainJS = `export function fromOrders({ doc }) {
              if (doc.status === "cancelled") return;
              let total = 0;
              const items = doc.items;
              for (let i = 0; i < items.length; i++) { const item = items[i]; total += item.qty * item.price; }
              return { id: doc.id, customer: doc.customer, total, big: total > 500, n: items.length, placedAt: doc.placedAt };
            }`

// chainDerived reduces what chainJS gives.
const chainDerived = source + `
  %[1]s/derived:
    key: [/id]
    schema:
      type: object
      required: [id, customer, total]
      reduce: {strategy: merge}
      properties: {id: {type: string}, customer: {type: string}, total: {type: number, reduce: {strategy: sum}}, n: {type: integer, reduce: {strategy: sum}}, placedAt: {type: string, reduce: {strategy: maximize}}}
    derive:
      using:
        javascript:
          module: |
            ` + chainJS + `
      transforms: [{name: fromOrders, source: %[1]s/orders, shuffle: any}]
`

// A transaction of the chain's rows.
const (
	chainDocuments = 1024
	chainKeys      = 128
)

func chainRows(seed uint64) ([]row, error) {
	docs := newOrders(chainKeys, seed)
	byID := strings.NewReplacer("key: [/customer]", "key: [/id]", "required: [customer]", "required: [id, customer]")
	reduced, err := chainCollection(byID.Replace(derivedReduced))
	if err != nil {
		return nil, err
	}
	derived, vm, orders, err := chainEngine()
	if err != nil {
		return nil, err
	}
	var d document.Doc
	chain := func(name string, most float64, c *collection.Combiner, each func(raw []byte) error) row {
		r := row{Name: name, Run: func(_ context.Context, m *meter) (sample, error) { return runChain(m, docs, c, each) }}
		if most > 0 {
			r.Times, r.Most = chainParse, most
		}
		return r
	}
	validator := orders.Schema.Validator()
	meta := derive.Meta{Collection: orders.Name, Seq: 1, Time: time.Unix(1_800_000_000, 0).UTC()}
	return []row{
		chain(chainParse, 0, nil, d.Parse),
		chain("chain: parse, validate, key, reduce", 1.6, reduced, reduced.Add),
		chain("chain: parse, validate, JavaScript; parse, validate, key, reduce", 8, derived, func(raw []byte) error {
			if err := d.Parse(raw); err != nil {
				return err
			}
			if !validator.Valid(&d, 0) {
				return fmt.Errorf("invalid: %s", raw)
			}
			return vm.Apply(0, &d, meta, derived.Add)
		}),
	}, nil
}

func chainCollection(text string) (*collection.Combiner, error) {
	c, err := loadCatalog(fmt.Sprintf(text, "chain"))
	if err != nil {
		return nil, err
	}
	target, err := collection.New(c.Collections["chain/derived"])
	if err != nil {
		return nil, err
	}
	return target.NewCombiner(collection.CombinerOptions{}), nil
}

func chainEngine() (derived *collection.Combiner, vm *derive.VM, orders *collection.Collection, err error) {
	c, err := loadCatalog(fmt.Sprintf(chainDerived, "chain"))
	if err != nil {
		return nil, nil, nil, err
	}
	if err := controlplane.Build(c); err != nil {
		return nil, nil, nil, err
	}
	program, err := derive.Compile(c.Collections["chain/derived"].Derive, "chain/derived")
	if err != nil {
		return nil, nil, nil, err
	}
	if vm, err = program.NewVM(derive.VMOptions{}); err != nil {
		return nil, nil, nil, err
	}
	target, err := collection.New(c.Collections["chain/derived"])
	if err != nil {
		return nil, nil, nil, err
	}
	orders, err = collection.New(c.Collections["chain/orders"])
	return target.NewCombiner(collection.CombinerOptions{}), vm, orders, err
}

// runChain runs whole transactions until all documents went through.
func runChain(m *meter, docs *orders, c *collection.Combiner, each func(raw []byte) error) (sample, error) {
	transactions := max(m.Documents/chainDocuments, 1)
	return m.measure(transactions*chainDocuments, func() error {
		for range transactions {
			for i := range chainDocuments {
				if err := each(docs.at(i).json); err != nil {
					return err
				}
			}
			if c == nil {
				continue
			}
			if err := c.Drain(func(collection.Combined) error { return nil }); err != nil {
				return err
			}
			c.Reset()
		}
		return nil
	})
}
