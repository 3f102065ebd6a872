package storage

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/errors/oserror"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
)

func names(list []DocumentInfo) (all []string) {
	for _, d := range list {
		all = append(all, d.Name)
	}
	return all
}

// expectLists compares what is listed, and what as deleted.
func expectLists(tb testing.TB, s *Store, want, deleted []string) {
	tb.Helper()
	list, err := s.Documents(tb.Context(), "", 0)
	if diff := cmp.Diff(want, names(list)); err != nil || diff != "" {
		tb.Errorf("Documents: %v (-want +got):\n%s", err, diff)
	}
	list, err = s.Deleted(tb.Context(), "", 0)
	if diff := cmp.Diff(deleted, names(list)); err != nil || diff != "" {
		tb.Errorf("Deleted: %v (-want +got):\n%s", err, diff)
	}
}

func TestDeleteAndUndelete(t *testing.T) {
	fs := vfs.NewMem()
	s := mustOpen(t, testOptions(t, fs))
	mustDocument(t, s, "other")
	d := mustDocument(t, s, "d")
	fill(t, d, 1, 5)
	before := d.Info()
	if err := s.Delete(t.Context(), "d"); err != nil {
		t.Fatal(err)
	}
	// The handle from before is of no use any more.
	if _, err := d.Append(Entry{}); !errors.Is(err, ErrDeleted) {
		t.Errorf("Append: got %v, want ErrDeleted", err)
	}
	if err := d.Load(t.Context(), 0, func(Entry) error { return nil }); !errors.Is(err, ErrDeleted) {
		t.Errorf("Load: got %v, want ErrDeleted", err)
	}
	if err := d.Compact(t.Context(), 5, nil); !errors.Is(err, ErrDeleted) {
		t.Errorf("Compact: got %v, want ErrDeleted", err)
	}
	again := func() {
		t.Helper()
		for _, create := range []bool{false, true} {
			if _, err := s.Document(t.Context(), "d", create); !errors.Is(err, ErrDeleted) {
				t.Errorf("Document(create %v): got %v, want ErrDeleted", create, err)
			}
		}
		if err := s.Delete(t.Context(), "d"); !errors.Is(err, ErrDeleted) {
			t.Errorf("Delete: got %v, want ErrDeleted", err)
		}
		expectLists(t, s, []string{"other"}, []string{"d"})
	}
	again()
	d.Close()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = mustOpen(t, testOptions(t, fs))
	again()
	if err := s.Undelete(t.Context(), "d"); err != nil {
		t.Fatal(err)
	}
	if err := s.Undelete(t.Context(), "d"); !errors.Is(err, ErrNotFound) {
		t.Errorf("Undelete again: got %v, want ErrNotFound", err)
	}
	expectLists(t, s, []string{"d", "other"}, nil)
	d = mustDocument(t, s, "d")
	if diff := cmp.Diff(before, d.Info()); diff != "" {
		t.Errorf("after Undelete (-want +got):\n%s", diff)
	}
	if seq := mustAppend(t, d, "u6"); seq != 6 {
		t.Errorf("Append after Undelete: got %d, want 6", seq)
	}
}

func TestEraseFreesTheName(t *testing.T) {
	s := mustOpen(t, testOptions(t, vfs.NewMem()))
	for _, state := range []string{"closed", "open", "deleted", "damaged", "compacted"} {
		d := mustDocument(t, s, "d")
		fill(t, d, 1, 5)
		id := d.Info().ID
		switch state {
		case "closed":
			d.Close()
		case "deleted":
			if err := s.Delete(t.Context(), "d"); err != nil {
				t.Fatal(err)
			}
		case "damaged":
			d.Close()
			set(t, documentKey(id, kindMeta), []byte("garbage"))(s.db)
		case "compacted":
			if err := d.Compact(t.Context(), 4, []byte("s4")); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Erase(t.Context(), "d"); err != nil {
			t.Fatalf("%s: %v", state, err)
		}
		if _, err := d.Append(Entry{}); !errors.Is(err, ErrDeleted) && !errors.Is(err, ErrClosed) {
			t.Errorf("%s: Append to a handle from before: got %v", state, err)
		}
		expectLists(t, s, nil, nil)
		if err := s.Erase(t.Context(), "d"); !errors.Is(err, ErrNotFound) {
			t.Errorf("%s: Erase again: got %v, want ErrNotFound", state, err)
		}
		if _, err := s.Document(t.Context(), "d", false); !errors.Is(err, ErrNotFound) {
			t.Errorf("%s: Document: got %v, want ErrNotFound", state, err)
		}
		next := mustDocument(t, s, "d")
		if got := next.Info(); got.ID == id || got.Last != 0 {
			t.Errorf("%s: a new document of that name: got %+v", state, got)
		}
		next.Close()
		d.Close()
		if err := s.Erase(t.Context(), "d"); err != nil {
			t.Fatal(err)
		}
	}
}

// filesWith returns the files of the directory that hold the content.
func filesWith(tb testing.TB, s *Store, fs vfs.FS, content []byte) (found []string) {
	tb.Helper()
	s.db.TestOnlyWaitForCleaning() // files go away in the background
	for _, name := range listDir(tb, fs, "data") {
		f, err := fs.Open(fs.PathJoin("data", name))
		if oserror.IsNotExist(err) {
			continue // Pebble compacts by itself, too
		}
		if err != nil {
			tb.Fatal(err)
		}
		data, err := io.ReadAll(f)
		if err := errors.Join(err, f.Close()); err != nil {
			tb.Fatal(err)
		}
		if bytes.Contains(data, content) {
			found = append(found, name)
		}
	}
	return found
}

// awaitOnlyLogs waits until holding returns log files alone. Pebble unlinks old
// tables a moment after the compaction that replaced them has returned.
func awaitOnlyLogs(tb testing.TB, holding func() []string) {
	tb.Helper()
	isLog := func(name string) bool { return strings.HasSuffix(name, ".log") }
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		left := slices.DeleteFunc(holding(), isLog)
		if len(left) == 0 {
			return
		}
		if time.Now().After(deadline) {
			tb.Errorf("%v still hold the content", left)
			return
		}
	}
}

// TestEraseLeavesNothing looks for the content, which does not compress, in each
// file: of tables and the manifest nothing remains when Erase returns, of log
// files nothing after the next start. The control is the same search before.
func TestEraseLeavesNothing(t *testing.T) {
	fs := vfs.NewMem()
	o := testOptions(t, fs)
	o.MemTableBytes = 256 << 10
	s := mustOpen(t, o)
	rng := rand.New(rand.NewPCG(1, 2))
	random := func(n int) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(rng.Uint32())
		}
		return b
	}
	secret := random(48)
	holding := func() []string { return filesWith(t, s, fs, secret) }
	victim, bystander := mustDocument(t, s, "victim"), mustDocument(t, s, "bystander")
	for range 40 { // over several tables and levels, with snapshots that hold it too
		for _, d := range []*Document{victim, bystander} {
			update := random(20 << 10)
			if d == victim {
				update = append(update, secret...)
			}
			seq := mustAppend(t, d, string(update))
			waitDurable(t, d, seq)
			if seq%10 == 0 {
				if err := d.Compact(t.Context(), seq, update); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	want := loadAll(t, bystander, 0)
	if err := s.db.Flush(); err != nil {
		t.Fatal(err)
	}
	waitDurable(t, victim, mustAppend(t, victim, string(secret))) // and in the log that is being written
	tables := 0
	for _, name := range holding() {
		if strings.HasSuffix(name, ".sst") {
			tables++
		}
	}
	if tables == 0 {
		t.Fatalf("the content is in no table before: the test proves nothing")
	}
	victim.Close()
	if err := s.Erase(t.Context(), "victim"); err != nil {
		t.Fatal(err)
	}
	awaitOnlyLogs(t, holding)
	if got := loadAll(t, bystander, 0); !cmp.Equal(got, want) {
		t.Error("another document has changed")
	}
	bystander.Close()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = mustOpen(t, o)
	if found := holding(); len(found) > 0 {
		t.Errorf("after a restart %v still hold the content", found)
	}
}

// TestRewriteCleansUp: what was deleted without Pebble having been told to write
// tables anew is gone after Rewrite.
func TestRewriteCleansUp(t *testing.T) {
	fs := vfs.NewMem()
	s := mustOpen(t, testOptions(t, fs))
	d := mustDocument(t, s, "d")
	secret := "qZ8#kf02mnXXv!pq09zuTT"
	waitDurable(t, d, mustAppend(t, d, secret))
	d.Close()
	holding := func() []string { return filesWith(t, s, fs, []byte(secret)) }
	holds := func() (n int) {
		for _, name := range holding() {
			if strings.HasSuffix(name, ".sst") {
				n++
			}
		}
		return n
	}
	if err := s.Rewrite(t.Context()); err != nil {
		t.Fatal(err)
	}
	if holds() == 0 {
		t.Fatal("the content is in no table: the test proves nothing")
	}
	if _, err := s.erase(t.Context(), "d", nil); err != nil {
		t.Fatal(err)
	}
	if holds() == 0 {
		t.Fatal("the content is gone before Rewrite: the test proves nothing")
	}
	if err := s.Rewrite(t.Context()); err != nil {
		t.Fatal(err)
	}
	awaitOnlyLogs(t, holding)
}

// TestDeletedIsErasedAfterItsGrace moves the clock.
func TestDeletedIsErasedAfterItsGrace(t *testing.T) {
	now := goldenTime
	o := testOptions(t, vfs.NewMem())
	o.Now = func() time.Time { return now }
	s := mustOpen(t, o)
	for _, name := range []string{"early", "late", "alive"} {
		d := mustDocument(t, s, name)
		fill(t, d, 1, 3)
		d.Close()
	}
	del := func(name string, at time.Duration) {
		t.Helper()
		now = goldenTime.Add(at)
		if err := s.Delete(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
	del("early", time.Hour)
	del("late", 3*time.Hour)
	for _, keep := range []time.Duration{-1, 6 * time.Hour} { // for ever, and not yet over
		sweepOnce(t, s, keep)
		expectLists(t, s, []string{"alive"}, []string{"early", "late"})
	}
	sweepOnce(t, s, time.Hour)
	expectLists(t, s, []string{"alive"}, []string{"late"})
	// A clock that jumps back erases nothing.
	now = goldenTime.Add(-1000 * time.Hour)
	sweepOnce(t, s, time.Hour)
	expectLists(t, s, []string{"alive"}, []string{"late"})
	if err := s.Undelete(t.Context(), "late"); err != nil {
		t.Fatal(err)
	}
	now = goldenTime.Add(1000 * time.Hour)
	sweepOnce(t, s, time.Hour)
	expectLists(t, s, []string{"alive", "late"}, nil)
	// Nor does one that was back when the document was deleted: that was after its last entry.
	d := mustDocument(t, s, "late")
	fill(t, d, 4, 4)
	d.Close()
	del("late", -50*365*24*time.Hour)
	now = goldenTime.Add(1000*time.Hour + 30*time.Minute)
	sweepOnce(t, s, time.Hour)
	expectLists(t, s, []string{"alive"}, []string{"late"})
	now = now.Add(time.Hour)
	sweepOnce(t, s, time.Hour)
	expectLists(t, s, []string{"alive"}, nil)
}

// sweepOnce runs one sweep of a compactor that compacts nothing.
func sweepOnce(tb testing.TB, s *Store, keep time.Duration) {
	tb.Helper()
	c := &compactor{store: s, opts: CompactionOptions{Bytes: -1, Entries: -1, Age: -1, KeepDeleted: keep}.withDefaults()}
	c.sweep(tb.Context(), false)
	if n := s.Stats().CompactErrors; n > 0 {
		tb.Fatalf("%d errors in the sweep", n)
	}
}

// TestEraseIsCutShort: when the context ends while the tables are written anew,
// the document is gone all the same.
func TestEraseIsCutShort(t *testing.T) {
	s := mustOpen(t, testOptions(t, vfs.NewMem()))
	d := mustDocument(t, s, "d")
	fill(t, d, 1, 3)
	d.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Erase(ctx, "d"); err == nil {
		t.Log("the tables were quicker than the end of the context")
	}
	if _, err := s.Document(t.Context(), "d", false); !errors.Is(err, ErrNotFound) {
		t.Errorf("Document: got %v, want ErrNotFound", err)
	}
}

// TestDeleteBesideUse deletes, undeletes and erases while others open, append,
// read and compact. Each of them ends with an error that says why, or with what
// it wanted; nobody sees damage.
func TestDeleteBesideUse(t *testing.T) {
	s := mustOpen(t, testOptions(t, vfs.NewMem()))
	ctx, cancel := context.WithCancel(t.Context())
	var users sync.WaitGroup
	fine := func(err error) bool {
		return err == nil || errors.Is(err, ErrDeleted) || errors.Is(err, ErrNotFound) || errors.Is(err, context.Canceled)
	}
	for range 4 {
		users.Go(func() {
			for ctx.Err() == nil {
				d, err := s.Document(ctx, "d", true)
				if err != nil {
					if !fine(err) {
						t.Errorf("Document: %v", err)
					}
					continue
				}
				for range 5 {
					seq, err := d.Append(Entry{Update: []byte("x")})
					if !fine(err) {
						t.Errorf("Append: %v", err)
					}
					if err := d.Load(ctx, 0, func(Entry) error { return nil }); !fine(err) {
						t.Errorf("Load: %v", err)
					}
					if err == nil && seq <= d.Durable() && d.Info().Snapshot < seq {
						if err := d.Compact(ctx, seq, []byte("s")); !fine(err) && !strings.Contains(err.Error(), "is not between") {
							t.Errorf("Compact: %v", err)
						}
					}
				}
				d.Close()
			}
		})
	}
	ids := make(map[uuid.UUID]bool)
	for range 60 {
		d, err := s.Document(t.Context(), "d", true)
		if err == nil {
			ids[d.Info().ID] = true
			d.Close()
		}
		for _, act := range []func(context.Context, string) error{s.Delete, s.Undelete, s.Delete, s.Erase} {
			if err := act(t.Context(), "d"); !fine(err) {
				t.Fatal(err)
			}
		}
	}
	cancel()
	users.Wait()
	if len(ids) < 30 {
		t.Errorf("the document was made %d times, want 60 or nearly", len(ids))
	}
}
