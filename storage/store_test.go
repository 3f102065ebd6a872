package storage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"go.uber.org/goleak"
)

// childVar is set in a test process that another test has started.
const childVar = "WEFT_STORAGE_CHILD"

func TestMain(m *testing.M) {
	if inChild() {
		os.Exit(m.Run())
	}
	goleak.VerifyTestMain(m)
}

func inChild() bool { return os.Getenv(childVar) != "" }

// child returns a command that runs one test of this binary in a process of its
// own, which ends with the test or after two minutes.
func child(tb testing.TB, test string, env ...string) *exec.Cmd {
	tb.Helper()
	self, err := os.Executable()
	if err != nil {
		tb.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(tb.Context(), 2*time.Minute)
	tb.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, self, "-test.run=^"+test+"$", "-test.timeout=60s")
	cmd.Env = append(append(os.Environ(), childVar+"=1"), env...)
	return cmd
}

// quiet swallows the logs of tests that provoke errors.
var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

// testOptions are for a store in memory; a failure of the disk fails the test.
func testOptions(tb testing.TB, fs vfs.FS) Options {
	return Options{
		Dir: "data", FS: fs, Logger: quiet,
		Fatal: func(err error) { tb.Errorf("storage failed: %v", err) },
	}
}

// mustOpen opens a store that is closed at the end of the test.
func mustOpen(tb testing.TB, o Options) *Store {
	tb.Helper()
	s, err := Open(o)
	if err != nil {
		tb.Fatalf("Open: %v", err)
	}
	tb.Cleanup(func() {
		if err := s.Close(); err != nil && !errors.Is(err, ErrClosed) {
			tb.Errorf("Close: %v", err)
		}
	})
	return s
}

func mustDocument(tb testing.TB, s *Store, name string) *Document {
	tb.Helper()
	d, err := s.Document(tb.Context(), name, true)
	if err != nil {
		tb.Fatalf("Document(%q): %v", name, err)
	}
	tb.Cleanup(d.Close)
	return d
}

func mustAppend(tb testing.TB, d *Document, update string) uint64 {
	tb.Helper()
	seq, err := d.Append(Entry{Update: []byte(update)})
	if err != nil {
		tb.Fatalf("Append: %v", err)
	}
	return seq
}

// waitDurable waits until d is durable up to seq.
func waitDurable(tb testing.TB, d *Document, seq uint64) {
	tb.Helper()
	done := make(chan struct{}, 1)
	d.OnDurable(func(got uint64) {
		if got >= seq {
			select {
			case done <- struct{}{}:
			default:
			}
		}
	})
	defer d.OnDurable(nil)
	if d.Durable() >= seq {
		return
	}
	select {
	case <-done:
	case <-time.After(time.Minute):
		tb.Fatalf("sequence %d is not durable after a minute, %d is", seq, d.Durable())
	}
}

// loadAll returns what Load streams, as text.
func loadAll(tb testing.TB, d *Document, from uint64) []string {
	tb.Helper()
	var got []string
	err := d.Load(tb.Context(), from, func(e Entry) error {
		kind := ""
		if e.Snapshot {
			kind = "snapshot "
		}
		got = append(got, fmt.Sprintf("%s%d %s", kind, e.Seq, e.Update))
		return nil
	})
	if err != nil {
		tb.Fatalf("Load(%d): %v", from, err)
	}
	return got
}

func TestAppendThenLoad(t *testing.T) {
	fs := vfs.NewMem()
	s := mustOpen(t, testOptions(t, fs))
	d := mustDocument(t, s, "notes")
	want := Entry{
		Time:       time.Date(2025, 11, 1, 12, 0, 0, 123456789, time.UTC),
		Connection: uuid.MustParse("0193e5a0-0000-7000-8000-000000000001"),
		User:       "ada", Update: []byte{0, 0},
	}
	seq, err := d.Append(want)
	if seq != 1 || err != nil {
		t.Fatalf("Append: got %d, %v, want 1", seq, err)
	}
	mustAppend(t, d, "second")
	waitDurable(t, d, 2)
	check := func(t *testing.T, d *Document) {
		t.Helper()
		var first Entry
		err := d.Load(t.Context(), 0, func(e Entry) error {
			if e.Seq == 1 {
				first = e
				first.Update = append([]byte(nil), e.Update...)
			}
			return nil
		})
		if err != nil {
			t.Fatalf("Load: %v", err)
		}
		want.Seq = 1
		if diff := cmp.Diff(want, first); diff != "" {
			t.Errorf("entry 1 (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]string{"2 second"}, loadAll(t, d, 1)); diff != "" {
			t.Errorf("Load(1) (-want +got):\n%s", diff)
		}
		if got := loadAll(t, d, 2); got != nil {
			t.Errorf("Load(2): got %v, want nothing", got)
		}
	}
	check(t, d)
	info := d.Info()
	if info.Last != 2 || info.Bytes != 8 || info.Name != "notes" || info.ID.Version() != 7 {
		t.Errorf("Info: got %+v", info)
	}
	d.Close()
	if err := s.Close(); err != nil {
		t.Fatalf("Close: %v", err)
	}
	d = mustDocument(t, mustOpen(t, testOptions(t, fs)), "notes")
	check(t, d)
	if diff := cmp.Diff(info, d.Info()); diff != "" {
		t.Errorf("Info after reopening (-before +after):\n%s", diff)
	}
	if seq := mustAppend(t, d, "third"); seq != 3 {
		t.Errorf("Append after reopening: got sequence %d, want 3", seq)
	}
}

func TestDocumentIsCreatedOnlyOnRequest(t *testing.T) {
	s := mustOpen(t, testOptions(t, vfs.NewMem()))
	if _, err := s.Document(t.Context(), "absent", false); !errors.Is(err, ErrNotFound) {
		t.Errorf("Document: got %v, want ErrNotFound", err)
	}
	mustDocument(t, s, "absent")
	d, err := s.Document(t.Context(), "absent", false)
	if err != nil {
		t.Fatalf("Document after creation: %v", err)
	}
	d.Close()
}

func TestCheckName(t *testing.T) {
	long := string(make([]byte, 0)) + fmt.Sprintf("%0255d", 1)
	for _, tt := range []struct {
		name string
		ok   bool
	}{
		{"a", true}, {"a/b", true}, {"été/日本", true}, {long, true}, {"a b", true}, {".a", true}, {"...", true},
		{"", false}, {long + "1", false}, {"a\x00b", false}, {"a\nb", false}, {"a\u0085b", false}, {"\xff", false},
		{"/a", false}, {"a/", false}, {"a//b", false}, {"a/../b", false}, {".", false}, {"..", false}, {"a/./b", false},
	} {
		err := CheckName(tt.name)
		if (err == nil) != tt.ok || err != nil && !errors.Is(err, ErrName) {
			t.Errorf("CheckName(%q): got %v, want ok %v", tt.name, err, tt.ok)
		}
	}
}

func TestDocumentsListsInOrder(t *testing.T) {
	fs := vfs.NewMem()
	now := time.Date(2025, 11, 1, 0, 0, 0, 0, time.UTC)
	o := testOptions(t, fs)
	o.Now = func() time.Time { return now }
	s := mustOpen(t, o)
	for i, name := range []string{"b", "a/x", "zz", "a", "aa", "é"} {
		d := mustDocument(t, s, name)
		for j := range i {
			mustAppend(t, d, fmt.Sprint(j))
		}
		waitDurable(t, d, uint64(i))
		if i%2 == 0 {
			d.Close() // listed from disk, the others from memory
		}
	}
	var got []string
	for after := ""; ; {
		page, err := s.Documents(t.Context(), after, 2)
		if err != nil {
			t.Fatalf("Documents: %v", err)
		}
		if len(page) == 0 {
			break
		}
		for _, info := range page {
			if info.Damage != nil || !info.Created.Equal(now) || info.Bytes != int64(info.Last) {
				t.Errorf("Documents: got %+v", info)
			}
			got = append(got, fmt.Sprint(info.Name, " ", info.Last))
			after = info.Name
		}
	}
	want := []string{"a 3", "a/x 1", "aa 4", "b 0", "zz 2", "é 5"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Documents (-want +got):\n%s", diff)
	}
}

func TestLimits(t *testing.T) {
	s := mustOpen(t, testOptions(t, vfs.NewMem()))
	d := mustDocument(t, s, "d")
	for _, tt := range []struct {
		name string
		e    Entry
		want error
	}{
		{"user at the limit", Entry{User: string(make([]byte, MaxUserBytes))}, nil},
		{"user past it", Entry{User: string(make([]byte, MaxUserBytes+1))}, ErrTooLarge},
		{"update past it", Entry{Update: make([]byte, MaxUpdateBytes+1)}, ErrTooLarge},
		{"more than a write buffer", Entry{Update: make([]byte, 9<<20)}, nil},
	} {
		if _, err := d.Append(tt.e); !errors.Is(err, tt.want) {
			t.Errorf("%s: got %v, want %v", tt.name, err, tt.want)
		}
	}
	waitDurable(t, d, 2)
	if err := d.Compact(t.Context(), 2, make([]byte, MaxUpdateBytes+1)); !errors.Is(err, ErrTooLarge) {
		t.Errorf("Compact: got %v, want ErrTooLarge", err)
	}
}

func TestClosed(t *testing.T) {
	s := mustOpen(t, testOptions(t, vfs.NewMem()))
	d := mustDocument(t, s, "d")
	other := mustDocument(t, s, "d")
	d.Close()
	d.Close()
	if _, err := d.Append(Entry{}); !errors.Is(err, ErrClosed) {
		t.Errorf("Append to a closed handle: got %v, want ErrClosed", err)
	}
	if err := d.Load(t.Context(), 0, nil); !errors.Is(err, ErrClosed) {
		t.Errorf("Load of a closed handle: got %v, want ErrClosed", err)
	}
	mustAppend(t, other, "x")
	if err := s.Close(); err != nil {
		t.Fatalf("Close: %v", err)
	}
	if got := other.Durable(); got != 1 {
		t.Errorf("Durable after Close: got %d, want 1: Close must wait", got)
	}
	_, err := other.Append(Entry{})
	_, err2 := s.Document(t.Context(), "d", true)
	_, err3 := s.Documents(t.Context(), "", 0)
	for i, err := range []error{err, err2, err3, other.Load(t.Context(), 0, nil), other.Compact(t.Context(), 1, nil), s.Writable(), s.Close()} {
		if !errors.Is(err, ErrClosed) {
			t.Errorf("call %d after Close: got %v, want ErrClosed", i, err)
		}
	}
	s.Stats() // must not touch the closed database
}

func TestSpaceIsWatched(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fs := vfs.NewMem()
		usage := func(free uint64) { fs.TestingSetDiskUsage(vfs.DiskUsage{AvailBytes: free, TotalBytes: 1 << 30}) }
		usage(1 << 20)
		o := testOptions(t, fs)
		o.ReserveBytes, o.SpaceInterval = 1<<20, 10*time.Second
		s := mustOpen(t, o)
		d := mustDocument(t, s, "d")
		mustAppend(t, d, "at the reserve")
		waitDurable(t, d, 1)

		usage(1<<20 - 1)
		time.Sleep(o.SpaceInterval)
		synctest.Wait()
		if _, err := d.Append(Entry{}); !errors.Is(err, ErrNoSpace) {
			t.Errorf("Append below the reserve: got %v, want ErrNoSpace", err)
		}
		if err := s.Writable(); !errors.Is(err, ErrNoSpace) {
			t.Errorf("Writable below the reserve: got %v, want ErrNoSpace", err)
		}
		if err := d.SetHistory(History{On: true}); !errors.Is(err, ErrNoSpace) {
			t.Errorf("SetHistory below the reserve: got %v, want ErrNoSpace", err)
		}
		if err := d.SetHistory(History{}); err != nil {
			t.Errorf("SetHistory to off below the reserve: %v", err)
		}
		if _, err := s.Document(t.Context(), "new", true); !errors.Is(err, ErrNoSpace) {
			t.Errorf("Document below the reserve: got %v, want ErrNoSpace", err)
		}
		if got := loadAll(t, d, 0); len(got) != 1 || d.Last() != 1 {
			t.Errorf("below the reserve: Load gives %v, Last %d, want one entry", got, d.Last())
		}
		if st := s.Stats(); !st.NoSpace || st.Refused != 1 || st.FreeBytes != 1<<20-1 {
			t.Errorf("Stats: got %+v", st)
		}

		usage(1<<20 + 1<<15) // above, but not by a sixteenth
		time.Sleep(o.SpaceInterval)
		synctest.Wait()
		if err := s.Writable(); !errors.Is(err, ErrNoSpace) {
			t.Errorf("Writable just above the reserve: got %v, want ErrNoSpace", err)
		}
		usage(2 << 20)
		time.Sleep(o.SpaceInterval)
		synctest.Wait()
		if seq := mustAppend(t, d, "again"); seq != 2 {
			t.Errorf("Append after recovery: got %d, want 2", seq)
		}

		// A quarter of the reserve makes it look before the interval is over.
		usage(0)
		mustAppend(t, d, string(make([]byte, 1<<18)))
		synctest.Wait()
		if err := s.Writable(); !errors.Is(err, ErrNoSpace) {
			t.Errorf("Writable after a quarter of the reserve: got %v, want ErrNoSpace", err)
		}
		d.Close()
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
}

// What was just written counts, also while its log is the first.
func TestStatsHaveTheLogThatIsWritten(t *testing.T) {
	fs := vfs.NewMem()
	s := mustOpen(t, testOptions(t, fs))
	d := mustDocument(t, s, "d")
	random := rand.New(rand.NewPCG(1, 2))
	update := make([]byte, 1<<16) // which nothing makes smaller
	for i := range update {
		update[i] = byte(random.Uint32())
	}
	const n = 8
	for range n {
		mustAppend(t, d, string(update))
	}
	waitDurable(t, d, n)
	if st, least := s.Stats(), uint64(n*len(update)); st.LogBytes < least || st.DiskBytes < st.LogBytes {
		t.Errorf("got a log of %d bytes in %d, want at least %d", st.LogBytes, st.DiskBytes, least)
	}
}

// TestOpeningReadsLittle: where a document begins with an entry as large as a whole document, opening it reads the blocks
// that it needs, and not that one.
func TestOpeningReadsLittle(t *testing.T) {
	fs := vfs.NewMem()
	s := mustOpen(t, testOptions(t, fs))
	d := mustDocument(t, s, "d")
	const large = 1 << 20
	mustAppend(t, d, strings.Repeat("a whole document", large/16))
	for i := range 2000 {
		mustAppend(t, d, fmt.Sprint("u", i, strings.Repeat("x", 50)))
	}
	waitDurable(t, d, 2001)
	snapshot := make([]byte, large/8) // does not compress, and so has a block to itself
	rand.NewChaCha8([32]byte{}).Read(snapshot)
	if err := d.Compact(t.Context(), 2001, snapshot); err != nil {
		t.Fatal(err)
	}
	if err := s.db.Flush(); err != nil {
		t.Fatal(err)
	}
	d.Close()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = mustOpen(t, testOptions(t, fs))
	d = mustDocument(t, s, "d")
	if got := d.Durable(); got != 2001 {
		t.Errorf("opened at %d, want 2001", got)
	}
	if got := s.db.Metrics().BlockCache.Size; got < large/8 || got > large/2 {
		t.Errorf("read %d bytes, want the snapshot, and not the large entry", got)
	}
}
