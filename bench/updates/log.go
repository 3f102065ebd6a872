// Package updates keeps the updates of a history, one for each transaction, as a server receives them: made by real
// Yjs in Node, or by our own engine, and stored in a file so that they are made once.
package updates

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// maxUpdateBytes bounds one update in a file.
const maxUpdateBytes = 64 << 20

// magic begins a file of updates; the digit is the format's version. The number of updates follows, then each with its
// length before it; numbers are 4 bytes, little-endian.
const magic = "weft updates 1\n"

// A Log holds updates in order, in one block of memory without pointers, so that a benchmark that replays them does not
// measure the garbage collector walking them. The zero value is empty.
type Log struct {
	data []byte
	ends []int // where each update ends in data
}

// Append adds a copy of an update.
func (l *Log) Append(update []byte) {
	l.data = append(l.data, update...)
	l.ends = append(l.ends, len(l.data))
}

// Len returns how many updates there are.
func (l *Log) Len() int { return len(l.ends) }

// Bytes returns how many bytes they have together.
func (l *Log) Bytes() int { return len(l.data) }

// At returns update i. It aliases the log and must not be changed.
func (l *Log) At(i int) []byte {
	start := 0
	if i > 0 {
		start = l.ends[i-1]
	}
	return l.data[start:l.ends[i]:l.ends[i]]
}

// Slice returns the first n updates; it aliases the log.
func (l *Log) Slice(n int) *Log {
	n = min(n, len(l.ends))
	s := &Log{ends: l.ends[:n:n]}
	if n > 0 {
		end := l.ends[n-1]
		s.data = l.data[:end:end]
	}
	return s
}

// All returns the updates as a slice of slices that alias the log.
func (l *Log) All() [][]byte {
	all := make([][]byte, l.Len())
	for i := range all {
		all[i] = l.At(i)
	}
	return all
}

// WriteFile stores the log under path, in one step: a reader sees the whole file or none.
func (l *Log) WriteFile(path string) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("store updates: %w", err)
	}
	defer os.Remove(f.Name())
	w := bufio.NewWriter(f)
	_, err = w.Write(binary.LittleEndian.AppendUint32([]byte(magic), uint32(l.Len())))
	for i := 0; i < l.Len() && err == nil; i++ {
		u := l.At(i)
		if _, err = w.Write(binary.LittleEndian.AppendUint32(nil, uint32(len(u)))); err == nil {
			_, err = w.Write(u)
		}
	}
	if err = errors.Join(err, w.Flush(), f.Close()); err != nil {
		return fmt.Errorf("store updates: %w", err)
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return fmt.Errorf("store updates: %w", err)
	}
	return nil
}

// ReadFile reads a log that [Log.WriteFile] or the Node script stored. A file that is cut short is an error.
func ReadFile(path string) (*Log, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read updates: %w", err)
	}
	defer f.Close()
	l, err := read(bufio.NewReaderSize(f, 1<<16))
	if err != nil {
		return nil, fmt.Errorf("read updates from %s: %w", path, err)
	}
	return l, nil
}

func read(r io.Reader) (*Log, error) {
	head := make([]byte, len(magic)+4)
	if _, err := io.ReadFull(r, head); err != nil || string(head[:len(magic)]) != magic {
		return nil, errors.New("it is not a file of updates")
	}
	count := int(binary.LittleEndian.Uint32(head[len(magic):]))
	l := &Log{}
	var size [4]byte
	for l.Len() < count {
		if _, err := io.ReadFull(r, size[:]); err != nil {
			return nil, fmt.Errorf("update %d of %d: %w", l.Len(), count, err)
		}
		n := binary.LittleEndian.Uint32(size[:])
		if n > maxUpdateBytes {
			return nil, fmt.Errorf("update %d has %d bytes", l.Len(), n)
		}
		start := len(l.data)
		l.data = append(l.data, make([]byte, n)...)
		if _, err := io.ReadFull(r, l.data[start:]); err != nil {
			return nil, fmt.Errorf("update %d: %w", l.Len(), err)
		}
		l.ends = append(l.ends, len(l.data))
	}
	if n, _ := r.Read(size[:1]); n != 0 {
		return nil, fmt.Errorf("bytes behind the last of %d updates", count)
	}
	return l, nil
}
