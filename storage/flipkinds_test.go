package storage

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/go-cmp/cmp"
)

// flipKind is a kind of record beside snapshots and entries: where one lies, and what a
// reader of it must find. A damaged one may be reported, and a digest be taken for
// absent; it is never taken for another one, or for none where that is a statement.
type flipKind struct {
	name string
	doc  string
	key  func(tb testing.TB, s *Store) []byte
	read func(tb testing.TB, s *Store) (got any, err error)
	want any
	// none is what it finds where there is no such record: a loss, if not of a cache.
	none  any
	cache bool
	// loads says that the document can be loaded though the record is damaged.
	loads bool
}

var flipKinds = []flipKind{{
	name: "digest", doc: "kinds/digest", want: []byte("a digest"), none: []byte(nil), cache: true, loads: true,
	key: func(tb testing.TB, s *Store) []byte { return keyOf(tb, s, "kinds/digest", kindDigest) },
	read: func(tb testing.TB, s *Store) (any, error) {
		return ofDocument(tb, s, "kinds/digest", func(d *Document) (any, error) { return d.Digest(tb.Context(), 1) })
	},
}, {
	name: "history setting", doc: "kinds/history", want: goldenHistory, none: History{}, loads: true,
	key: func(tb testing.TB, s *Store) []byte { return keyOf(tb, s, "kinds/history", kindHistory) },
	read: func(tb testing.TB, s *Store) (any, error) {
		return ofDocument(tb, s, "kinds/history", func(d *Document) (any, error) { return d.History() })
	},
}, {
	name: "version", doc: "kinds/version", want: []Version{flipVersion}, none: []Version(nil), loads: true,
	key: func(tb testing.TB, s *Store) []byte {
		return append(keyOf(tb, s, "kinds/version", kindVersion), flipVersion.Name...)
	},
	read: func(tb testing.TB, s *Store) (any, error) {
		return ofDocument(tb, s, "kinds/version", func(d *Document) (any, error) { return d.Versions(tb.Context()) })
	},
}, {
	name: "retired lineage", doc: "kinds/renewed", want: [][]byte{[]byte("known")}, none: [][]byte(nil), loads: true,
	key: func(tb testing.TB, s *Store) []byte {
		it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: []byte{spaceRetired}, UpperBound: []byte{spaceRetired + 1}})
		if err != nil {
			tb.Fatal(err)
		}
		defer it.Close()
		if !it.First() {
			tb.Fatal("no lineage was retired")
		}
		return slices.Clone(it.Key())
	},
	read: func(tb testing.TB, s *Store) (any, error) { return s.Retired(tb.Context(), "kinds/renewed") },
}, {
	name: "deletion", doc: "kinds/deleted", want: "deleted", none: "alive",
	key: func(tb testing.TB, s *Store) []byte {
		meta, err := s.readMeta("kinds/deleted")
		if err != nil {
			tb.Fatal(err)
		}
		return documentKey(meta.id, kindMeta)
	},
	read: func(tb testing.TB, s *Store) (any, error) {
		switch err := openAndLoad(tb, s, "kinds/deleted"); {
		case errors.Is(err, ErrDeleted):
			return "deleted", nil
		case err != nil:
			return nil, err
		}
		return "alive", nil
	},
}}

var flipVersion = Version{Name: "first draft", Seq: 1, Time: goldenTime, User: "ada"}

// keyOf finds the key of a record of a document.
func keyOf(tb testing.TB, s *Store, name string, kind byte) []byte {
	tb.Helper()
	id, err := s.readID(name)
	if err != nil {
		tb.Fatal(err)
	}
	return documentKey(id, kind)
}

// ofDocument calls fn with a document that is there already.
func ofDocument(tb testing.TB, s *Store, name string, fn func(d *Document) (any, error)) (any, error) {
	tb.Helper()
	d, err := s.Document(tb.Context(), name, false)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	return fn(d)
}

// addKinds writes a record of each kind.
func addKinds(tb testing.TB, s *Store) {
	tb.Helper()
	must := func(err error) {
		tb.Helper()
		if err != nil {
			tb.Fatal(err)
		}
	}
	for _, k := range flipKinds {
		d := mustDocument(tb, s, k.doc)
		waitDurable(tb, d, mustAppend(tb, d, "x"))
		switch k.name {
		case "digest":
			must(d.KeepDigest(1, k.want.([]byte)))
		case "history setting":
			must(d.SetHistory(goldenHistory))
		case "version":
			must(d.SetVersion(tb.Context(), flipVersion))
		}
		d.Close()
	}
	s.opts.Retire = func(func(func(Entry) error) error) ([]byte, error) { return []byte("known"), nil }
	must(s.Renew(tb.Context(), "kinds/renewed", Entry{Update: []byte("x")}))
	s.opts.Retire = nil
	must(s.Delete(tb.Context(), "kinds/deleted"))
}

// judge says what became of the record.
func (k flipKind) judge(tb testing.TB, s *Store) (outcome, error) {
	tb.Helper()
	got, err := k.read(tb, s)
	switch {
	case errors.Is(err, ErrCorruptDocument):
		return partly, err
	case err != nil:
		return silent, fmt.Errorf("%s: %w", k.name, err) // among them that there is none
	case cmp.Equal(got, k.want):
		return harmless, nil
	case cmp.Equal(got, k.none) && k.cache:
		return partly, fmt.Errorf("%s: taken for absent", k.name)
	case cmp.Equal(got, k.none):
		return silent, fmt.Errorf("%s: it is gone", k.name)
	}
	return wrong, fmt.Errorf("%s: got %v, want %v", k.name, got, k.want)
}

// TestFlipKinds damages the records of these kinds behind Pebble's own checksums, each
// bit of them. The documents beside are whole, and so is the document itself where the
// record is not what it is made of.
func TestFlipKinds(t *testing.T) {
	s := mustOpen(t, testOptions(t, vfs.NewMem()))
	addKinds(t, s)
	for _, k := range flipKinds {
		t.Run(k.name, func(t *testing.T) {
			key := k.key(t, s)
			whole, err := s.get(key)
			if err != nil {
				t.Fatal(err)
			}
			counted := s.Stats().Corruptions
			for bit := range len(whole) * 8 {
				damaged := bytes.Clone(whole)
				damaged[bit/8] ^= 1 << (bit % 8)
				if err := s.db.Set(key, damaged, pebble.NoSync); err != nil {
					t.Fatal(err)
				}
				if got, err := k.judge(t, s); got != partly {
					t.Fatalf("bit %d: %s: %v", bit, got, err)
				}
				if err := openAndLoad(t, s, k.doc); k.loads && err != nil {
					t.Fatalf("bit %d: the document: %v", bit, err)
				}
			}
			if got := s.Stats().Corruptions - counted; got < uint64(len(whole)*8) {
				t.Errorf("%d of %d were counted", got, len(whole)*8)
			}
			for _, other := range flipKinds {
				if other.name == k.name {
					continue
				}
				if got, err := other.judge(t, s); got != harmless {
					t.Errorf("%s beside it: %s: %v", other.name, got, err)
				}
			}
			if err := s.db.Set(key, whole, pebble.NoSync); err != nil {
				t.Fatal(err)
			}
			if got, err := k.judge(t, s); got != harmless {
				t.Errorf("after repair: %s: %v", got, err)
			}
		})
	}
}

// TestFlipRecord damages records behind Pebble's own checksums, each bit of an
// entry, of a snapshot, of meta and of the index entry.
func TestFlipRecord(t *testing.T) {
	s := mustOpen(t, testOptions(t, vfs.NewMem()))
	victim, bystander := mustDocument(t, s, "victim"), mustDocument(t, s, "bystander")
	for _, d := range []*Document{victim, bystander} {
		for i := range 4 {
			if _, err := d.Append(Entry{User: "ada", Update: fmt.Appendf(nil, "update %d", i)}); err != nil {
				t.Fatal(err)
			}
		}
		waitDurable(t, d, 4)
	}
	if err := victim.Compact(t.Context(), 2, []byte("state at 2")); err != nil {
		t.Fatal(err)
	}
	id := victim.Info().ID
	victim.Close()
	for _, tt := range []struct {
		name string
		key  []byte
		seq  uint64
	}{
		{"entry", sequencedKey(id, kindEntry, 3), 3},
		{"last entry", sequencedKey(id, kindEntry, 4), 4},
		{"snapshot", sequencedKey(id, kindSnapshot, 2), 2},
		{"meta", documentKey(id, kindMeta), 0},
		{"index", nameKey("victim"), 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			whole, err := s.get(tt.key)
			if err != nil {
				t.Fatal(err)
			}
			for bit := range len(whole) * 8 {
				damaged := slices.Clone(whole)
				damaged[bit/8] ^= 1 << (bit % 8)
				if err := s.db.Set(tt.key, damaged, pebble.NoSync); err != nil {
					t.Fatal(err)
				}
				err := openAndLoad(t, s, "victim")
				var corrupt *CorruptError
				if !errors.As(err, &corrupt) || corrupt.Document != "victim" || corrupt.Seq != tt.seq || corrupt.Reason == "" {
					t.Fatalf("bit %d: got %v, want a CorruptError at %d", bit, err, tt.seq)
				}
			}
			if err := openAndLoad(t, s, "bystander"); err != nil {
				t.Errorf("bystander: %v", err)
			}
			list, err := s.Documents(t.Context(), "", 0)
			if err != nil || len(list) != 2 || list[0].Damage != nil {
				t.Errorf("Documents: got %+v, %v", list, err)
			}
			if err := s.db.Set(tt.key, whole, pebble.NoSync); err != nil {
				t.Fatal(err)
			}
			if err := openAndLoad(t, s, "victim"); err != nil {
				t.Errorf("after repair: %v", err)
			}
		})
	}
}

func openAndLoad(tb testing.TB, s *Store, name string) error {
	tb.Helper()
	d, err := s.Document(tb.Context(), name, false)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Load(tb.Context(), 0, func(Entry) error { return nil })
}
