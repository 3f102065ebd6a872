package storage

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"sync"

	"github.com/google/uuid"
	"github.com/vmihailenco/msgpack/v5"
)

// A record is the value of a key: four bytes of CRC-32C over all that follows,
// a msgpack array that begins with the version of the record, and, in entries
// and snapshots, the payload raw until the end. See FORMAT.md.

const checksumLen = 4

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// errNewerRecord means that a record was written by a newer version.
var errNewerRecord = errors.New("record was written by a newer version")

// recordError marks damage of a record, as against a failure to read it.
type recordError struct{ err error }

func (e *recordError) Error() string { return e.err.Error() }
func (e *recordError) Unwrap() error { return e.err }

func badRecord(format string, args ...any) error {
	return &recordError{fmt.Errorf(format, args...)}
}

// recordWriter builds records. It keeps its buffer between records; take one
// from writers and put it back.
type recordWriter struct {
	buf bytes.Buffer
	enc *msgpack.Encoder
	err error
}

var writers = sync.Pool{New: func() any {
	w := new(recordWriter)
	w.enc = msgpack.NewEncoder(&w.buf)
	return w
}}

// begin starts a record whose header has this many fields, version first.
func (w *recordWriter) begin(version, fields int) {
	w.buf.Reset()
	w.err = nil
	w.buf.Write(make([]byte, checksumLen))
	w.keep(w.enc.EncodeArrayLen(fields))
	w.uint(uint64(version))
}

func (w *recordWriter) keep(err error) { w.err = errors.Join(w.err, err) }

func (w *recordWriter) uint(v uint64)   { w.keep(w.enc.EncodeUint(v)) }
func (w *recordWriter) int(v int64)     { w.keep(w.enc.EncodeInt(v)) }
func (w *recordWriter) string(s string) { w.keep(w.enc.EncodeString(s)) }

// id writes 16 bytes as bin 8, the zero id as an empty one.
func (w *recordWriter) id(v uuid.UUID) {
	if v == uuid.Nil {
		w.keep(w.enc.EncodeBytesLen(0))
		return
	}
	w.keep(w.enc.EncodeBytesLen(len(v)))
	w.buf.Write(v[:])
}

// end returns the record, with the payload behind its header, in memory of its
// own, and gives w back.
func (w *recordWriter) end(payload []byte) []byte {
	defer writers.Put(w)
	if w.err != nil {
		// A bytes.Buffer does not fail, and no field has a type that the
		// encoder refuses: only a broken invariant comes here.
		panic(fmt.Sprintf("storage: encode record: %v", w.err))
	}
	header := w.buf.Bytes()
	record := make([]byte, len(header)+len(payload))
	copy(record, header)
	copy(record[len(header):], payload)
	binary.LittleEndian.PutUint32(record, crc32.Checksum(record[checksumLen:], castagnoli))
	return record
}

// recordReader takes a record apart. The first error stays in err, and all that
// is read after it is zero.
type recordReader struct {
	src bytes.Reader
	dec *msgpack.Decoder
	err error
}

var readers = sync.Pool{New: func() any {
	r := new(recordReader)
	r.dec = msgpack.NewDecoder(&r.src)
	return r
}}

// openRecord verifies the checksum of record and begins to read its header,
// which must have exactly this many fields and no greater version. The caller
// ends with close, whether or not there was an error.
func openRecord(record []byte, version uint64, fields int) *recordReader {
	r := readers.Get().(*recordReader)
	r.err = nil
	if len(record) < checksumLen {
		r.src.Reset(nil)
		r.fail(fmt.Errorf("record has only %d bytes", len(record)))
		return r
	}
	body := record[checksumLen:]
	r.src.Reset(body)
	want := binary.LittleEndian.Uint32(record)
	if got := crc32.Checksum(body, castagnoli); got != want {
		r.fail(fmt.Errorf("checksum is %08x, should be %08x", got, want))
		return r
	}
	// The decoder reads straight from src, which is an io.ByteScanner, and so
	// src always stands where the decoder does.
	r.dec.ResetReader(&r.src)
	n, err := r.dec.DecodeArrayLen()
	if err != nil {
		r.fail(fmt.Errorf("read header: %w", err))
		return r
	}
	if got := r.uint(); r.err == nil && got > version {
		r.fail(fmt.Errorf("%w (record version %d, known are up to %d)", errNewerRecord, got, version))
	} else if r.err == nil && (got == 0 || n != fields) {
		r.fail(fmt.Errorf("record version %d has %d fields instead of %d", got, n, fields))
	}
	return r
}

func (r *recordReader) fail(err error) {
	if r.err == nil {
		r.err = err
	}
}

func (r *recordReader) uint() uint64 {
	if r.err != nil {
		return 0
	}
	v, err := r.dec.DecodeUint64()
	if err != nil {
		r.fail(fmt.Errorf("read number: %w", err))
	}
	return v
}

func (r *recordReader) int() int64 {
	if r.err != nil {
		return 0
	}
	v, err := r.dec.DecodeInt64()
	if err != nil {
		r.fail(fmt.Errorf("read number: %w", err))
	}
	return v
}

func (r *recordReader) string(max int) string {
	if r.err != nil {
		return ""
	}
	n, err := r.dec.DecodeBytesLen()
	switch {
	case err != nil:
		r.fail(fmt.Errorf("read string: %w", err))
		return ""
	case n < 0 || n > max || n > r.src.Len():
		r.fail(fmt.Errorf("string of %d bytes, %d are allowed and %d are left", n, max, r.src.Len()))
		return ""
	case n == 0:
		return ""
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(&r.src, b); err != nil {
		r.fail(fmt.Errorf("read string: %w", err))
	}
	return string(b)
}

func (r *recordReader) id() (v uuid.UUID) {
	if r.err != nil {
		return v
	}
	n, err := r.dec.DecodeBytesLen()
	switch {
	case err != nil:
		r.fail(fmt.Errorf("read id: %w", err))
		return v
	case n == 0:
		return v
	case n != len(v):
		r.fail(fmt.Errorf("id of %d bytes", n))
		return v
	}
	if _, err := io.ReadFull(&r.src, v[:]); err != nil {
		r.fail(fmt.Errorf("read id: %w", err))
	}
	return v
}

// rest returns how many bytes stand behind the header: the payload.
func (r *recordReader) rest() int { return r.src.Len() }

// noRest makes a payload an error.
func (r *recordReader) noRest() {
	if r.err == nil && r.src.Len() != 0 {
		r.fail(fmt.Errorf("%d bytes behind the record", r.src.Len()))
	}
}

// close gives r back and returns its first error.
func (r *recordReader) close() error {
	err := r.err
	r.src.Reset(nil)
	readers.Put(r)
	if err != nil {
		return &recordError{err}
	}
	return nil
}
