package server

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/weftsync/weft/bench/engine"
	"github.com/weftsync/weft/bench/trace"
	"github.com/weftsync/weft/crdt"
	"github.com/weftsync/weft/storage"
)

// TestTracesOnDisk says how many bytes each real history takes on disk: all of its entries, compacted in the background as
// the server does by default, compacted by hand at its end, and with history on. The text that comes back is compared each
// time. Without real histories it takes a generated one.
func TestTracesOnDisk(t *testing.T) {
	traces := []*trace.Trace{trace.Generated(1, 3000)}
	if files, err := trace.Real(); err == nil {
		traces = nil
		for _, file := range files {
			tr, err := trace.Load(file)
			if err != nil {
				t.Fatal(err)
			}
			traces = append(traces, tr)
		}
	}
	t.Log("trace | entries | their bytes | on disk: all entries | in the background | by hand | with history | state V1 | V2")
	for _, tr := range traces {
		h := &historyOnDisk{t: t, trace: tr}
		h.replay()
		row := []any{tr.Name, len(h.updates), h.bytes}
		row = append(row, h.onDisk(storage.History{}, false, 0), h.onDisk(storage.History{}, true, 0), h.onDisk(storage.History{}, true, 2))
		row = append(row, h.onDisk(storage.History{On: true}, true, 0), h.v1, h.v2)
		t.Log(strings.ReplaceAll(strings.TrimSpace(fmt.Sprintln(row...)), " ", " | "))
	}
}

// historyOnDisk is a history as a server receives it.
type historyOnDisk struct {
	t       *testing.T
	trace   *trace.Trace
	updates [][]byte
	bytes   int
	v1, v2  int // of the encoded state
	end     string
}

// traceAuthor is one of a history: its updates are kept in the order of the history.
type traceAuthor struct {
	doc  *crdt.Doc
	keep func([]byte)
}

func (a *traceAuthor) Edit(patches []trace.Patch) ([]byte, error) {
	update, err := engine.Edit(a.doc, a.doc.Text(engine.Root), patches)
	if len(update) == 0 {
		update = emptyUpdate
	}
	a.keep(update)
	return update, err
}

func (a *traceAuthor) Apply(update []byte) error {
	_, err := a.doc.ApplyUpdate(update)
	return err
}

// replay replays the history and keeps its updates.
func (h *historyOnDisk) replay() {
	h.t.Helper()
	keep := func(update []byte) {
		h.updates = append(h.updates, update)
		h.bytes += len(update)
	}
	var doc *crdt.Doc
	if h.trace.Concurrent {
		_, err := h.trace.Replay(func(agent int) (trace.Replica, error) {
			a := &traceAuthor{crdt.New(crdt.Options{ClientID: uint64(agent) + 1}), keep}
			doc = a.doc
			return a, nil
		})
		if err != nil {
			h.t.Fatal(err)
		}
	} else {
		var err error
		if doc, err = engine.ReplayLocal(h.trace, 7, keep); err != nil {
			h.t.Fatal(err)
		}
	}
	h.end = doc.RootString(engine.Root)
	if h.end != h.trace.End {
		h.t.Fatalf("%s: the replayed text is not the end of the history", h.trace.Name)
	}
	v1, err := doc.EncodeStateAsUpdate(nil)
	if err != nil {
		h.t.Fatal(err)
	}
	v2, err := doc.EncodeStateAsUpdateV2(nil)
	if err != nil {
		h.t.Fatal(err)
	}
	h.v1, h.v2 = len(v1), len(v2)
}

// onDisk appends the history to a log and returns the bytes of the tables that it takes: compacted where the server would, if
// background is set, and so many times at the end.
func (h *historyOnDisk) onDisk(kept storage.History, background bool, byHand int) (bytes int64) {
	t := h.t
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	fs := vfs.NewMem()
	o := storage.Options{Dir: "data", FS: fs, ReserveBytes: -1, History: kept}
	s, err := storage.Open(o)
	must(err)
	d, err := s.Document(t.Context(), "d", true)
	must(err)
	compact := func() {
		must(settle(d))
		_, err := d.Merge(t.Context(), MergeLog)
		must(err)
	}
	for i, update := range h.updates {
		if i == len(h.updates)-1 && byHand > 1 {
			compact() // the generation that stays is then one entry long
		}
		_, err := d.Append(storage.Entry{User: "ada", Update: update})
		must(err)
		if background && i%64 == 0 {
			must(settle(d))
			if (storage.CompactionOptions{}).Due(d.Info(), time.Time{}) {
				compact()
			}
		}
	}
	must(settle(d))
	if byHand > 0 {
		compact()
	}
	d.Close()
	must(s.Rewrite(t.Context()))
	must(s.Close())

	s, err = storage.Open(o)
	must(err)
	d, err = s.Document(t.Context(), "d", false)
	must(err)
	doc := newEngine()
	must(d.Load(t.Context(), 0, func(e storage.Entry) error { _, err := doc.ApplyUpdate(e.Update); return err }))
	if doc.RootString(engine.Root) != h.end {
		t.Errorf("%s: the text that comes back is another", h.trace.Name)
	}
	if kept.On {
		n := 0
		must(d.Changes(t.Context(), 0, func(storage.Change) bool { n++; return true }))
		if n != len(h.updates) {
			t.Errorf("%s: %d entries are kept, want all %d", h.trace.Name, n, len(h.updates))
		}
	}
	d.Close()
	must(s.Close())
	files, err := fs.List("data")
	must(err)
	for _, name := range files {
		if strings.HasSuffix(name, ".sst") || strings.HasSuffix(name, ".blob") {
			info, err := fs.Stat(fs.PathJoin("data", name))
			must(err)
			bytes += info.Size()
		}
	}
	return bytes
}
