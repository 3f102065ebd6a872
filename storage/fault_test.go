package storage

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/google/go-cmp/cmp"

	"github.com/weftsync/weft/storage/storagetest"
)

// faults is a file system whose operations a test can fail or hold.
type faults struct {
	*errorfs.FS
	hit   atomic.Pointer[func(errorfs.Op) error]
	syncs atomic.Int64 // of log files
}

func newFaults(inner vfs.FS) *faults {
	f := new(faults)
	if mem, ok := inner.(*vfs.MemFS); ok {
		inner = storagetest.Cloneable(mem)
	}
	f.FS = errorfs.Wrap(inner, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if isLogSync(op) {
			f.syncs.Add(1)
		}
		if fn := f.hit.Load(); fn != nil {
			return (*fn)(op)
		}
		return nil
	}))
	return f
}

// on has fn decide about each operation from now on; nil lets all pass.
func (f *faults) on(fn func(errorfs.Op) error) {
	if fn == nil {
		f.hit.Store(nil)
		return
	}
	f.hit.Store(&fn)
}

func isLogSync(op errorfs.Op) bool {
	sync := op.Kind == errorfs.OpFileSync || op.Kind == errorfs.OpFileSyncData || op.Kind == errorfs.OpFileSyncTo
	return sync && strings.HasSuffix(op.Path, ".log")
}

// holdSyncs makes the syncs of the log wait until release is called; reached is
// closed when the first one waits.
func (f *faults) holdSyncs() (reached <-chan struct{}, release func()) {
	held, first := make(chan struct{}), make(chan struct{})
	reach := sync.OnceFunc(func() { close(first) })
	f.on(func(op errorfs.Op) error {
		if isLogSync(op) {
			reach()
			<-held
		}
		return nil
	})
	return first, sync.OnceFunc(func() { f.on(nil); close(held) })
}

// fatals collects the calls of Options.Fatal.
type fatals struct {
	mu   sync.Mutex
	errs []error
	came chan struct{}
}

func newFatals() *fatals { return &fatals{came: make(chan struct{}, 8)} }

func (f *fatals) call(err error) {
	f.mu.Lock()
	f.errs = append(f.errs, err)
	f.mu.Unlock()
	f.came <- struct{}{}
}

func (f *fatals) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.errs)
}

// await waits for the call, bounded.
func (f *fatals) await(tb testing.TB) {
	tb.Helper()
	select {
	case <-f.came:
	case <-time.After(30 * time.Second):
		tb.Fatal("Fatal was not called within 30 s")
	}
}

var errDisk = fmt.Errorf("the disk says no: %w", syscall.EIO)

func TestFailedSyncAcknowledgesNothing(t *testing.T) {
	for _, tt := range []struct {
		name string
		hit  func(errorfs.Op) bool
	}{
		{"sync", isLogSync},
		{"write", func(op errorfs.Op) bool {
			return op.Kind == errorfs.OpFileWrite && strings.HasSuffix(op.Path, ".log")
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			fs, fatal := newFaults(vfs.NewMem()), newFatals()
			o := testOptions(t, fs)
			o.Fatal = fatal.call
			s, err := Open(o)
			if err != nil {
				t.Fatal(err)
			}
			d := mustDocument(t, s, "d")
			mustAppend(t, d, "before")
			waitDurable(t, d, 1)

			fs.on(func(op errorfs.Op) error {
				if tt.hit(op) {
					return errDisk
				}
				return nil
			})
			d.OnDurable(func(seq uint64) { t.Errorf("sequence %d was reported durable", seq) })
			for range 10 {
				if _, err := d.Append(Entry{Update: []byte("doomed")}); err != nil && !errors.Is(err, ErrFailed) {
					t.Errorf("Append: got %v", err)
				}
			}
			fatal.await(t)
			if !errors.Is(fatal.errs[0], syscall.EIO) {
				t.Errorf("Fatal: got %v, want the disk's error", fatal.errs[0])
			}
			// The disk recovers. That must change nothing: what it dropped is gone.
			fs.on(nil)
			syncs := fs.syncs.Load()
			if _, err := d.Append(Entry{}); !errors.Is(err, ErrFailed) || !errors.Is(err, syscall.EIO) {
				t.Errorf("Append after the failure: got %v, want ErrFailed and its cause", err)
			}
			if _, err := s.Document(t.Context(), "new", true); !errors.Is(err, ErrFailed) {
				t.Errorf("Document after the failure: got %v, want ErrFailed", err)
			}
			if got := d.Durable(); got != 1 {
				t.Errorf("Durable: got %d, want 1", got)
			}
			if diff := cmp.Diff([]string{"1 before"}, loadAll(t, d, 0)); diff != "" {
				t.Errorf("Load after the failure (-want +got):\n%s", diff)
			}
			if st := s.Stats(); !st.Failed {
				t.Error("Stats: Failed is not set")
			}
			if err := s.Close(); err == nil {
				t.Error("Close after a failure: got nil")
			}
			if n := fs.syncs.Load() - syncs; n != 0 {
				t.Errorf("the log was synced %d times after a sync had failed", n)
			}
			if n := fatal.count(); n != 1 {
				t.Errorf("Fatal was called %d times, want once", n)
			}
		})
	}
}

// verdictLog tells what the wait itself answered.
type verdictLog struct {
	batchLog
	verdicts chan error
}

func (l verdictLog) wait(b *pebble.Batch) error {
	err := l.batchLog.wait(b)
	l.verdicts <- err
	return err
}

// TestFatalfDecides: Pebble reports some failures through its logger only, and
// the batch in flight ends without an error. The control is that answer: without
// the flag the entry would have become durable.
func TestFatalfDecides(t *testing.T) {
	fs, fatal := newFaults(vfs.NewMem()), newFatals()
	o := testOptions(t, fs)
	o.Fatal = fatal.call
	verdicts := make(chan error, 10)
	s, err := open(o, func(db *pebble.DB) batchLog { return verdictLog{pebbleLog{db}, verdicts} })
	if err != nil {
		t.Fatal(err)
	}
	d := mustDocument(t, s, "d")
	<-verdicts
	reached, release := fs.holdSyncs()
	defer release()
	mustAppend(t, d, "in flight")
	<-reached
	pebbleLogger{s}.Fatalf("%s", "commit failed")
	release()
	if err := <-verdicts; err != nil {
		t.Fatalf("the sync answered %v: the test needs one that succeeds", err)
	}
	if err := s.Close(); !errors.Is(err, errWedged) {
		t.Errorf("Close: got %v, want it to leave Pebble alone", err)
	}
	if got := d.Durable(); got != 0 {
		t.Errorf("Durable: got %d, want 0", got)
	}
	if n := fatal.count(); n != 1 {
		t.Errorf("Fatal was called %d times, want once", n)
	}
	// This Pebble is well in truth.
	if err := errors.Join(s.db.Close(), s.lock.Close()); err != nil {
		t.Errorf("close Pebble: %v", err)
	}
}

// TestPanicInPebbleIsAFailure: a panic of Pebble's is an error after which it is
// left alone.
func TestPanicInPebbleIsAFailure(t *testing.T) {
	if err := (pebbleLog{nil}).apply(nil); !errors.Is(err, errWedged) {
		t.Errorf("got %v, want the panic as an error", err)
	}
	f := newFailure(func(error) {})
	f.set(errDisk)
	f.set(fmt.Errorf("%w: a panic", errWedged))
	if err := f.get(); !errors.Is(err, errDisk) || !f.wedged.Load() {
		t.Errorf("got %v, want the first error, and the database to be left alone", err)
	}
}

// lateEars answers waits when they are opened.
type lateEars struct {
	batchLog
	open chan struct{}
}

func (l lateEars) wait(b *pebble.Batch) error {
	<-l.open
	return l.batchLog.wait(b)
}

// TestFailedFileStopsTheWriter: once a file of the log has failed, nothing more is
// given to Pebble, though nobody who waits has heard of it yet: the next batch
// that fills a block would panic in there.
func TestFailedFileStopsTheWriter(t *testing.T) {
	fs, fatal := newFaults(vfs.NewMem()), newFatals()
	o := testOptions(t, fs)
	o.Fatal = fatal.call
	ears := make(chan struct{})
	openEars := sync.OnceFunc(func() { close(ears) })
	defer openEars()
	s, err := open(o, func(db *pebble.DB) batchLog { return lateEars{pebbleLog{db}, ears} })
	if err != nil {
		t.Fatal(err)
	}
	fs.on(func(op errorfs.Op) error {
		if isLogSync(op) {
			return errDisk
		}
		return nil
	})
	created := make(chan error)
	go func() {
		_, err := s.Document(t.Context(), "d", true)
		created <- err
	}()
	fatal.await(t)
	groups := s.Stats().Groups
	st := &docState{store: s} // straight into the pipeline: the document is not there yet
	for range 5 {
		if _, err := st.append(Entry{Update: make([]byte, 34<<10)}); err != nil && !errors.Is(err, ErrFailed) {
			t.Errorf("append: got %v, want ErrFailed", err)
		}
	}
	openEars()
	if err := <-created; !errors.Is(err, ErrFailed) {
		t.Errorf("Document: got %v, want ErrFailed", err)
	}
	if err := s.Close(); !errors.Is(err, errDisk) {
		t.Errorf("Close: got %v, want what the disk said", err)
	}
	if got := s.Stats().Groups; got != groups {
		t.Errorf("%d groups were written after the failure", got-groups)
	}
	if got := st.durable.Load(); got != 0 {
		t.Errorf("durable: got %d, want 0", got)
	}
}

// TestLogRotationFailureEndsTheProcess: where Pebble cannot end a file of the log
// or begin the next it panics in a way that cannot be caught. The process ends with
// our code and reason before that. The control is Pebble alone.
func TestLogRotationFailureEndsTheProcess(t *testing.T) {
	if inChild() {
		rotateWith(t, os.Getenv("WEFT_FAULT"))
		return
	}
	const goPanics = 2
	tests := []struct {
		fault string
		code  int
	}{{"begin", ExitSyncFailed}, {"end", ExitSyncFailed}, {"control", goPanics}}
	for _, tt := range tests {
		t.Run(tt.fault, func(t *testing.T) {
			out, err := child(t, "TestLogRotationFailureEndsTheProcess", "WEFT_FAULT="+tt.fault).CombinedOutput()
			var exit *exec.ExitError
			if !errors.As(err, &exit) || exit.ExitCode() != tt.code {
				t.Fatalf("got %v, want exit code %d: %.2000s", err, tt.code, out)
			}
			if strings.Contains(string(out), "test timed out") {
				t.Fatalf("nothing ended the process: %.2000s", out)
			}
			if tt.code == ExitSyncFailed && !strings.Contains(string(out), syscall.ENOSPC.Error()) {
				t.Errorf("got %q, want the reason", out)
			}
		})
	}
}

// rotateWith lets a fault happen while Pebble turns to the next file of the log.
func rotateWith(t *testing.T, fault string) {
	fs := newFaults(vfs.NewMem())
	o := testOptions(t, fs)
	o.Logger, o.Fatal = slog.New(slog.NewTextHandler(os.Stderr, nil)), nil
	var db *pebble.DB
	if fault == "control" {
		var err error
		if db, err = pebble.Open("data", &pebble.Options{FS: fs}); err != nil {
			t.Fatal(err)
		}
	} else {
		s := mustOpen(t, o)
		d := mustDocument(t, s, "d")
		mustAppend(t, d, "x")
		waitDurable(t, d, 1)
		db = s.db
	}
	fs.on(func(op errorfs.Op) error {
		begins := op.Kind == errorfs.OpCreate || op.Kind == errorfs.OpReuseForWrite
		if strings.HasSuffix(op.Path, ".log") && op.Kind.ReadOrWrite() == errorfs.OpIsWrite && begins == (fault != "end") {
			return syscall.ENOSPC
		}
		return nil
	})
	if _, err := db.AsyncFlush(); err != nil {
		t.Fatal(err)
	}
	select {} // whoever ends the process must not race with the end of the test
}

// TestManifestFailureIsFatal runs in a process of its own: the database can never
// be closed then.
func TestManifestFailureIsFatal(t *testing.T) {
	if !inChild() {
		if out, err := child(t, t.Name()).CombinedOutput(); err != nil {
			t.Fatalf("child: %v\n%s", err, out)
		}
		return
	}
	fs, fatal := newFaults(vfs.NewMem()), newFatals()
	o := testOptions(t, fs)
	o.Fatal = fatal.call
	s, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	d := mustDocument(t, s, "d")
	mustAppend(t, d, "x")
	waitDurable(t, d, 1)
	fs.on(func(op errorfs.Op) error {
		if strings.Contains(op.Path, "MANIFEST") && op.Kind.ReadOrWrite() == errorfs.OpIsWrite {
			return errDisk
		}
		return nil
	})
	if _, err := s.db.AsyncFlush(); err != nil {
		t.Fatal(err)
	}
	fatal.await(t)
	if err := s.Writable(); !errors.Is(err, ErrFailed) {
		t.Errorf("Writable: got %v, want ErrFailed", err)
	}
	fs.on(nil)
	if err := s.Close(); !errors.Is(err, errWedged) {
		t.Errorf("Close: got %v, want it to leave Pebble alone", err)
	}
}

func TestTableWriteFailureIsSurvived(t *testing.T) {
	fs := newFaults(vfs.NewMem())
	s := mustOpen(t, testOptions(t, fs))
	d := mustDocument(t, s, "d")
	mustAppend(t, d, "x")
	waitDurable(t, d, 1)
	fs.on(func(op errorfs.Op) error {
		if strings.HasSuffix(op.Path, ".sst") && op.Kind.ReadOrWrite() == errorfs.OpIsWrite {
			return errDisk
		}
		return nil
	})
	flushed, err := s.db.AsyncFlush()
	if err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(30 * time.Second); s.Stats().BackgroundErrors == 0; {
		if time.Now().After(deadline) {
			t.Fatal("no background error within 30 s")
		}
		time.Sleep(time.Millisecond) // Pebble offers nothing to wait for
	}
	waitDurable(t, d, mustAppend(t, d, "y"))
	fs.on(nil)
	select {
	case <-flushed:
	case <-time.After(30 * time.Second):
		t.Fatal("the flush did not come to an end after the disk recovered")
	}
}

func TestMarkFailureIsSurvived(t *testing.T) {
	mem := vfs.NewMem()
	fs := newFaults(mem)
	s := mustOpen(t, testOptions(t, fs))
	d := mustDocument(t, s, "d")
	fs.on(func(op errorfs.Op) error {
		if strings.HasSuffix(op.Path, markFileName) {
			return errDisk
		}
		return nil
	})
	for range 3 {
		waitDurable(t, d, mustAppend(t, d, "x"))
	}
	fs.on(nil)
	d.Close()
	if err := s.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	d = mustDocument(t, mustOpen(t, testOptions(t, mem)), "d")
	if got := d.Durable(); got != 3 {
		t.Errorf("Durable after reopening: got %d, want 3", got)
	}
}

// TestOneDocumentDoesNotFillTheQueue: while the disk stands still, one document
// gives more entries than Pebble's queue has places, and others still get in.
func TestOneDocumentDoesNotFillTheQueue(t *testing.T) {
	const entries = 20_000 // Pebble blocks the 4,096th batch that waits for a sync
	fs := newFaults(vfs.NewMem())
	o := testOptions(t, fs)
	o.MemTableBytes = 64 << 20
	s := mustOpen(t, o)
	greedy, modest := mustDocument(t, s, "greedy"), mustDocument(t, s, "modest")
	// A write buffer that fills up changes the log file, which waits for the
	// disk in any case: let it grow first, so that what follows fits.
	grow := mustDocument(t, s, "grow")
	for range 100 {
		mustAppend(t, grow, string(make([]byte, 150<<10)))
	}
	waitDurable(t, grow, 100)
	if err := s.db.Flush(); err != nil { // begins an empty one, twice the size
		t.Fatal(err)
	}
	before := s.Stats().Groups
	_, release := fs.holdSyncs()
	defer release()
	var calls []uint64
	done := make(chan struct{})
	greedy.OnDurable(func(seq uint64) {
		calls = append(calls, seq)
		if seq == entries {
			close(done)
		}
	})
	for range entries {
		mustAppend(t, greedy, "x")
	}
	mustAppend(t, modest, "y")
	if got := greedy.Durable() + modest.Durable(); got != 0 {
		t.Errorf("durable while the sync is held: got %d, want 0", got)
	}
	// Anybody else's commit must pass Pebble's semaphores without waiting.
	passed := make(chan error, 1)
	go func() { passed <- s.db.Set([]byte{0xff}, nil, pebble.NoSync) }()
	select {
	case err := <-passed:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(30 * time.Second):
		t.Error("a commit waits: Pebble's queue is full")
	}
	if st := s.Stats(); st.Groups-before > maxSyncing+3 || st.WaitingEntries != entries+1 {
		t.Errorf("Stats while the sync is held: %d groups, %d waiting", st.Groups-before, st.WaitingEntries)
	}
	release()
	select {
	case <-done:
	case <-time.After(30 * time.Second):
		t.Fatalf("not durable within 30 s: %d", greedy.Durable())
	}
	for i := 1; i < len(calls); i++ {
		if calls[i] <= calls[i-1] {
			t.Fatalf("callbacks out of order: %d after %d", calls[i], calls[i-1])
		}
	}
	waitDurable(t, modest, 1)
	if st := s.Stats(); st.WaitingEntries != 0 || st.WaitingBytes != 0 || st.LargestGroup < 1000 {
		t.Errorf("Stats at the end: got %+v", st)
	}
}

// TestAppendBlocksWhenTooMuchWaits also shows that a lone append waits for no
// timer: the clock of the bubble stands still as long as nobody sleeps.
func TestAppendBlocksWhenTooMuchWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fs := newFaults(vfs.NewMem())
		o := testOptions(t, fs)
		o.MaxWaitingBytes = 1000
		s := mustOpen(t, o)
		d := mustDocument(t, s, "d")
		begin := time.Now()
		waitDurable(t, d, mustAppend(t, d, "lone"))
		if took := time.Since(begin); took != 0 {
			t.Errorf("a lone append took %v on the bubble's clock, want none", took)
		}

		_, release := fs.holdSyncs()
		defer release()
		mustAppend(t, d, string(make([]byte, 5000))) // one is always let through
		returned := false
		go func() {
			mustAppend(t, d, "waits")
			returned = true
		}()
		synctest.Wait()
		if returned || d.Last() != 2 {
			t.Errorf("Append returned (%v, last %d) while too much waits for the disk", returned, d.Last())
		}
		release()
		synctest.Wait()
		if !returned || d.Durable() != 3 {
			t.Errorf("after the sync: Append returned %v, durable %d, want 3", returned, d.Durable())
		}
		d.Close()
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
}
