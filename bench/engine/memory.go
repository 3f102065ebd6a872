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
func (s *Subject) kept(make func() (*crdt.Doc, error)) (Sample, error) {
	const copies = 4
	if _, err := s.document(); err != nil {
		return Sample{}, err
	}
	docs := [copies]*crdt.Doc{}
	before := heap()
	for i := range docs {
		var err error
		if docs[i], err = make(); err != nil {
			return Sample{}, err
		}
	}
	after := heap()
	for _, doc := range docs {
		if err := CheckText(doc, s.Trace); err != nil {
			return Sample{}, err
		}
	}
	if after <= before {
		return Sample{}, fmt.Errorf("the heap did not grow: %d bytes before, %d after", before, after)
	}
	return Sample{Value: float64(after-before) / copies}, nil
}

func (s *Subject) memoryLoaded() (Sample, error) {
	return s.kept(func() (*crdt.Doc, error) { return Load(s.whole) })
}

func (s *Subject) memoryLived() (Sample, error) {
	return s.kept(func() (*crdt.Doc, error) { return ApplyAll(s.Updates) })
}
