package storage

import (
	"errors"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// TestVerifyReadsWhatLoadDoesNot: damage before the newest snapshot does not keep a
// document from being loaded, and Verify finds it.
func TestVerifyReadsWhatLoadDoesNot(t *testing.T) {
	for name, damage := range map[string]func(s *Store, d *Document) (seq uint64, err error){
		"none": func(*Store, *Document) (uint64, error) { return 0, nil },
		"an old entry": func(s *Store, d *Document) (uint64, error) {
			return 4, s.db.Set(sequencedKey(d.Info().ID, kindEntry, 4), []byte("garbage"), pebble.NoSync)
		},
		"a hole": func(s *Store, d *Document) (uint64, error) {
			return 4, s.db.Delete(sequencedKey(d.Info().ID, kindEntry, 4), pebble.NoSync)
		},
		"the old snapshot": func(s *Store, d *Document) (uint64, error) {
			return 2, s.db.Set(sequencedKey(d.Info().ID, kindSnapshot, 2), []byte("garbage"), pebble.NoSync)
		},
		"an entry of another length": func(s *Store, d *Document) (uint64, error) {
			e := entryRecord{document: d.Info().ID, seq: 4, total: 100}
			return 4, s.db.Set(sequencedKey(d.Info().ID, kindEntry, 4), e.encode(nil), pebble.NoSync)
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := mustOpen(t, testOptions(t, vfs.NewMem()))
			d := mustDocument(t, s, "d")
			fill(t, d, 1, 8)
			for _, at := range []uint64{2, 6} { // entries from 3 on stay
				if err := d.Compact(t.Context(), at, []byte("state")); err != nil {
					t.Fatal(err)
				}
			}
			seq, err := damage(s, d)
			if err != nil {
				t.Fatal(err)
			}
			if err := d.Load(t.Context(), 0, func(Entry) error { return nil }); err != nil {
				t.Errorf("Load: %v", err)
			}
			err = d.Verify(t.Context())
			var corrupt *CorruptError
			if seq == 0 && err != nil || seq > 0 && (!errors.As(err, &corrupt) || corrupt.Seq != seq) {
				t.Errorf("Verify: got %v, want damage at %d", err, seq)
			}
		})
	}
}
