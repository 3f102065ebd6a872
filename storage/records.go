package storage

import (
	"fmt"
	"time"

	"github.com/google/uuid"
)

// Each kind of record has one type here, with its fields in the order in which
// they are written, and a pair of functions. The versions below are those this
// package writes; it refuses greater ones.

const (
	formatVersion  = 1 // of the whole store
	recordVersion  = 1 // of each kind of record, they can part ways later
	formatFields   = 3
	markFields     = 2
	nameFields     = 2
	metaFields     = 8
	entryFields    = 7
	snapshotFields = 7
	zeroTimeOnDisk = 0
)

// formatRecord is written once, when the store is created.
type formatRecord struct {
	store   uuid.UUID
	created time.Time
}

func (f formatRecord) encode() []byte {
	w := writers.Get().(*recordWriter)
	w.begin(formatVersion, formatFields)
	w.id(f.store)
	w.int(toDisk(f.created))
	return w.end(nil)
}

func decodeFormat(b []byte) (f formatRecord, err error) {
	r := openRecord(b, formatVersion, formatFields)
	f.store = r.id()
	f.created = fromDisk(r.int())
	r.noRest()
	return f, r.close()
}

// encodeMark makes the record that counts the groups written to the log.
func encodeMark(n uint64) []byte {
	w := writers.Get().(*recordWriter)
	w.begin(recordVersion, markFields)
	w.uint(n)
	return w.end(nil)
}

func decodeMark(b []byte) (n uint64, err error) {
	r := openRecord(b, recordVersion, markFields)
	n = r.uint()
	r.noRest()
	return n, r.close()
}

// encodeName makes the record of the name index.
func encodeName(id uuid.UUID) []byte {
	w := writers.Get().(*recordWriter)
	w.begin(recordVersion, nameFields)
	w.id(id)
	return w.end(nil)
}

func decodeName(b []byte) (id uuid.UUID, err error) {
	r := openRecord(b, recordVersion, nameFields)
	id = r.id()
	r.noRest()
	return id, r.close()
}

// metaRecord is what is known of a document apart from its content.
type metaRecord struct {
	id          uuid.UUID
	name        string
	lineage     uuid.UUID
	incarnation uint64
	next        uint64 // every sequence below was durable when this was written
	created     time.Time
	deleted     time.Time // zero: not deleted
}

func (m metaRecord) encode() []byte {
	w := writers.Get().(*recordWriter)
	w.begin(recordVersion, metaFields)
	w.id(m.id)
	w.string(m.name)
	w.id(m.lineage)
	w.uint(m.incarnation)
	w.uint(m.next)
	w.int(toDisk(m.created))
	w.int(toDisk(m.deleted))
	return w.end(nil)
}

func decodeMeta(b []byte, id uuid.UUID) (m metaRecord, err error) {
	r := openRecord(b, recordVersion, metaFields)
	m.id = r.id()
	m.name = r.string(maxNameBytes)
	m.lineage = r.id()
	m.incarnation = r.uint()
	m.next = r.uint()
	m.created = fromDisk(r.int())
	m.deleted = fromDisk(r.int())
	r.noRest()
	if r.err == nil && m.id != id {
		r.fail(fmt.Errorf("record belongs to document %s", m.id))
	}
	return m, r.close()
}

// entryRecord is one update in a log.
type entryRecord struct {
	document   uuid.UUID
	seq        uint64
	time       time.Time
	total      uint64 // bytes of all updates of the document up to and including this one
	connection uuid.UUID
	user       string
}

func (e entryRecord) encode(update []byte) []byte {
	w := writers.Get().(*recordWriter)
	w.begin(recordVersion, entryFields)
	w.id(e.document)
	w.uint(e.seq)
	w.int(toDisk(e.time))
	w.uint(e.total)
	w.id(e.connection)
	w.string(e.user)
	return w.end(update)
}

// decodeEntry verifies b as the entry at seq of document id. The update aliases b.
func decodeEntry(b []byte, id uuid.UUID, seq uint64) (e entryRecord, update []byte, err error) {
	r := openRecord(b, recordVersion, entryFields)
	e.document = r.id()
	e.seq = r.uint()
	e.time = fromDisk(r.int())
	e.total = r.uint()
	e.connection = r.id()
	e.user = r.string(MaxUserBytes)
	r.checkPlace(e.document, e.seq, id, seq)
	update = b[len(b)-r.rest():]
	return e, update, r.close()
}

// snapshotRecord is the state of a document after one of its entries.
type snapshotRecord struct {
	document uuid.UUID
	seq      uint64
	made     time.Time
	modified time.Time // of the entry at seq
	total    uint64    // of the entry at seq
	encoding uint64    // of the payload
}

// encode makes the record of a payload that is in s.encoding already.
func (s snapshotRecord) encode(payload []byte) []byte {
	w := writers.Get().(*recordWriter)
	w.begin(recordVersion, snapshotFields)
	w.id(s.document)
	w.uint(s.seq)
	w.int(toDisk(s.made))
	w.int(toDisk(s.modified))
	w.uint(s.total)
	w.uint(s.encoding)
	return w.end(payload)
}

// decodeSnapshot verifies b as the snapshot at seq of document id. The payload
// aliases b, and may be compressed.
func decodeSnapshot(b []byte, id uuid.UUID, seq uint64) (s snapshotRecord, payload []byte, err error) {
	r := openRecord(b, recordVersion, snapshotFields)
	s.document = r.id()
	s.seq = r.uint()
	s.made = fromDisk(r.int())
	s.modified = fromDisk(r.int())
	s.total = r.uint()
	s.encoding = r.uint()
	r.checkPlace(s.document, s.seq, id, seq)
	if r.err == nil && s.encoding > encodingZstd {
		r.fail(fmt.Errorf("%w (payload encoding %d)", errNewerRecord, s.encoding))
	}
	payload = b[len(b)-r.rest():]
	return s, payload, r.close()
}

// checkPlace compares what a record says of itself with where it was found.
func (r *recordReader) checkPlace(gotID uuid.UUID, gotSeq uint64, id uuid.UUID, seq uint64) {
	switch {
	case r.err != nil:
	case gotID != id:
		r.fail(fmt.Errorf("record belongs to document %s", gotID))
	case gotSeq != seq:
		r.fail(fmt.Errorf("record belongs to sequence %d", gotSeq))
	}
}

// toDisk gives a time as nanoseconds since 1970, the zero time as 0.
func toDisk(t time.Time) int64 {
	if t.IsZero() {
		return zeroTimeOnDisk
	}
	return t.UnixNano()
}

func fromDisk(ns int64) time.Time {
	if ns == zeroTimeOnDisk {
		return time.Time{}
	}
	return time.Unix(0, ns).UTC()
}
