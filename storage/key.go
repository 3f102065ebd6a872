package storage

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"
)

// The first byte of a key says what it belongs to. FORMAT.md lists the values
// that are taken and those that are reserved.
const (
	spaceStore    = 0x00 // 0x00 ‖ field
	spaceNames    = 0x01 // 0x01 ‖ name
	spaceDocument = 0x02 // 0x02 ‖ 16 ‖ document id ‖ kind [‖ sequence]
	spaceRetired  = 0x03 // 0x03 ‖ length of the name ‖ name ‖ lineage
)

// Fields in spaceStore.
const (
	fieldFormat = 0x01
	fieldMark   = 0x02
)

// Kinds of record of a document, in the order in which they lie on disk.
const (
	kindMeta     = 0x01
	kindSnapshot = 0x02
	kindEntry    = 0x03
	kindDigest   = 0x04
	kindHistory  = 0x05
	kindVersion  = 0x06
)

const (
	documentPrefixLen = 1 + 1 + 16 // space, length of the id, id
	sequencedKeyLen   = documentPrefixLen + 1 + 8
	maxNameBytes      = 255
)

var (
	formatKey = []byte{spaceStore, fieldFormat}
	markKey   = []byte{spaceStore, fieldMark}
)

// nameKey is the key of the index entry of name. The name is the last part of
// the key and stands raw, so that the index is in the byte order of the names.
func nameKey(name string) []byte {
	return append([]byte{spaceNames}, name...)
}

// documentKey appends the key of the record of this kind that has no sequence.
func documentKey(id uuid.UUID, kind byte) []byte {
	b := make([]byte, 0, sequencedKeyLen)
	b = append(b, spaceDocument, byte(len(id)))
	b = append(b, id[:]...)
	return append(b, kind)
}

// documentEnd is the first key behind all that a document can have.
func documentEnd(id uuid.UUID) []byte {
	return append(documentKey(id, 0xff), 0xff)
}

// sequencedKey is the key of the entry or snapshot at seq. Sequences are big
// endian, so that keys sort by them.
func sequencedKey(id uuid.UUID, kind byte, seq uint64) []byte {
	return binary.BigEndian.AppendUint64(documentKey(id, kind), seq)
}

// retiredKey is the key of what is known of a dead lineage of name; without the
// lineage, what such keys begin with. It is not under the document's prefix,
// because it outlives the document.
func retiredKey(name string, lineage ...byte) []byte {
	b := append([]byte{spaceRetired, byte(len(name))}, name...)
	return append(b, lineage...)
}

// keySequence returns the sequence in the key of an entry or a snapshot.
func keySequence(key []byte) (uint64, error) {
	if len(key) != sequencedKeyLen {
		return 0, fmt.Errorf("key has %d bytes instead of %d", len(key), sequencedKeyLen)
	}
	return binary.BigEndian.Uint64(key[documentPrefixLen+1:]), nil
}

// CheckName returns nil when a document may be called name, and otherwise an
// error that says why not and matches [ErrName]. A name has 1 to 255 bytes of
// valid UTF-8 without control characters; it may contain "/", but none of the
// segments between may be empty, "." or "..".
func CheckName(name string) error {
	if err := checkName(name); err != nil {
		return fmt.Errorf("%w: %w", ErrName, err)
	}
	return nil
}

func checkName(name string) error {
	switch {
	case name == "":
		return errors.New("it is empty")
	case len(name) > maxNameBytes:
		return fmt.Errorf("it has %d bytes, over %d", len(name), maxNameBytes)
	case !utf8.ValidString(name):
		return errors.New("it is not valid UTF-8")
	case strings.ContainsFunc(name, unicode.IsControl):
		return errors.New("it contains a control character")
	}
	for segment := range strings.SplitSeq(name, "/") {
		switch segment {
		case "":
			return errors.New("it has an empty segment")
		case ".", "..":
			return fmt.Errorf("it has the segment %q", segment)
		}
	}
	return nil
}
