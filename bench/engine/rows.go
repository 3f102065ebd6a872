package engine

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/pprof"
	"time"

	"github.com/weftsync/weft/bench/rusage"
	"github.com/weftsync/weft/bench/trace"
	"github.com/weftsync/weft/bench/updates"
	"github.com/weftsync/weft/bench/yjs"
	"github.com/weftsync/weft/crdt"
)

// A Subject is what rows are measured on.
type Subject struct {
	Trace   *trace.Trace
	Updates *updates.Log // of the trace, as a server receives them
	Client  uint64       // who made them
	Sizes   yjs.Sizes

	whole   []byte   // the document as one update
	scatter *Scatter // kept between measurements, as building it takes long
	crowd   *Crowd
}

// A Sample is one measurement: seconds, or bytes of memory, in all or for each operation, and the CPU time that all
// threads used and what was allocated meanwhile.
type Sample struct {
	Value      float64 `json:"value"`
	CPUSeconds float64 `json:"cpu_seconds"`
	Allocs     float64 `json:"allocations"`
	AllocBytes float64 `json:"allocated_bytes"`
}

// A Row is one kind of work.
type Row struct {
	// Name is short and the same in bench/yjs.
	Name string
	// Work says in words what is done.
	Work string
	// Memory says that the value is bytes, not seconds.
	Memory bool
	// Operations returns how many operations one measurement spans, if its value and allocations are those of all
	// together; nil if they are those of one already.
	Operations func(*Subject) int
	// Measure does the work once.
	Measure func(*Subject) (Sample, error)
}

// Rows returns all rows in the order of the report.
func Rows() []Row {
	txns := func(s *Subject) int { return len(s.Trace.Txns) }
	received := func(s *Subject) int { return s.Updates.Len() }
	merged := func(s *Subject) int { return min(s.Sizes.Merge, s.Updates.Len()) }
	return []Row{
		{Name: "local", Work: "local replay, a transaction each", Operations: txns, Measure: (*Subject).local},
		{Name: "local-update", Work: "local replay, with the update of each", Operations: txns, Measure: (*Subject).local},
		{Name: "remote", Work: "remote: its updates one by one", Operations: received, Measure: (*Subject).remote},
		{Name: "remote-serve", Work: "remote, with state vector and what to send on", Operations: received, Measure: (*Subject).serve},
		{Name: "load", Work: "load V1 to text", Measure: (*Subject).load},
		{Name: "encode", Work: "encode V1", Measure: (*Subject).encode},
		{Name: "merge", Work: "merge 10,000 updates", Operations: merged, Measure: (*Subject).merge},
		{Name: "memory-loaded", Work: "memory, loaded", Memory: true, Measure: (*Subject).memoryLoaded},
		{Name: "memory-lived", Work: "memory, having lived through the edits", Memory: true, Measure: (*Subject).memoryLived},
		{Name: "random-insert", Work: "random insert into 100,000 items, each", Measure: (*Subject).randomInsert},
		{Name: "prepend", Work: "prepend 100,000, each", Measure: (*Subject).prepend},
		{Name: "map-set", Work: "map set with 1,549 clients known, each", Measure: (*Subject).mapSet},
	}
}

// DefaultSizes are the sizes that the rows' words name.
func DefaultSizes() yjs.Sizes {
	return yjs.Sizes{Items: 100_000, Batch: 2_000, Clients: 1_549, Merge: 10_000}
}

// timed runs the work on a collected heap and returns how long it took and what it allocated. In a CPU profile its
// samples carry the label part=timed.
func timed(work func() error) (Sample, error) {
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	var took, cpu time.Duration
	var err error
	pprof.Do(context.Background(), pprof.Labels("part", "timed"), func(context.Context) {
		start, used := time.Now(), rusage.Self()
		err = work()
		took, cpu = time.Since(start), rusage.Self()-used
	})
	runtime.ReadMemStats(&after)
	return Sample{
		Value: took.Seconds(), CPUSeconds: cpu.Seconds(), Allocs: float64(after.Mallocs - before.Mallocs), AllocBytes: float64(after.TotalAlloc - before.TotalAlloc),
	}, err
}

// each turns the sample of n operations into that of one.
func (s Sample) each(n int) Sample {
	return Sample{
		Value: s.Value / float64(n), CPUSeconds: s.CPUSeconds / float64(n), Allocs: s.Allocs / float64(n),
		AllocBytes: s.AllocBytes / float64(n),
	}
}

// replayed times a replay and then checks its text.
func (s *Subject) replayed(replay func() (*crdt.Doc, error)) (Sample, error) {
	var doc *crdt.Doc
	sample, err := timed(func() (err error) {
		doc, err = replay()
		return err
	})
	if err != nil {
		return sample, err
	}
	return sample, CheckText(doc, s.Trace)
}

func (s *Subject) local() (Sample, error) {
	bytes := 0
	sample, err := s.replayed(func() (*crdt.Doc, error) {
		return ReplayLocal(s.Trace, s.Client, func(update []byte) { bytes += len(update) })
	})
	if err == nil && bytes == 0 {
		err = errors.New("no update was made")
	}
	return sample, err
}

func (s *Subject) remote() (Sample, error) {
	return s.replayed(func() (*crdt.Doc, error) { return ApplyAll(s.Updates) })
}

func (s *Subject) serve() (Sample, error) {
	bytes := 0
	sample, err := s.replayed(func() (doc *crdt.Doc, err error) {
		doc, bytes, err = Serve(s.Updates)
		return doc, err
	})
	if err == nil && bytes < s.Updates.Bytes() {
		err = fmt.Errorf("%d bytes to send on, want at least the %d received", bytes, s.Updates.Bytes())
	}
	return sample, err
}

// document returns the history's document as one update.
func (s *Subject) document() ([]byte, error) {
	if s.whole != nil {
		return s.whole, nil
	}
	doc, err := ApplyAll(s.Updates)
	if err != nil {
		return nil, err
	}
	s.whole, err = doc.EncodeStateAsUpdate(nil)
	return s.whole, err
}

func (s *Subject) load() (Sample, error) {
	update, err := s.document()
	if err != nil {
		return Sample{}, err
	}
	text := ""
	sample, err := timed(func() error {
		doc, err := Load(update)
		if err == nil {
			text = doc.RootString(Root)
		}
		return err
	})
	if err == nil && text != s.Trace.End {
		err = errors.New("the text is not the end of the history")
	}
	return sample, err
}

// encode measures a document that was never encoded before, so that no cache can help.
func (s *Subject) encode() (Sample, error) {
	update, err := s.document()
	if err != nil {
		return Sample{}, err
	}
	doc, err := Load(update)
	if err != nil {
		return Sample{}, err
	}
	var got []byte
	sample, err := timed(func() (err error) {
		got, err = doc.EncodeStateAsUpdate(nil)
		return err
	})
	if err == nil && len(got) != len(update) {
		err = fmt.Errorf("encoded again it has %d bytes, before %d", len(got), len(update))
	}
	return sample, err
}

func (s *Subject) merge() (Sample, error) {
	some := s.Updates.Slice(s.Sizes.Merge).All()
	if len(some) < s.Sizes.Merge {
		return Sample{}, fmt.Errorf("the history has only %d updates", len(some))
	}
	return timed(func() error {
		merged, err := crdt.MergeUpdates(some...)
		if err == nil && len(merged) == 0 {
			err = errors.New("merging gives nothing")
		}
		return err
	})
}
