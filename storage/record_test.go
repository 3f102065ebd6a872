package storage

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"hash/crc32"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
)

var (
	goldenID    = uuid.MustParse("0193e5a0-1111-7222-8333-444444444444")
	goldenOther = uuid.MustParse("0193e5a0-5555-7666-8777-888888888888")
	goldenTime  = time.Unix(0, 1762000000123456789).UTC()
)

// TestGolden pins each byte that FORMAT.md describes. A change here is a change
// of the format.
func TestGolden(t *testing.T) {
	id := strings.ReplaceAll(goldenID.String(), "-", "")
	for _, tt := range []struct {
		name string
		got  []byte
		want string // hexadecimal, blanks ignored
	}{
		{"key of the format", formatKey, "00 01"},
		{"key of the mark", markKey, "00 02"},
		{"key of a name", nameKey("a/b"), "01 612f62"},
		{"key of meta", documentKey(goldenID, kindMeta), "02 10 " + id + " 01"},
		{"key of a snapshot", sequencedKey(goldenID, kindSnapshot, 258), "02 10 " + id + " 02 0000000000000102"},
		{"key of an entry", sequencedKey(goldenID, kindEntry, 1), "02 10 " + id + " 03 0000000000000001"},
		{"format", formatRecord{store: goldenID, created: goldenTime}.encode(), "114c6cc0 93 01 c410 0193e5a0111172228333444444444444 cf1873e1aa2598cd15"},
		{"mark", encodeMark(1000), "2d10171b 92 01 cd03e8"},
		{"name", encodeName(goldenID), "524b82e4 92 01 c410 0193e5a0111172228333444444444444"},
		{"meta", goldenMeta.encode(), "b647d64b 98 01 c410 0193e5a0111172228333444444444444 a56e6f746573 c410 0193e5a0555576668777888888888888 cf0000010000000000 2b cf1873e1aa2598cd15 00"},
		{"entry", goldenEntry.encode([]byte{0, 0}), "d9d24f4d 97 01 c410 0193e5a0111172228333444444444444 2a cf1873e1aa2598cd15 ce00011170 c410 0193e5a0555576668777888888888888 a3616461 0000"},
		{"entry of the server itself", entryRecord{document: goldenID, seq: 1, total: 0}.encode(nil), "713d4722 97 01 c410 0193e5a0111172228333444444444444 01 00 00 c400 a0"},
		{"snapshot", goldenSnapshot.encode([]byte("state")), "6b041ad0 97 01 c410 0193e5a0111172228333444444444444 2a cf1873e1aa61339715 cf1873e1aa2598cd15 ce00011170 00 7374617465"},
		{"key of a digest", documentKey(goldenID, kindDigest), "02 10 " + id + " 04"},
		{"key of a history setting", documentKey(goldenID, kindHistory), "02 10 " + id + " 05"},
		{"key of a version", versionKey(goldenID, "a/b"), "02 10 " + id + " 06 612f62"},
		{"key of a dead lineage", retiredKey("a/b", goldenOther[:]...), "03 03 612f62 0193e5a0555576668777888888888888"},
		{"digest", digestRecord{document: goldenID, seq: 42}.encode([]byte("digest")), "a38aaecc 93 01 c410 0193e5a0111172228333444444444444 2a 646967657374"},
		{"history setting", encodeHistory(goldenID, goldenHistory), "816c37df 95 01 c410 0193e5a0111172228333444444444444 01 cf0009356907420000 ce40000000"},
		{"version", goldenVersion.encode(goldenID), "93b18624 95 01 c410 0193e5a0111172228333444444444444 2a cf1873e1aa2598cd15 a3616461"},
		{"dead lineage", goldenRetired.encode(), "4dcfabe5 94 01 c410 0193e5a0111172228333444444444444 c410 0193e5a0555576668777888888888888 cf1873e1aa2598cd15 6b6e6f776e"},
		{"slot of the mark's file", markSlot(goldenID, 1000), "776566746d61726b 0193e5a0111172228333444444444444 e803000000000000 9520d1d9"},
	} {
		want, err := hex.DecodeString(strings.ReplaceAll(tt.want, " ", ""))
		if err != nil || !bytes.Equal(tt.got, want) {
			t.Errorf("%s:\n got %x\nwant %x %v", tt.name, tt.got, want, err)
		}
	}
}

var (
	goldenMeta = metaRecord{
		id: goldenID, name: "notes", lineage: goldenOther, incarnation: 1 << 40, next: 43,
		created: goldenTime, deleted: time.Time{},
	}
	goldenEntry = entryRecord{
		document: goldenID, seq: 42, time: goldenTime, total: 70000, connection: goldenOther, user: "ada",
	}
	goldenSnapshot = snapshotRecord{
		document: goldenID, seq: 42, made: goldenTime.Add(time.Second), modified: goldenTime, total: 70000,
	}
	goldenHistory = History{On: true, Age: 720 * time.Hour, Bytes: 1 << 30}
	goldenVersion = Version{Name: "first draft", Seq: 42, Time: goldenTime, User: "ada"}
	goldenRetired = retiredRecord{name: "notes", document: goldenID, lineage: goldenOther, at: goldenTime, known: []byte("known")}
)

// Each record comes back as it was written.
func TestRecordsRoundTrip(t *testing.T) {
	all := cmp.AllowUnexported(metaRecord{}, entryRecord{}, snapshotRecord{}, formatRecord{})
	if got, err := decodeMeta(goldenMeta.encode(), goldenID); err != nil || !cmp.Equal(got, goldenMeta, all) {
		t.Errorf("meta: got %+v, %v", got, err)
	}
	got, update, err := decodeEntry(goldenEntry.encode([]byte("u")), goldenID, 42)
	if err != nil || string(update) != "u" || !cmp.Equal(got, goldenEntry, all) {
		t.Errorf("entry: got %+v, %q, %v", got, update, err)
	}
	snapshot, state, err := decodeSnapshot(goldenSnapshot.encode([]byte("s")), goldenID, 42)
	if err != nil || string(state) != "s" || !cmp.Equal(snapshot, goldenSnapshot, all) {
		t.Errorf("snapshot: got %+v, %q, %v", snapshot, state, err)
	}
	format := formatRecord{store: goldenID, created: goldenTime}
	if got, err := decodeFormat(format.encode()); err != nil || !cmp.Equal(got, format, all) {
		t.Errorf("format: got %+v, %v", got, err)
	}
	if got, digest, err := decodeDigest(digestRecord{document: goldenID, seq: 42}.encode([]byte("d")), goldenID); err != nil || got.seq != 42 || string(digest) != "d" {
		t.Errorf("digest: got %+v, %q, %v", got, digest, err)
	}
	if got, err := decodeHistory(encodeHistory(goldenID, goldenHistory), goldenID); err != nil || got != goldenHistory {
		t.Errorf("history: got %+v, %v", got, err)
	}
	if got, err := decodeVersion(goldenVersion.encode(goldenID), goldenID, "first draft"); err != nil || !cmp.Equal(got, goldenVersion) {
		t.Errorf("version: got %+v, %v", got, err)
	}
	if got, err := decodeRetired(goldenRetired.encode(), goldenOther[:]); err != nil || string(got.known) != "known" || got.document != goldenID || !got.at.Equal(goldenTime) {
		t.Errorf("dead lineage: got %+v, %v", got, err)
	}
	if n, err := decodeMark(encodeMark(1 << 60)); n != 1<<60 || err != nil {
		t.Errorf("mark: got %d, %v", n, err)
	}
	if id, err := decodeName(encodeName(goldenID)); id != goldenID || err != nil {
		t.Errorf("name: got %v, %v", id, err)
	}
	if id, n, ok := parseMarkSlot(markSlot(goldenID, 7)); id != goldenID || n != 7 || !ok {
		t.Errorf("slot: got %v, %d, %v", id, n, ok)
	}
}

// A record that is whole, but not what it should be, is refused with a reason.
func TestRecordsAreRefused(t *testing.T) {
	write := func(version, fields int, fill func(w *recordWriter)) []byte {
		w := writers.Get().(*recordWriter)
		w.begin(version, fields)
		if fill != nil {
			fill(w)
		}
		return w.end(nil)
	}
	entry := func(b []byte) error { _, _, err := decodeEntry(b, goldenID, 42); return err }
	meta := func(b []byte) error { _, err := decodeMeta(b, goldenID); return err }
	snapshot := func(b []byte) error { _, _, err := decodeSnapshot(b, goldenID, 42); return err }
	newer := goldenSnapshot
	newer.encoding = 9
	for _, tt := range []struct {
		name   string
		decode func([]byte) error
		record []byte
		want   string
		newer  bool
	}{
		{"nothing", entry, nil, "only 0 bytes", false},
		{"three bytes", entry, []byte{1, 2, 3}, "only 3 bytes", false},
		{"checksum of nothing", entry, []byte{0, 0, 0, 0}, "read header", false},
		{"another document", entry, entryRecord{document: goldenOther, seq: 42}.encode(nil), "belongs to document", false},
		{"another sequence", entry, entryRecord{document: goldenID, seq: 41}.encode(nil), "belongs to sequence 41", false},
		{"newer entry", entry, write(2, 9, nil), "newer version", true},
		{"version 0", entry, write(0, entryFields, nil), "version 0", false},
		{"too few fields", entry, write(1, entryFields-1, nil), "6 fields instead of 7", false},
		{"fields missing", entry, write(1, entryFields, nil), "EOF", false},
		{"short id", entry, write(1, entryFields, func(w *recordWriter) { w.string("abc") }), "id of 3 bytes", false},
		{"string for a number", entry, write(1, entryFields, func(w *recordWriter) { w.id(goldenID); w.string("x") }), "read number", false},
		{"user too long", entry, entryRecord{document: goldenID, seq: 42, user: strings.Repeat("x", MaxUserBytes+1)}.encode(nil), "string of 4097 bytes", false},
		{"another document's meta", meta, metaRecord{id: goldenOther}.encode(), "belongs to document", false},
		{"bytes behind meta", meta, func() []byte {
			w := writers.Get().(*recordWriter)
			w.begin(recordVersion, metaFields)
			w.id(goldenID)
			w.string("n")
			w.id(goldenOther)
			for range 4 {
				w.uint(1)
			}
			return w.end([]byte("x"))
		}(), "1 bytes behind", false},
		{"newer payload", snapshot, newer.encode(nil), "payload encoding 9", true},
	} {
		err := tt.decode(tt.record)
		if err == nil || !strings.Contains(err.Error(), tt.want) || errors.Is(err, errNewerRecord) != tt.newer {
			t.Errorf("%s: got %v, want %q (newer %v)", tt.name, err, tt.want, tt.newer)
		}
	}
}

// FuzzRecords: no bytes make a decoder panic, hang or take much memory, with the
// checksum put right so that the rest is reached.
func FuzzRecords(f *testing.F) {
	for _, b := range [][]byte{
		goldenMeta.encode(), goldenEntry.encode([]byte("update")), goldenSnapshot.encode([]byte("state")),
		encodeMark(7), encodeName(goldenID), formatRecord{store: goldenID, created: goldenTime}.encode(),
		digestRecord{document: goldenID, seq: 42}.encode([]byte("digest")), encodeHistory(goldenID, goldenHistory),
		goldenVersion.encode(goldenID), goldenRetired.encode(),
	} {
		f.Add(b[checksumLen:])
	}
	f.Add([]byte{0x97, 1, 0xc6, 0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, body []byte) {
		b := sealed(body)
		entry, update, err := decodeEntry(b, goldenID, 42)
		if err == nil {
			if again := entry.encode(update); !bytes.Equal(again, b) {
				// Other spellings of a number are accepted; the content must stay.
				e2, u2, err := decodeEntry(again, goldenID, 42)
				if err != nil || e2 != entry || !bytes.Equal(u2, update) {
					t.Errorf("entry %+v came back as %+v, %v", entry, e2, err)
				}
			}
		} else if !isRecordError(err) {
			t.Errorf("error %v is not marked as damage", err)
		}
		if d, digest, err := decodeDigest(b, goldenID); err == nil {
			if again, digest2, err := decodeDigest(d.encode(digest), goldenID); err != nil || again != d || !bytes.Equal(digest, digest2) {
				t.Errorf("digest %+v came back as %+v, %v", d, again, err)
			}
		}
		if h, err := decodeHistory(b, goldenID); err == nil {
			if again, err := decodeHistory(encodeHistory(goldenID, h), goldenID); err != nil || again != h {
				t.Errorf("history %+v came back as %+v, %v", h, again, err)
			}
		}
		if v, err := decodeVersion(b, goldenID, "v"); err == nil {
			if again, err := decodeVersion(v.encode(goldenID), goldenID, "v"); err != nil || again != v {
				t.Errorf("version %+v came back as %+v, %v", v, again, err)
			}
		}
		if r, err := decodeRetired(b, goldenOther[:]); err == nil {
			if again, err := decodeRetired(r.encode(), goldenOther[:]); err != nil || again.document != r.document || again.at != r.at || !bytes.Equal(again.known, r.known) {
				t.Errorf("dead lineage %+v came back as %+v, %v", r, again, err)
			}
		}
		if m, err := decodeMeta(b, goldenID); err == nil {
			if m2, err := decodeMeta(m.encode(), goldenID); err != nil || m2 != m {
				t.Errorf("meta %+v came back as %+v, %v", m, m2, err)
			}
		}
		_, _, _ = decodeSnapshot(b, goldenID, 42)
		_, _ = decodeFormat(b)
		_, _ = decodeMark(b)
		_, _ = decodeName(b)
		if len(body) >= markSlotLen {
			parseMarkSlot(body[:markSlotLen])
		}
		scanManifest(body)
	})
}

func isRecordError(err error) bool {
	var r *recordError
	return errors.As(err, &r)
}

// sealed puts the right checksum before body.
func sealed(body []byte) []byte {
	b := make([]byte, checksumLen, checksumLen+len(body))
	b = append(b, body...)
	binary.LittleEndian.PutUint32(b, crc32.Checksum(body, castagnoli))
	return b
}
