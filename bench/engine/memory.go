package engine

import (
	"fmt"
	"runtime"

	"github.com/weftsync/weft/crdt"
)

// heap returns the bytes that live on the heap after collecting twice, the second time for what finalizers freed.
func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// kept makes copies of a document and returns how much the heap grew by each. Several copies make what else lives on
// the heap count less.
func (s *Subject) kept(make func(whole *Document) (*crdt.Doc, error)) (Sample, error) {
	const copies = 4
	whole, err := s.Document()
	if err != nil {
		return Sample{}, err
	}
	docs := [copies]*crdt.Doc{}
	before := heap()
	for i := range docs {
		if docs[i], err = make(whole); err != nil {
			return Sample{}, err
		}
	}
	after := heap()
	for _, doc := range docs {
		if got := doc.RootString(whole.Root); got != whole.Text {
			return Sample{}, fmt.Errorf("the text has %d bytes and is not the document's of %d", len(got), len(whole.Text))
		}
	}
	if after <= before {
		return Sample{}, fmt.Errorf("the heap did not grow: %d bytes before, %d after", before, after)
	}
	return Sample{Value: float64(after-before) / copies}, nil
}

func (s *Subject) memoryLoaded() (Sample, error) {
	return s.kept(func(whole *Document) (*crdt.Doc, error) { return Load(whole.V1) })
}

func (s *Subject) memoryLived() (Sample, error) {
	return s.kept(func(*Document) (*crdt.Doc, error) { return ApplyAll(s.Updates) })
}
