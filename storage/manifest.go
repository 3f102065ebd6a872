package storage

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// Pebble's manifest is a log of changes to the set of tables. When Pebble meets
// a damaged record in it, it takes that for the end, opens the older state, and
// deletes the tables that this state does not know. So the manifest is checked
// before Pebble sees it.
//
// Pebble syncs each record before it writes the next. So what a crash cut off
// is the last record, and a chunk that does not verify is damage if a later
// record begins behind it. (A later chunk that continues a record proves
// nothing: of a record in two blocks, a crash may keep the second part.) Damage
// in the last record itself cannot be told from a crash here; see mark.go.
//
// The layout is LevelDB's log: blocks of 32 KiB; in each, chunks of
// {masked CRC-32C of what follows the length, length (2, little endian), type
// (1 full, 2 first, 3 middle, 4 last), data}; fewer than seven bytes at the end of
// a block are zero.
const (
	manifestBlockLen  = 32 << 10
	manifestHeaderLen = 7
	manifestFull      = 1
	manifestFirst     = 2
	manifestLast      = 4
)

// checkManifest returns an error that matches [ErrCorrupt] when the manifest at
// path has a damaged part before its end.
func checkManifest(fs vfs.FS, path string) error {
	f, err := fs.Open(path)
	if err != nil {
		return fmt.Errorf("open the manifest: %w", err)
	}
	data, err := io.ReadAll(f)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return fmt.Errorf("read the manifest: %w", err)
	}
	if bad, later := scanManifest(data); later >= 0 {
		return fmt.Errorf("%w: manifest %s does not verify at byte %d, but does again at byte %d",
			ErrCorrupt, fs.PathBase(path), bad, later)
	}
	return nil
}

// scanManifest returns the place of the first bytes that are no valid chunk, and
// of the first record that begins after them; -1 when there is none.
func scanManifest(data []byte) (bad, later int) {
	at := 0
	for at < len(data) {
		if left := manifestBlockLen - at%manifestBlockLen; left < manifestHeaderLen {
			at += left
			continue
		}
		n := chunkLen(data, at)
		if n == 0 {
			break
		}
		at += n
	}
	if at >= len(data) {
		return -1, -1
	}
	// A damaged length hides where the next chunk begins: try each byte. That 32
	// bits verify by accident somewhere in the megabyte that a manifest has at
	// most is unlikely enough (the type and the length must fit as well), and it
	// matters only where a crash has cut a record off.
	for later = at + 1; later+manifestHeaderLen <= len(data); later++ {
		kind := data[later+6]
		if (kind == manifestFull || kind == manifestFirst) && chunkLen(data, later) > 0 {
			return at, later
		}
	}
	return at, -1
}

// chunkLen returns the length of the valid chunk at data[at:], header included,
// or 0.
func chunkLen(data []byte, at int) int {
	if at+manifestHeaderLen > len(data) {
		return 0
	}
	header := data[at:]
	length := int(binary.LittleEndian.Uint16(header[4:]))
	end := at + manifestHeaderLen + length
	blockEnd := at - at%manifestBlockLen + manifestBlockLen
	if kind := header[6]; kind == 0 || kind > manifestLast || end > len(data) || end > blockEnd {
		return 0
	}
	sum := crc32.Checksum(data[at+6:end], castagnoli)
	if masked := (sum>>15 | sum<<17) + 0xa282ead8; masked != binary.LittleEndian.Uint32(header) {
		return 0
	}
	return manifestHeaderLen + length
}
