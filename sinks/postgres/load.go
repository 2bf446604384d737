package postgres

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"

	"weir/sinks/sqltable"
)

// loadKeys is how many keys one query looks up.
const loadKeys = 4096

// elements are the object ids of what arrays of keys hold.
var elements = map[kind]uint32{kindText: oidText, kindInt8: oidInt8, kindBool: 16, kindNumeric: 1700}

// Load looks keys up, many at a time.
func (s *session) Load(ctx context.Context, binding int, keys [][]byte, loaded func(i int, doc []byte) error) error {
	if s.broken != nil {
		return s.broken
	}
	t := s.tables[binding]
	if t.Delta {
		return s.fail(fmt.Errorf("table %s has delta updates: there is nothing to load", t.Ref()))
	}
	for first := 0; first < len(keys); first += loadKeys {
		some := keys[first:min(first+loadKeys, len(keys))]
		if err := s.loadSome(ctx, t, some, func(i int, doc []byte) error { return loaded(first+i, doc) }); err != nil {
			return s.fail(err)
		}
	}
	return nil
}

func (s *session) loadSome(ctx context.Context, t *table, keys [][]byte, loaded func(i int, doc []byte) error) error {
	arrays, wanted, err := s.keyArrays(t, keys)
	if err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	formats := make([]int16, len(arrays))
	for i := range formats {
		formats[i] = 1
	}
	r := s.conn.ExecParams(ctx, t.load, arrays, nil, formats, []int16{1})
	return s.conn.read(ctx, r, func(row [][]byte) error {
		i := wanted[binary.BigEndian.Uint64(row[0])-1]
		if row[1] == nil {
			return fmt.Errorf("table %s: the row of key %s has no document: it was changed by somebody else", t.Ref(), sqltable.KeyText(keys[i]))
		}
		return loaded(i, bytes.Clone(row[1]))
	})
}

// keyArrays writes keys as one array for each component. Keys that no row of
// the table can have are left out; wanted are the indexes of the others.
func (s *session) keyArrays(t *table, keys [][]byte) (arrays [][]byte, wanted []int, err error) {
	arrays = make([][]byte, t.Keys)
	for i := range arrays {
		arrays[i] = binary.BigEndian.AppendUint32(make([]byte, 0, 20+16*len(keys)), 1) // dimensions
		arrays[i] = binary.BigEndian.AppendUint32(arrays[i], 1)                        // there may be NULLs
		arrays[i] = binary.BigEndian.AppendUint32(arrays[i], elements[t.kinds[i]])
		arrays[i] = append(arrays[i], 0, 0, 0, 0, 0, 0, 0, 1) // elements, and the first one's index
	}
	for n, key := range keys {
		s.values.Reset()
		if err := t.AppendKey(&s.values, key); err != nil {
			return nil, nil, err
		}
		values := s.values.Values(0)
		if !possible(t.kinds, values) {
			continue
		}
		wanted = append(wanted, n)
		for i := range arrays {
			if arrays[i], err = appendField(arrays[i], t.kinds[i], &values[i]); err != nil {
				return nil, nil, fmt.Errorf("table %s: key %s: %w", t.Ref(), sqltable.KeyText(key), err)
			}
		}
	}
	for i := range arrays {
		binary.BigEndian.PutUint32(arrays[i][12:], uint32(len(wanted)))
	}
	return arrays, wanted, nil
}

// possible says whether a row can have a key.
func possible(kinds []kind, key []sqltable.Value) bool {
	for i := range key {
		v := &key[i]
		if kinds[i] == kindInt8 && v.Kind == sqltable.Digits || kinds[i] == kindText && bytes.IndexByte(v.Text, 0) >= 0 {
			return false
		}
	}
	return true
}
