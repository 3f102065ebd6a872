package crdt_test

import (
	"errors"
	"sync"
	"testing"

	"github.com/weftsync/weft/bench/trace"
	"github.com/weftsync/weft/crdt"
)

// typed is a history as single updates and as one, made once: automerge-paper
// where the real histories are, else a generated one.
type typed struct {
	updates     [][]byte
	state       []byte // the document
	half        []byte // a state vector of about half of it
	state2      []byte // in V2
	updatesInV2 [][]byte
}

var typing = sync.OnceValues(func() (*typed, error) {
	tr, err := trace.Named("automerge-paper")
	if errors.Is(err, trace.ErrNoTraces) {
		tr, err = trace.Generated(1, 20_000), nil
	}
	if err != nil {
		return nil, err
	}
	h := &typed{}
	doc := crdt.New(crdt.Options{ClientID: 3_141_592_653})
	a := &author{doc: doc, text: doc.Text("text")}
	for i, txn := range tr.Txns {
		u, err := a.Edit(txn.Patches)
		if err != nil {
			return nil, err
		}
		if i == len(tr.Txns)/2 {
			h.half = doc.EncodeStateVector()
		}
		if u != nil {
			h.updates = append(h.updates, u)
		}
	}
	for _, u := range h.updates[:min(10_000, len(h.updates))] {
		c, err := crdt.ConvertUpdateV1ToV2(u)
		if err != nil {
			return nil, err
		}
		h.updatesInV2 = append(h.updatesInV2, c)
	}
	if h.state, err = doc.EncodeStateAsUpdate(nil); err != nil {
		return nil, err
	}
	h.state2, err = doc.EncodeStateAsUpdateV2(nil)
	return h, err
})

// benchTools runs a benchmark of work on an encoded history.
func benchTools(b *testing.B, work func(h *typed) ([]byte, error)) {
	h, err := typing()
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		out, err := work(h)
		if err != nil || len(out) == 0 {
			b.Fatalf("%d bytes: %v", len(out), err)
		}
	}
}

func BenchmarkMerge10000(b *testing.B) {
	benchTools(b, func(h *typed) ([]byte, error) { return crdt.MergeUpdates(h.updates[:min(10_000, len(h.updates))]...) })
}

func BenchmarkMergeAll(b *testing.B) {
	benchTools(b, func(h *typed) ([]byte, error) { return crdt.MergeUpdates(h.updates...) })
}

// BenchmarkMergeLog merges what a log mostly is: a snapshot, and what came after it.
func BenchmarkMergeLog(b *testing.B) {
	var log [][]byte
	benchTools(b, func(h *typed) ([]byte, error) {
		if log == nil {
			n := len(h.updates) - 1000
			doc := crdt.New(crdt.Options{})
			for _, u := range h.updates[:n] {
				if _, err := doc.ApplyUpdate(u); err != nil {
					return nil, err
				}
			}
			snapshot, err := doc.EncodeStateAsUpdate(nil)
			if err != nil {
				return nil, err
			}
			log = append([][]byte{snapshot}, h.updates[n:]...)
		}
		return crdt.MergeUpdates(log...)
	})
}

func BenchmarkMerge10000V2(b *testing.B) {
	benchTools(b, func(h *typed) ([]byte, error) { return crdt.MergeUpdatesV2(h.updatesInV2...) })
}

func BenchmarkDiff(b *testing.B) {
	benchTools(b, func(h *typed) ([]byte, error) { return crdt.DiffUpdate(h.state, h.half) })
}

func BenchmarkIndex(b *testing.B) {
	benchTools(b, func(h *typed) ([]byte, error) {
		_, err := crdt.IndexUpdate(h.state)
		return h.state, err
	})
}

func BenchmarkDiffIndexed(b *testing.B) {
	var ix *crdt.UpdateIndex
	benchTools(b, func(h *typed) (_ []byte, err error) {
		if ix == nil {
			if ix, err = crdt.IndexUpdate(h.state); err != nil {
				return nil, err
			}
		}
		return ix.Diff(h.half)
	})
}

func BenchmarkDiffAll(b *testing.B) {
	benchTools(b, func(h *typed) ([]byte, error) { return crdt.DiffUpdate(h.state, nil) })
}

func BenchmarkDiffV2(b *testing.B) {
	benchTools(b, func(h *typed) ([]byte, error) { return crdt.DiffUpdateV2(h.state2, h.half) })
}

func BenchmarkStateVector(b *testing.B) {
	benchTools(b, func(h *typed) ([]byte, error) { return crdt.StateVectorFromUpdate(h.state) })
}

func BenchmarkConvertToV2(b *testing.B) {
	benchTools(b, func(h *typed) ([]byte, error) { return crdt.ConvertUpdateV1ToV2(h.state) })
}

func BenchmarkConvertToV1(b *testing.B) {
	benchTools(b, func(h *typed) ([]byte, error) { return crdt.ConvertUpdateV2ToV1(h.state2) })
}

func BenchmarkValidate(b *testing.B) {
	benchTools(b, func(h *typed) ([]byte, error) { return h.state, crdt.ValidateUpdate(h.state) })
}

// BenchmarkValidateLarge is of an update in which clients are counted, because it could have too many.
func BenchmarkValidateLarge(b *testing.B) {
	var large []byte
	benchTools(b, func(h *typed) (_ []byte, err error) {
		if large == nil {
			if large, err = crdt.MergeUpdates(h.updates...); err != nil {
				return nil, err
			}
		}
		return large, crdt.ValidateUpdate(large)
	})
}
