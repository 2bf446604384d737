package collection

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
)

// A spill is the temporary file of a Combiner: runs of records, each run sorted by
// key and, within a key, from old to new; a later run holds newer documents. The
// file has no name, so it vanishes with the process whatever happens.
type spill struct {
	dir  string
	file *os.File
	end  int64
	runs []run
	keys int // sum of the runs' keys
}

type run struct{ begin, end int64 }

// A record is one document in a run.
type record struct {
	key, raw  []byte
	base      bool // what the destination held
	published int64
}

// writeBuffer is the size of the writer's buffer, in bytes.
const writeBuffer = 64 << 10

// maxHeader is the longest header of a record: two lengths, a time and a flag.
const maxHeader = 3*binary.MaxVarintLen64 + 1

func (s *spill) open() error {
	if s.file != nil {
		return nil
	}
	f, err := os.CreateTemp(s.dir, "weir-combine-*")
	if err != nil {
		return fmt.Errorf("combine: temporary file: %w", err)
	}
	if err := os.Remove(f.Name()); err != nil {
		return errors.Join(fmt.Errorf("combine: temporary file: %w", err), f.Close())
	}
	s.file = f
	return nil
}

// write appends a run of records, which each gives to its argument in order.
func (s *spill) write(keys int, each func(put func(record) error) error) error {
	if err := s.open(); err != nil {
		return err
	}
	w := bufio.NewWriterSize(io.NewOffsetWriter(s.file, s.end), writeBuffer)
	begin, end := s.end, s.end
	err := each(func(r record) error {
		n, err := r.writeTo(w)
		end += int64(n)
		return err
	})
	if err == nil {
		err = w.Flush()
	}
	if err != nil {
		return fmt.Errorf("combine: spill to temporary file: %w", err)
	}
	s.end = end
	s.runs = append(s.runs, run{begin, end})
	s.keys += keys
	return nil
}

func (r record) writeTo(w *bufio.Writer) (int, error) {
	var room [maxHeader]byte
	h := binary.AppendUvarint(room[:0], uint64(len(r.key)))
	h = binary.AppendUvarint(h, uint64(len(r.raw)))
	h = binary.AppendVarint(h, r.published)
	flag := byte(0)
	if r.base {
		flag = 1
	}
	h = append(h, flag)
	total := 0
	for _, part := range [][]byte{h, r.key, r.raw} {
		n, err := w.Write(part)
		total += n
		if err != nil {
			return total, err
		}
	}
	return total, nil
}

func (s *spill) reset() {
	if s.file != nil {
		// A file without a name has nothing to lose: its close cannot matter.
		_ = s.file.Close()
	}
	*s = spill{dir: s.dir, runs: s.runs[:0]}
}

// A cursor reads a run, one record at a time: its header and key first.
type cursor struct {
	in   *bufio.Reader
	run  int
	size int // of the document that has not been read
	record
}

// next moves to the next record, over the document if nobody read it. It is false
// at the end of the run.
func (c *cursor) next() (bool, error) {
	if _, err := c.in.Discard(c.size); err != nil {
		return false, unexpected(err)
	}
	c.size = 0
	keySize, err := binary.ReadUvarint(c.in)
	if errors.Is(err, io.EOF) {
		return false, nil
	}
	if err != nil {
		return false, unexpected(err)
	}
	rawSize, err := binary.ReadUvarint(c.in)
	if err != nil {
		return false, unexpected(err)
	}
	if c.published, err = binary.ReadVarint(c.in); err != nil {
		return false, unexpected(err)
	}
	flag, err := c.in.ReadByte()
	if err != nil {
		return false, unexpected(err)
	}
	c.base = flag == 1
	if c.key, err = c.fill(c.key, int(keySize)); err != nil {
		return false, err
	}
	c.size = int(rawSize)
	return true, nil
}

// read reads the document's text; it is valid until the next call.
func (c *cursor) read() ([]byte, error) {
	var err error
	c.raw, err = c.fill(c.raw, c.size)
	c.size = 0
	return c.raw, err
}

func (c *cursor) fill(dst []byte, n int) ([]byte, error) {
	if cap(dst) < n {
		dst = make([]byte, n)
	}
	dst = dst[:n]
	if _, err := io.ReadFull(c.in, dst); err != nil {
		return dst, unexpected(err)
	}
	return dst, nil
}

// unexpected wraps an error of reading back what this process wrote.
func unexpected(err error) error {
	return fmt.Errorf("combine: read temporary file: %w", err)
}
