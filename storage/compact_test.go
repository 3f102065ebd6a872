package storage

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/go-cmp/cmp"
)

// fill appends the updates u1 … un and waits for the disk.
func fill(tb testing.TB, d *Document, from, to int) {
	tb.Helper()
	for i := from; i <= to; i++ {
		mustAppend(tb, d, fmt.Sprint("u", i))
	}
	waitDurable(tb, d, uint64(to))
}

func TestCompact(t *testing.T) {
	fs := vfs.NewMem()
	s := mustOpen(t, testOptions(t, fs))
	d := mustDocument(t, s, "d")
	fill(t, d, 1, 5)
	check := func(when string, from uint64, want ...string) {
		t.Helper()
		if diff := cmp.Diff(want, loadAll(t, d, from)); diff != "" {
			t.Errorf("%s, Load(%d) (-want +got):\n%s", when, from, diff)
		}
	}
	if err := d.Compact(t.Context(), 3, []byte("s3")); err != nil {
		t.Fatal(err)
	}
	check("first snapshot", 0, "snapshot 3 s3", "4 u4", "5 u5")
	check("first snapshot", 1, "2 u2", "3 u3", "4 u4", "5 u5") // still there: one generation
	check("first snapshot", 3, "4 u4", "5 u5")
	fill(t, d, 6, 8)
	if err := d.Compact(t.Context(), 6, []byte("s6")); err != nil {
		t.Fatal(err)
	}
	again := func(when string) {
		t.Helper()
		check(when, 0, "snapshot 6 s6", "7 u7", "8 u8")
		check(when, 1, "snapshot 6 s6", "7 u7", "8 u8") // entries up to 3 are gone
		check(when, 3, "4 u4", "5 u5", "6 u6", "7 u7", "8 u8")
		check(when, 7, "8 u8")
		check(when, 8)
		if info := d.Info(); info.Last != 8 || info.Bytes != int64(len("s6u7u8")) {
			t.Errorf("%s: Info: got %+v", when, info)
		}
	}
	again("second snapshot")
	if err := d.Compact(t.Context(), 8, []byte("s8")); err != nil {
		t.Fatal(err)
	}
	check("third snapshot", 0, "snapshot 8 s8")
	if keys := snapshots(t, s, d); len(keys) != 2 {
		t.Errorf("%d snapshots are kept, want 2", len(keys))
	}
	d.Close()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = mustOpen(t, testOptions(t, fs))
	d = mustDocument(t, s, "d")
	check("reopened", 0, "snapshot 8 s8")
	check("reopened", 6, "7 u7", "8 u8")
	if seq := mustAppend(t, d, "u9"); seq != 9 {
		t.Errorf("Append after compaction and reopening: got %d, want 9", seq)
	}
}

func snapshots(tb testing.TB, s *Store, d *Document) (seqs []uint64) {
	tb.Helper()
	id := d.Info().ID
	it, err := s.db.NewIter(&pebble.IterOptions{
		LowerBound: documentKey(id, kindSnapshot), UpperBound: documentKey(id, kindEntry),
	})
	if err != nil {
		tb.Fatal(err)
	}
	defer it.Close()
	for ok := it.First(); ok; ok = it.Next() {
		seq, err := keySequence(it.Key())
		if err != nil {
			tb.Fatal(err)
		}
		seqs = append(seqs, seq)
	}
	return seqs
}

// A document may be compacted after Load read the durable sequence and before it
// saw the records: the snapshot is then ahead of what Load set out to read.
func TestCompactedWhileLoading(t *testing.T) {
	s := mustOpen(t, testOptions(t, vfs.NewMem()))
	d := mustDocument(t, s, "d")
	fill(t, d, 1, 5)
	fill(t, d, 6, 8)
	for _, at := range []uint64{7, 8} { // one generation of entries is kept
		if err := d.Compact(t.Context(), at, []byte("state")); err != nil {
			t.Fatal(err)
		}
	}
	for _, from := range []uint64{0, 2} {
		var got []uint64
		err := d.state.loadUpTo(t.Context(), from, 5, func(e Entry) error {
			if !e.Snapshot {
				t.Errorf("from %d: an entry that the snapshot covers", from)
			}
			got = append(got, e.Seq)
			return nil
		})
		if diff := cmp.Diff([]uint64{8}, got); err != nil || diff != "" {
			t.Errorf("from %d: %v (-want +got):\n%s", from, err, diff)
		}
	}
}

func TestCompactRefuses(t *testing.T) {
	fs := newFaults(vfs.NewMem())
	s := mustOpen(t, testOptions(t, fs))
	d := mustDocument(t, s, "d")
	fill(t, d, 1, 3)
	_, release := fs.holdSyncs()
	mustAppend(t, d, "u4")
	if err := d.Compact(t.Context(), 4, nil); err == nil {
		t.Error("Compact at a sequence that is not durable: got nil")
	}
	release()
	waitDurable(t, d, 4)
	if err := d.Compact(t.Context(), 0, nil); err == nil {
		t.Error("Compact at 0: got nil")
	}
	if err := d.Compact(t.Context(), 2, []byte("s")); err != nil {
		t.Fatal(err)
	}
	for _, seq := range []uint64{1, 2} {
		if err := d.Compact(t.Context(), seq, nil); err == nil {
			t.Errorf("Compact at %d after a snapshot at 2: got nil", seq)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := d.Compact(ctx, 4, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("Compact when cancelled: got %v", err)
	}
}

// A hole, a lost end and a snapshot from the future are damage, and say where.
func TestLoadFindsHoles(t *testing.T) {
	remove := func(seqs ...uint64) func(*Store, *Document) {
		return func(s *Store, d *Document) {
			for _, seq := range seqs {
				if err := s.db.Delete(sequencedKey(d.Info().ID, kindEntry, seq), pebble.NoSync); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	for _, tt := range []struct {
		name   string
		from   uint64
		damage func(*Store, *Document)
		seq    uint64
		seen   int
	}{
		{"first", 0, remove(1), 1, 0},
		{"in the middle", 0, remove(3), 3, 2},
		{"two", 0, remove(2, 3), 2, 1},
		{"the next one wanted", 2, remove(3), 3, 0},
		{"the end", 0, remove(5), 5, 4},
		{"all", 0, remove(1, 2, 3, 4, 5), 1, 0},
		{"a stranger's entry", 0, func(s *Store, d *Document) {
			e := entryRecord{document: goldenOther, seq: 4}
			if err := s.db.Set(sequencedKey(d.Info().ID, kindEntry, 4), e.encode(nil), pebble.NoSync); err != nil {
				t.Fatal(err)
			}
		}, 4, 3},
		{"an entry of another length", 0, func(s *Store, d *Document) {
			e := entryRecord{document: d.Info().ID, seq: 4, total: 8}
			if err := s.db.Set(sequencedKey(d.Info().ID, kindEntry, 4), e.encode([]byte("longer")), pebble.NoSync); err != nil {
				t.Fatal(err)
			}
		}, 4, 3},
		{"a snapshot from the future", 0, func(s *Store, d *Document) {
			r := snapshotRecord{document: d.Info().ID, seq: 9}
			if err := s.db.Set(sequencedKey(d.Info().ID, kindSnapshot, 9), r.encode(nil), pebble.NoSync); err != nil {
				t.Fatal(err)
			}
		}, 9, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := mustOpen(t, testOptions(t, vfs.NewMem()))
			d := mustDocument(t, s, "d")
			fill(t, d, 1, 5)
			tt.damage(s, d)
			seen := 0
			err := d.Load(t.Context(), tt.from, func(Entry) error { seen++; return nil })
			var corrupt *CorruptError
			if !errors.As(err, &corrupt) || corrupt.Seq != tt.seq || seen != tt.seen {
				t.Errorf("Load: got %v after %d entries, want damage at %d after %d", err, seen, tt.seq, tt.seen)
			}
			if s.Stats().Corruptions == 0 {
				t.Error("Stats: no corruption counted")
			}
		})
	}
}

// What was covered by a snapshot must be there when the document is opened.
func TestOpenFindsLostEnd(t *testing.T) {
	s := mustOpen(t, testOptions(t, vfs.NewMem()))
	d := mustDocument(t, s, "d")
	fill(t, d, 1, 5)
	if err := d.Compact(t.Context(), 2, []byte("s2")); err != nil {
		t.Fatal(err)
	}
	if err := s.db.Delete(sequencedKey(d.Info().ID, kindEntry, 5), pebble.NoSync); err != nil {
		t.Fatal(err)
	}
	d.Close()
	_, err := s.Document(t.Context(), "d", true)
	var corrupt *CorruptError
	if !errors.As(err, &corrupt) || corrupt.Seq != 5 {
		t.Errorf("Document: got %v, want damage at 5", err)
	}
}

func TestDeletedDocument(t *testing.T) {
	s := mustOpen(t, testOptions(t, vfs.NewMem()))
	mustDocument(t, s, "other")
	d := mustDocument(t, s, "d")
	meta := d.state.meta
	d.Close()
	meta.deleted = goldenTime
	if err := s.db.Set(documentKey(meta.id, kindMeta), meta.encode(), pebble.NoSync); err != nil {
		t.Fatal(err)
	}
	for _, create := range []bool{false, true} {
		if _, err := s.Document(t.Context(), "d", create); !errors.Is(err, ErrDeleted) {
			t.Errorf("Document(create %v): got %v, want ErrDeleted", create, err)
		}
	}
	list, err := s.Documents(t.Context(), "", 0)
	if err != nil || len(list) != 1 || list[0].Name != "other" {
		t.Errorf("Documents: got %+v, %v", list, err)
	}
}

func TestDamagedDocumentIsListed(t *testing.T) {
	s := mustOpen(t, testOptions(t, vfs.NewMem()))
	for _, name := range []string{"a", "b", "c"} {
		d := mustDocument(t, s, name)
		d.Close()
	}
	meta, err := s.get(nameKey("b"))
	if err != nil {
		t.Fatal(err)
	}
	id, err := decodeName(meta)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.db.Delete(documentKey(id, kindMeta), pebble.NoSync); err != nil {
		t.Fatal(err)
	}
	list, err := s.Documents(t.Context(), "", 0)
	if err != nil || len(list) != 3 || list[1].Name != "b" || !errors.Is(list[1].Damage, ErrCorruptDocument) {
		t.Errorf("Documents: got %+v, %v", list, err)
	}
}

func TestLoadStops(t *testing.T) {
	s := mustOpen(t, testOptions(t, vfs.NewMem()))
	d := mustDocument(t, s, "d")
	fill(t, d, 1, 5)
	enough := errors.New("enough")
	if err := d.Load(t.Context(), 0, func(Entry) error { return enough }); err != enough {
		t.Errorf("Load: got %v, want the caller's error itself", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	n := 0
	err := d.Load(ctx, 0, func(Entry) error { n++; cancel(); return nil })
	if !errors.Is(err, context.Canceled) || n != 1 {
		t.Errorf("Load when cancelled: got %v after %d entries", err, n)
	}
}

// waitVisible waits until Pebble shows key, which it does a moment after it has
// begun to sync it: without that the tests below would prove nothing.
func waitVisible(tb testing.TB, s *Store, key []byte) {
	tb.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; runtime.Gosched() {
		if _, err := s.get(key); err == nil {
			return
		} else if time.Now().After(deadline) {
			tb.Fatalf("key %x is not visible after 30 s: %v", key, err)
		}
	}
}

// Load never shows what is written and not yet durable.
func TestLoadIsCapped(t *testing.T) {
	fs := newFaults(vfs.NewMem())
	s := mustOpen(t, testOptions(t, fs))
	d := mustDocument(t, s, "d")
	fill(t, d, 1, 2)
	reached, release := fs.holdSyncs()
	defer release()
	mustAppend(t, d, "u3")
	<-reached
	waitVisible(t, s, sequencedKey(d.Info().ID, kindEntry, 3))
	if got := loadAll(t, d, 0); len(got) != 2 {
		t.Errorf("Load while the sync is held: got %v", got)
	}
	list, err := s.Documents(t.Context(), "", 0)
	if err != nil || len(list) != 1 || list[0].Last != 2 {
		t.Errorf("Documents while the sync is held: got %+v, %v", list, err)
	}
	// Nobody holds the document, but the disk does not have all of it: who comes
	// now must not take what Pebble shows for durable.
	d.Close()
	other, err := s.Document(t.Context(), "d", false)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if got := other.Durable(); got != 2 {
		t.Errorf("Durable of a new handle: got %d, want 2", got)
	}
	release()
	waitDurable(t, other, 3)
}

// A document that is being created is not listed before it is durable.
func TestCreationIsCapped(t *testing.T) {
	fs := newFaults(vfs.NewMem())
	s := mustOpen(t, testOptions(t, fs))
	reached, release := fs.holdSyncs()
	defer release()
	created := make(chan error)
	go func() {
		d, err := s.Document(t.Context(), "d", true)
		if err == nil {
			d.Close()
		}
		created <- err
	}()
	<-reached
	waitVisible(t, s, nameKey("d"))
	if list, err := s.Documents(t.Context(), "", 0); err != nil || len(list) != 0 {
		t.Errorf("Documents while the sync is held: got %+v, %v", list, err)
	}
	release()
	if err := <-created; err != nil {
		t.Errorf("Document: %v", err)
	}
	if list, err := s.Documents(t.Context(), "", 0); err != nil || len(list) != 1 {
		t.Errorf("Documents: got %+v, %v", list, err)
	}
}

// Who gives up waiting for a slow disk leaves no half-made document behind.
func TestDocumentGivesUp(t *testing.T) {
	fs := newFaults(vfs.NewMem())
	s := mustOpen(t, testOptions(t, fs))
	reached, release := fs.holdSyncs()
	defer release()
	ctx, cancel := context.WithCancel(t.Context())
	gaveUp := make(chan error)
	for range 2 {
		go func() {
			_, err := s.Document(ctx, "d", true)
			gaveUp <- err
		}()
	}
	<-reached
	cancel()
	for range 2 {
		if err := <-gaveUp; !errors.Is(err, context.Canceled) {
			t.Errorf("Document: got %v, want context.Canceled", err)
		}
	}
	release()
	d := mustDocument(t, s, "d")
	id := d.Info().ID
	d.Close()
	if got := s.Stats().Documents; got != 0 {
		t.Errorf("%d documents are open, want 0", got)
	}
	if again := mustDocument(t, s, "d"); again.Info().ID != id {
		t.Error("the document was made twice")
	}
}

// An idle document is forgotten, one that waits for the disk is not.
func TestIdleDocumentsAreForgotten(t *testing.T) {
	fs := newFaults(vfs.NewMem())
	s := mustOpen(t, testOptions(t, fs))
	a, b := mustDocument(t, s, "d"), mustDocument(t, s, "d")
	a.Close()
	if got := s.Stats().Documents; got != 1 {
		t.Errorf("with a handle open: %d documents, want 1", got)
	}
	_, release := fs.holdSyncs()
	mustAppend(t, b, "x")
	b.Close()
	if got := s.Stats().Documents; got != 1 {
		t.Errorf("with an entry in flight: %d documents, want 1", got)
	}
	release()
	c := mustDocument(t, s, "other") // durable after the entry
	c.Close()
	if got := s.Stats().Documents; got != 0 {
		t.Errorf("at rest: %d documents, want 0", got)
	}
}
