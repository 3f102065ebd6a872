package storage

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// The flip tests change one bit of one file of a data directory, for many seeds,
// and count what becomes of it. WEFT_FLIP_SEEDS sets how many for each kind.

func flipSeeds(tb testing.TB, few int) int {
	v := os.Getenv("WEFT_FLIP_SEEDS")
	if v == "" {
		return few
	}
	n, err := strconv.Atoi(v)
	if err != nil {
		tb.Fatalf("WEFT_FLIP_SEEDS: %v", err)
	}
	return n
}

// outcome is what became of a damaged directory.
type outcome string

const (
	harmless outcome = "nothing lost"         // everything is there: the bit meant nothing
	refused  outcome = "refused to start"     // ErrCorrupt
	otherErr outcome = "refused, another way" // any other error of Open
	partly   outcome = "documents refused"    // ErrCorruptDocument, the others whole
	silent   outcome = "silent loss"          // entries are gone and nothing said so
	wrong    outcome = "other data"           // something that was never written
)

// flipBase is a directory, and what it must hold.
type flipBase struct {
	fs    *vfs.MemFS
	want  map[string][]string // document → its entries
	kinds bool                // it has a record of each of the kinds in flipkinds_test.go, too
	inUse []string            // the tables that are not about to be removed
}

// copyDir copies the files of dir to a file system of their own.
func copyDir(tb testing.TB, from vfs.FS, dir string) *vfs.MemFS {
	tb.Helper()
	to := vfs.NewMem()
	if err := to.MkdirAll(dir, 0o755); err != nil {
		tb.Fatal(err)
	}
	for _, name := range listDir(tb, from, dir) {
		writeFile(tb, to, to.PathJoin(dir, name), readFile(tb, from, from.PathJoin(dir, name)))
	}
	return to
}

func listDir(tb testing.TB, fs vfs.FS, dir string) []string {
	tb.Helper()
	names, err := fs.List(dir)
	if err != nil {
		tb.Fatal(err)
	}
	slices.Sort(names)
	return names
}

func readFile(tb testing.TB, fs vfs.FS, path string) []byte {
	tb.Helper()
	f, err := fs.Open(path)
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	data, err := io.ReadAll(f)
	if err != nil {
		tb.Fatal(err)
	}
	return data
}

func writeFile(tb testing.TB, fs vfs.FS, path string, data []byte) {
	tb.Helper()
	f, err := fs.Create(path, vfs.WriteCategoryUnspecified)
	if err != nil {
		tb.Fatal(err)
	}
	if _, err := f.Write(data); err != nil {
		tb.Fatal(err)
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		tb.Fatal(err)
	}
}

// makeFlipBase writes documents, each append durable before the next, and leaves
// the directory as kill -9 would. With tables set most of it was flushed.
func makeFlipBase(tb testing.TB, seed uint64, tables bool) flipBase {
	tb.Helper()
	rng := rand.New(rand.NewPCG(seed, 11))
	fs := vfs.NewCrashableMem()
	s, err := Open(testOptions(tb, fs))
	if err != nil {
		tb.Fatal(err)
	}
	base := flipBase{want: make(map[string][]string)}
	var docs []*Document
	for i := range 8 {
		docs = append(docs, mustDocument(tb, s, fmt.Sprint("flip/", i)))
	}
	for i := range 600 {
		d := docs[rng.IntN(len(docs))]
		size := 20 + rng.IntN(100)
		// Not larger: Pebble looks for the flipped bit by trying each, which is
		// quadratic in the size of a chunk.
		if rng.IntN(8) == 0 {
			size = rng.IntN(4 << 10)
		}
		update := make([]byte, size)
		for j := range update {
			update[j] = byte(rng.Uint32())
		}
		waitDurable(tb, d, mustAppend(tb, d, string(update)))
		name := d.Info().Name
		base.want[name] = append(base.want[name], string(update))
		if tables && i%150 == 99 {
			if err := s.db.Flush(); err != nil {
				tb.Fatal(err)
			}
		}
	}
	addKinds(tb, s)
	base.kinds = true
	levels, err := s.db.SSTables()
	if err != nil {
		tb.Fatal(err)
	}
	for _, table := range slices.Concat(levels...) {
		base.inUse = append(base.inUse, fmt.Sprintf("%06d.sst", uint64(table.FileNum)))
	}
	// kill -9: what was written is there, synced or not.
	base.fs = fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 100, RNG: rng})
	for _, d := range docs {
		d.Close()
	}
	if err := s.Close(); err != nil {
		tb.Fatal(err)
	}
	return base
}

// judge opens the directory and says what it finds.
func (b flipBase) judge(tb testing.TB, fs vfs.FS) (outcome, error) {
	tb.Helper()
	o := testOptions(tb, fs)
	o.Fatal = func(error) {}
	s, err := Open(o)
	if errors.Is(err, ErrCorrupt) {
		return refused, err
	}
	if err != nil {
		return otherErr, err
	}
	defer func() {
		if err := s.Close(); err != nil {
			tb.Errorf("Close: %v", err)
		}
	}()
	result := harmless
	var first error
	note := func(got outcome, err error) {
		switch {
		case got == harmless:
		case result == wrong || result == silent && got == partly:
		default:
			result, first = got, err
		}
	}
	for name, want := range b.want {
		note(b.judgeDocument(tb, s, name, want))
	}
	if b.kinds {
		for _, k := range flipKinds {
			note(k.judge(tb, s))
		}
	}
	return result, first
}

func (b flipBase) judgeDocument(tb testing.TB, s *Store, name string, want []string) (outcome, error) {
	d, err := s.Document(tb.Context(), name, false)
	if errors.Is(err, ErrCorruptDocument) {
		return partly, err
	}
	if err != nil {
		return silent, err
	}
	defer d.Close()
	var got []string
	err = d.Load(tb.Context(), 0, func(e Entry) error {
		got = append(got, string(e.Update))
		return nil
	})
	switch {
	case len(got) > len(want) || !slices.Equal(got, want[:len(got)]):
		return wrong, fmt.Errorf("%s: %d entries, some of them other than what was written", name, len(got))
	case errors.Is(err, ErrCorruptDocument):
		return partly, err
	case err != nil:
		return wrong, err
	case len(got) < len(want):
		return silent, fmt.Errorf("%s: %d entries of %d", name, len(got), len(want))
	}
	return harmless, nil
}

// flipBit returns the directory with one bit of one of the files that match
// changed; the bit is drawn from all of their bytes alike.
func (b flipBase) flipBit(tb testing.TB, rng *rand.Rand, match func(name string) bool) (*vfs.MemFS, string) {
	tb.Helper()
	fs := copyDir(tb, b.fs, "data")
	total := 0
	var files []string
	for _, name := range listDir(tb, fs, "data") {
		if match(name) {
			files = append(files, name)
			total += len(readFile(tb, fs, fs.PathJoin("data", name)))
		}
	}
	if total == 0 {
		tb.Fatalf("no bytes to flip in %v", listDir(tb, fs, "data"))
	}
	at := rng.IntN(total)
	for _, name := range files {
		path := fs.PathJoin("data", name)
		data := readFile(tb, fs, path)
		if at >= len(data) {
			at -= len(data)
			continue
		}
		bit := rng.IntN(8)
		data[at] ^= 1 << bit
		writeFile(tb, fs, path, data)
		return fs, fmt.Sprintf("%s byte %d of %d bit %d", name, at, len(data), bit)
	}
	panic("unreachable")
}

func hasSuffix(s string) func(string) bool {
	return func(name string) bool { return strings.HasSuffix(name, s) }
}

func hasPrefix(s string) func(string) bool {
	return func(name string) bool { return strings.HasPrefix(name, s) }
}

// count flips a bit for each seed and counts the outcomes. prepare may change
// the directory first.
func (b flipBase) count(t *testing.T, seeds int, match func(string) bool, prepare func(vfs.FS)) map[outcome]int {
	t.Helper()
	counts := make(map[outcome]int)
	for seed := range uint64(seeds) {
		rng := rand.New(rand.NewPCG(seed, 13))
		fs, where := b.flipBit(t, rng, match)
		if prepare != nil {
			prepare(fs)
		}
		got, err := b.judge(t, fs)
		counts[got]++
		if got == silent || got == wrong || got == otherErr {
			t.Logf("seed %d, %s: %s: %v", seed, where, got, err)
		}
	}
	t.Logf("%d seeds: %v", seeds, counts)
	return counts
}

// allowed fails the test on any outcome that is not listed.
func allowed(t *testing.T, counts map[outcome]int, ok ...outcome) {
	t.Helper()
	for got, n := range counts {
		if !slices.Contains(ok, got) {
			t.Errorf("%q %d times, allowed are %q", got, n, ok)
		}
	}
}

func removeMark(tb testing.TB) func(vfs.FS) {
	return func(fs vfs.FS) {
		if err := fs.Remove(fs.PathJoin("data", markFileName)); err != nil {
			tb.Fatal(err)
		}
	}
}

func TestFlipNothing(t *testing.T) {
	for _, tables := range []bool{false, true} {
		b := makeFlipBase(t, 1, tables)
		if got, err := b.judge(t, copyDir(t, b.fs, "data")); got != harmless {
			t.Errorf("tables %v, without any damage: got %q: %v", tables, got, err)
		}
	}
}

func TestFlipLog(t *testing.T) {
	b := makeFlipBase(t, 1, false)
	counts := b.count(t, flipSeeds(t, 25), hasSuffix(".log"), nil)
	allowed(t, counts, refused, harmless)
	if counts[refused] == 0 {
		t.Error("no flip was detected: the test proves nothing")
	}
	t.Run("without the mark", func(t *testing.T) {
		// What Pebble detects by itself. Not a promise of ours: it is here to
		// tell what the mark is for.
		b.count(t, flipSeeds(t, 25), hasSuffix(".log"), removeMark(t))
	})
}

// TestFlipLogOldFormat is the control: in the format that Pebble takes when it is
// not told, most damage of the log is silent.
func TestFlipLogOldFormat(t *testing.T) {
	const keys = 400
	fs := vfs.NewMem()
	options := &pebble.Options{FS: fs, FormatMajorVersion: pebble.FormatMinSupported, Logger: pebbleLogger{&Store{logger: quiet}}}
	db, err := pebble.Open("data", options.Clone())
	if err != nil {
		t.Fatal(err)
	}
	for i := range keys {
		if err := db.Set(fmt.Appendf(nil, "%04d", i), make([]byte, 200), pebble.Sync); err != nil {
			t.Fatal(err)
		}
	}
	base := flipBase{fs: copyDir(t, fs, "data")}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	detected, lost := 0, 0
	for seed := range uint64(40) {
		damaged, _ := base.flipBit(t, rand.New(rand.NewPCG(seed, 13)), hasSuffix(".log"))
		o := options.Clone()
		o.FS = damaged
		db, err := pebble.Open("data", o)
		if err != nil {
			detected++
			continue
		}
		if _, closer, err := db.Get(fmt.Appendf(nil, "%04d", keys-1)); err != nil {
			lost++
		} else {
			_ = closer.Close()
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("oldest format: of 40 flips %d detected, %d lost the end of the log in silence", detected, lost)
	if lost == 0 {
		t.Error("nothing was lost: the pin of the format would be without use")
	}
}

// TestLogHasSyncOffsets looks at the log of a store that was made just now.
func TestLogHasSyncOffsets(t *testing.T) {
	fs := vfs.NewMem()
	s := mustOpen(t, testOptions(t, fs))
	d := mustDocument(t, s, "d")
	waitDurable(t, d, mustAppend(t, d, "x"))
	if got := s.db.FormatMajorVersion(); got < pebble.FormatWALSyncChunks || got != pebbleFormat {
		t.Errorf("format is %d, want %d", got, pebbleFormat)
	}
	logs := 0
	for _, name := range listDir(t, fs, "data") {
		data := readFile(t, fs, fs.PathJoin("data", name))
		if !strings.HasSuffix(name, ".log") || len(data) == 0 {
			continue
		}
		logs++
		const walSyncFull, walSyncLast = 9, 12 // chunk types that carry the synced offset
		if kind := data[6]; kind < walSyncFull || kind > walSyncLast {
			t.Errorf("%s begins with a chunk of type %d: its damage would not be detected", name, kind)
		}
	}
	if logs == 0 {
		t.Error("no log found")
	}
}

func TestFlipManifest(t *testing.T) {
	b := makeFlipBase(t, 2, true)
	counts := b.count(t, flipSeeds(t, 40), hasPrefix("MANIFEST"), nil)
	allowed(t, counts, refused, harmless)
	if counts[refused] == 0 {
		t.Error("no flip was detected: the test proves nothing")
	}
	t.Run("without the mark", func(t *testing.T) {
		b.count(t, flipSeeds(t, 40), hasPrefix("MANIFEST"), removeMark(t))
	})
}

func TestFlipTable(t *testing.T) {
	b := makeFlipBase(t, 3, true)
	inUse := func(name string) bool { return slices.Contains(b.inUse, name) }
	counts := b.count(t, flipSeeds(t, 12), inUse, nil)
	allowed(t, counts, partly, harmless, refused)
	if counts[partly] == 0 {
		t.Error("no flip was detected in a document: the test proves nothing")
	}
}

func TestFlipMark(t *testing.T) {
	b := makeFlipBase(t, 4, false)
	allowed(t, b.count(t, flipSeeds(t, 40), hasPrefix(markFileName), nil), harmless)
}

func TestFlipOptions(t *testing.T) {
	b := makeFlipBase(t, 5, true)
	allowed(t, b.count(t, flipSeeds(t, 40), hasPrefix("OPTIONS"), nil), harmless, refused, otherErr)
}
