package sqlite

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"weir/derive"
	"weir/document"
)

// pageSize is the unit in which a database changes. Smaller pages make smaller
// transactions and longer keys of indexes overflow; see the decision record.
const pageSize = 2048

// storedPage is how many bytes a stored page takes at most, with its key.
const storedPage = (pageSize+2)*4/3 + 32

// pageFormat is the version of a stored page.
const pageFormat = 1

// LostError is state that does not fit together: something around Weir
// removed a part of it.
type LostError struct{ what string }

func (e *LostError) Error() string { return e.what }

// pages is the database file. It has no name, so that it vanishes with the
// process, and it is never synced: what is durable of it is what was given out
// as changes.
type pages struct {
	file  *os.File
	count uint32            // pages of the file
	dirty map[uint32]bool   // written since changes was called last
	sets  map[uint32]uint32 // while loading: bits of pages that were loaded, 32 a word
}

func openTemporary(dir string) (*os.File, error) {
	f, err := os.CreateTemp(dir, "weir-sqlite-*")
	if err != nil {
		return nil, &FileError{err}
	}
	if err := os.Remove(f.Name()); err != nil {
		return nil, errors.Join(&FileError{err}, f.Close())
	}
	return f, nil
}

func openPages(dir string) (*pages, error) {
	f, err := openTemporary(dir)
	if err != nil {
		return nil, err
	}
	return &pages{file: f, dirty: map[uint32]bool{}, sets: map[uint32]uint32{}}, nil
}

// wrote notes that bytes of the file changed. Pages that the file grew by
// without being written count as written: they hold zeros.
func (p *pages) wrote(offset int64, n int) {
	first, last := uint32(offset/pageSize), uint32((offset+int64(n)-1)/pageSize)
	for i := min(first, p.count); i <= last; i++ {
		p.dirty[i+1] = true
	}
	p.count = max(p.count, last+1)
}

// load puts a restored page in place; nil removes it.
func (p *pages) load(key, value []byte) error {
	number, err := unpackPage(key)
	if err != nil {
		return &LostError{fmt.Sprintf("the derivation's database is damaged: %x is %v", key, err)}
	}
	i := number - 1
	if value == nil {
		p.sets[i/32] &^= 1 << (i % 32)
		return nil
	}
	page, err := decodePage(value)
	if err != nil {
		return &LostError{fmt.Sprintf("the derivation's database is damaged: page %d is %v", number, err)}
	}
	if _, err := p.file.WriteAt(page, int64(i)*pageSize); err != nil {
		return &FileError{err}
	}
	p.sets[i/32] |= 1 << (i % 32)
	return nil
}

// loaded ends the loading: every page that the database counts must be there.
func (p *pages) loaded() error {
	defer func() { p.sets = nil }()
	if len(p.sets) == 0 {
		return nil
	}
	var head [100]byte
	if p.sets[0]&1 == 0 {
		return &LostError{"the derivation's database lost its first page"}
	}
	if _, err := p.file.ReadAt(head[:], 0); err != nil {
		return &FileError{err}
	}
	p.count = binary.BigEndian.Uint32(head[28:])
	for i := range p.count {
		if p.sets[i/32]&(1<<(i%32)) == 0 {
			return &LostError{fmt.Sprintf("the derivation's database lost its page %d of %d", i+1, p.count)}
		}
	}
	if err := p.file.Truncate(int64(p.count) * pageSize); err != nil {
		return &FileError{err}
	}
	return nil
}

// truncate cuts the file off: the pages behind are removed.
func (p *pages) truncate(size int64) error {
	if err := p.file.Truncate(size); err != nil {
		return err
	}
	count := uint32((size + pageSize - 1) / pageSize)
	for i := count; i < p.count; i++ {
		p.dirty[i+1] = true
	}
	p.count = count
	return nil
}

// changes gives the pages that changed since it was called last.
func (p *pages) changes() ([]derive.RegisterChange, error) {
	if len(p.dirty) == 0 {
		return nil, nil
	}
	numbers := make([]uint32, 0, len(p.dirty))
	for n := range p.dirty {
		numbers = append(numbers, n)
	}
	slices.Sort(numbers)
	out := make([]derive.RegisterChange, 0, len(numbers))
	var page [pageSize]byte
	for _, n := range numbers {
		c := derive.RegisterChange{Key: document.AppendPackedInteger(nil, uint64(n))}
		if n <= p.count {
			if _, err := p.file.ReadAt(page[:], int64(n-1)*pageSize); err != nil && !errors.Is(err, io.EOF) {
				return nil, &FileError{err}
			}
			c.Value = encodePage(page[:])
		}
		out = append(out, c)
	}
	clear(p.dirty)
	return out, nil
}

// A stored page is a JSON string: base64 of the format version, the lengths of
// what stands before the page's longest run of zeros and of that run, and the
// bytes around it. Pages are rarely full, and what is free in them is one run.

// encodePage gives the stored form of a page.
func encodePage(page []byte) []byte {
	from, n := longestZeros(page)
	text := make([]byte, 0, 1+2*binary.MaxVarintLen16+len(page)-n)
	text = append(text, pageFormat)
	text = binary.AppendUvarint(text, uint64(from))
	text = binary.AppendUvarint(text, uint64(n))
	text = append(append(text, page[:from]...), page[from+n:]...)
	out := make([]byte, 0, base64.StdEncoding.EncodedLen(len(text))+2)
	return append(base64.StdEncoding.AppendEncode(append(out, '"'), text), '"')
}

// decodePage reads a stored page.
func decodePage(value []byte) ([]byte, error) {
	if len(value) < 2 || value[0] != '"' || value[len(value)-1] != '"' {
		return nil, errors.New("not a stored page")
	}
	text, err := base64.StdEncoding.DecodeString(string(value[1 : len(value)-1]))
	switch {
	case err != nil:
		return nil, fmt.Errorf("not a stored page: %w", err)
	case len(text) == 0:
		return nil, errors.New("not a stored page: it is empty")
	case text[0] != pageFormat:
		return nil, fmt.Errorf("a page of format version %d, but this weir reads %d: run the newer weir that wrote it", text[0], pageFormat)
	}
	from, a := binary.Uvarint(text[1:])
	if a <= 0 {
		return nil, errors.New("not a stored page: its lengths are cut off")
	}
	zeros, b := binary.Uvarint(text[1+a:])
	if b <= 0 {
		return nil, errors.New("not a stored page: its lengths are cut off")
	}
	rest := text[1+a+b:]
	if from > uint64(len(rest)) || zeros > pageSize || uint64(len(rest))+zeros != pageSize {
		return nil, fmt.Errorf("not a stored page: %d bytes and %d zeros are no page of %d", len(rest), zeros, pageSize)
	}
	page := make([]byte, pageSize)
	copy(page, rest[:from])
	copy(page[from+zeros:], rest[from:])
	return page, nil
}

// longestZeros finds the longest run of zero bytes.
func longestZeros(page []byte) (from, n int) {
	for i := 0; i < len(page); i++ {
		if page[i] != 0 {
			continue
		}
		begin := i
		for i < len(page) && page[i] == 0 {
			i++
		}
		if i-begin > n {
			from, n = begin, i-begin
		}
	}
	return from, n
}

// unpackPage reads the number of a page.
func unpackPage(key []byte) (uint32, error) {
	values, err := document.UnpackKey(key)
	if err != nil {
		return 0, err
	}
	if len(values) == 1 {
		if n, ok := values[0].(int64); ok && n > 0 && n <= 1<<32-2 {
			return uint32(n), nil
		}
	}
	return 0, errors.New("not the number of a page")
}
