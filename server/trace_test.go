package server

import (
	"context"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/weftsync/weft/bench/trace"
	"github.com/weftsync/weft/crdt"
	"github.com/weftsync/weft/server/history"
	"github.com/weftsync/weft/storage"
)

// TestHistoryOfATrace keeps the whole history of a real document, compacted as it grows, and compares its text at 100
// random sequences with the replayed one. Without real traces it takes a generated one.
func TestHistoryOfATrace(t *testing.T) {
	name := "generated"
	tr := trace.Generated(1, 3000)
	if real, err := trace.Named("automerge-paper"); err == nil {
		tr, name = real, "automerge-paper"
	}
	writer := crdt.New(crdt.Options{ClientID: 7})
	text := writer.Text("content")
	seed := rand.Uint64()
	rng := rand.New(rand.NewPCG(seed, 0))
	samples := make(map[uint64]string)
	for len(samples) < min(100, len(tr.Txns)) {
		samples[1+rng.Uint64N(uint64(len(tr.Txns)))] = ""
	}
	s := newTestServer(t, newDisk(), hooks{}, func(o *Options) {
		o.Storage.History = storage.History{On: true}
		o.Compaction = storage.CompactionOptions{Bytes: -1, Entries: -1, Age: -1}
	})
	d, err := s.store.Document(t.Context(), "d", true)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	for i, txn := range tr.Txns {
		update, err := writer.Update(func(tx *crdt.Tx) error {
			for _, p := range txn.Patches {
				if err := text.Delete(tx, p.Index, p.Deleted); err != nil {
					return err
				}
				if err := text.Insert(tx, p.Index, p.Inserted); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if len(update) == 0 {
			update = emptyUpdate
		}
		seq, err := d.Append(storage.Entry{Update: update})
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := samples[seq]; ok {
			samples[seq] = text.String()
		}
		if (i+1)%8192 == 0 {
			if err := settle(d); err != nil {
				t.Fatal(err)
			}
			if _, err := d.Merge(t.Context(), MergeLog); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := settle(d); err != nil {
		t.Fatal(err)
	}
	var longest, all time.Duration
	for seq, want := range samples {
		began := time.Now()
		doc, err := history.At(context.Background(), d, seq)
		if err != nil {
			t.Fatal(err)
		}
		took := time.Since(began)
		longest, all = max(longest, took), all+took
		if got := doc.RootString("content"); got != want {
			t.Errorf("seed %d: the text at %d has %d bytes, want the %d that were replayed", seed, seq, len(got), len(want))
		}
	}
	info := d.Info()
	var bytes, entries int64
	if err := d.Changes(t.Context(), 0, func(c storage.Change) bool { bytes += c.Bytes; entries++; return true }); err != nil {
		t.Fatal(err)
	}
	t.Logf("%s: %d entries of %d bytes kept, state of %d bytes; a moment in %v, the longest %v", name, entries, bytes, info.Bytes-info.LogBytes, all/time.Duration(len(samples)), longest)
	if entries != int64(len(tr.Txns)) {
		t.Errorf("%d entries are kept, want all %d", entries, len(tr.Txns))
	}
}
