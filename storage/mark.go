package storage

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"log/slog"
	"sync/atomic"

	"github.com/cockroachdb/errors/oserror"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/uuid"
)

// The mark is the number of the last group of entries that is known to be on
// disk. It is kept twice: in the log itself, in the same batch as the group, and
// after the fsync in a small file beside it. When the store is opened and the
// log has less than the file says, then acknowledged entries are gone, and Open
// refuses.
//
// The log alone cannot know: damage in its last block looks like a write that
// was cut off, and damage in the manifest looks like its end. In both cases
// Pebble opens an older state without a word.
//
// The file is written without an fsync of its own, so it costs a few
// microseconds a group. Killing the process loses nothing of it; a power cut may
// leave an older mark, which then proves less, but never a newer one, because it
// is written after the group was synced.
//
// Two slots are written in turn, so that one is whole when a write is torn. They
// lie in different sectors.
const (
	markFileName = "DURABLE"
	markMagic    = "weftmark"
	markSlotLen  = 8 + 16 + 8 + 4 // magic, store, number, CRC-32C of these
	markSlotStep = 4096
	markFileLen  = 2 * markSlotStep
)

type markFile struct {
	file   vfs.File // nil when it could not be written any more
	store  uuid.UUID
	number atomic.Uint64
	logger *slog.Logger
}

func markSlot(store uuid.UUID, number uint64) []byte {
	b := make([]byte, 0, markSlotLen)
	b = append(b, markMagic...)
	b = append(b, store[:]...)
	b = binary.LittleEndian.AppendUint64(b, number)
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

// readMark returns what the file says. ok is false when there is no file, or no
// slot in it that verifies: then nothing can be said.
func readMark(fs vfs.FS, dir string) (store uuid.UUID, number uint64, ok bool, err error) {
	f, err := fs.Open(fs.PathJoin(dir, markFileName))
	if oserror.IsNotExist(err) {
		return store, 0, false, nil
	}
	if err != nil {
		return store, 0, false, fmt.Errorf("open the mark: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	for i := range int64(2) {
		slot := make([]byte, markSlotLen)
		if n, _ := f.ReadAt(slot, i*markSlotStep); n < markSlotLen {
			continue // a short file is like a torn slot
		}
		id, number2, valid := parseMarkSlot(slot)
		if valid && (!ok || number2 > number) {
			store, number, ok = id, number2, true
		}
	}
	return store, number, ok, nil
}

func parseMarkSlot(b []byte) (store uuid.UUID, number uint64, ok bool) {
	if string(b[:8]) != markMagic ||
		binary.LittleEndian.Uint32(b[32:]) != crc32.Checksum(b[:32], castagnoli) {
		return store, 0, false
	}
	copy(store[:], b[8:24])
	return store, binary.LittleEndian.Uint64(b[24:]), true
}

// openMark opens the file for writing, or makes it, and writes number.
func openMark(fs vfs.FS, dir string, store uuid.UUID, number uint64, logger *slog.Logger) (*markFile, error) {
	f, err := fs.OpenReadWrite(fs.PathJoin(dir, markFileName), vfs.WriteCategoryUnspecified)
	if err != nil {
		return nil, fmt.Errorf("open the mark: %w", err)
	}
	m := &markFile{file: f, store: store, logger: logger}
	whole := make([]byte, markFileLen)
	copy(whole, markSlot(store, number))
	copy(whole[markSlotStep:], markSlot(store, number))
	m.number.Store(number)
	if _, err := f.WriteAt(whole, 0); err != nil {
		return nil, errors.Join(fmt.Errorf("write the mark: %w", err), f.Close())
	}
	if err := f.Sync(); err != nil {
		return nil, errors.Join(fmt.Errorf("sync the mark: %w", err), f.Close())
	}
	d, err := fs.OpenDir(dir)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open the data directory: %w", err), f.Close())
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return nil, errors.Join(fmt.Errorf("sync the data directory: %w", err), f.Close())
	}
	return m, nil
}

// advance writes number, which is on disk. The mark is a second line: when it
// cannot be written, that is said once, and the store goes on without.
func (m *markFile) advance(number uint64) {
	if m.file == nil {
		return
	}
	if _, err := m.file.WriteAt(markSlot(m.store, number), int64(number%2)*markSlotStep); err != nil {
		m.logger.Error("the durable mark cannot be written, silent loss of the log's end is no longer detected",
			"error", err)
		_ = m.file.Close() // the error that matters has been logged
		m.file = nil
		return
	}
	m.number.Store(number)
}

// close syncs the mark, so that after an orderly stop it is exact even when the
// power goes.
func (m *markFile) close() error {
	if m.file == nil {
		return nil
	}
	err := errors.Join(m.file.Sync(), m.file.Close())
	m.file = nil
	if err != nil {
		return fmt.Errorf("close the mark: %w", err)
	}
	return nil
}
