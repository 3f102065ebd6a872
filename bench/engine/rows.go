package engine

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/pprof"
	"time"

	"github.com/weftsync/weft/bench/peers"
	"github.com/weftsync/weft/bench/rusage"
	"github.com/weftsync/weft/bench/trace"
	"github.com/weftsync/weft/bench/updates"
	"github.com/weftsync/weft/crdt"
)

// A Subject is what rows are measured on. Which of its parts are there depends on the rows.
type Subject struct {
	Name string

	Trace   *trace.Trace
	Updates *updates.Log // of the trace, as a server receives them
	Client  uint64       // who made them
	Sizes   peers.Sizes

	Whole   *Document // made from the updates when it is not there
	Script  *Script   // of a row of crdt-benchmarks
	Hostile *Hostile  // an update that wants to do harm

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
	// Name is short.
	Name string
	// PeerRow is what bench/peers calls it, if not by its name.
	PeerRow string
	// Work says in words what is done.
	Work string
	// Memory says that the value is bytes, not seconds.
	Memory bool
	// Operations returns how many operations one measurement spans, if its value and allocations are those of all
	// together; nil if they are those of one already.
	Operations func(*Subject) int
	// EachOf returns how many operations a measurement has whose value is that of one of them; nil for one.
	EachOf func(*Subject) int
	// Measure does the work once.
	Measure func(*Subject) (Sample, error)
}

// Rows returns the rows on a history, in the order of the report.
func Rows() []Row {
	txns := func(s *Subject) int { return len(s.Trace.Txns) }
	received := func(s *Subject) int { return s.Updates.Len() }
	batch := func(s *Subject) int { return s.Sizes.Batch }
	items := func(s *Subject) int { return s.Sizes.Items }
	merged := func(s *Subject) int { return min(s.Sizes.Merge, s.Updates.Len()) }
	rows := []Row{
		{Name: "local", Work: "local replay, a transaction each", Operations: txns, Measure: (*Subject).local},
		{Name: "local-update", Work: "local replay, with the update of each", Operations: txns, Measure: (*Subject).localUpdate},
		{Name: "remote", Work: "remote: its updates one by one", Operations: received, Measure: (*Subject).remote},
		{Name: "remote-serve", Work: "remote, a server's whole step", Operations: received, Measure: (*Subject).serve},
	}
	rows = append(rows, DocumentRows()...)
	return append(rows,
		Row{Name: "encode-again", Work: "encode V1 again, unchanged", Measure: (*Subject).encodeAgain},
		Row{Name: "memory-lived", Work: "memory, having lived through the edits", Memory: true, Measure: (*Subject).memoryLived},
		Row{Name: "merge", Work: "merge 10,000 updates", Operations: merged, Measure: (*Subject).merge},
		Row{Name: "merge-all", Work: "merge all updates", Operations: received, Measure: (*Subject).mergeAll},
		Row{Name: "diff", Work: "diff of the encoded document to half of it", Measure: (*Subject).diff},
		Row{Name: "vector-of-update", Work: "state vector of the encoded document", Measure: (*Subject).vectorOfUpdate},
		Row{Name: "random-insert", Work: "random insert into 100,000 items, each", EachOf: batch, Measure: (*Subject).randomInsert},
		Row{Name: "prepend", Work: "prepend 100,000, each", EachOf: items, Measure: (*Subject).prepend},
		Row{Name: "map-set", Work: "map set with 1,549 clients known, each", EachOf: batch, Measure: (*Subject).mapSet},
	)
}

// DocumentRows returns the rows on a whole document of which no history is known.
func DocumentRows() []Row {
	return []Row{
		{Name: "load", Work: "load V1 to text", Measure: (*Subject).load},
		{Name: "load-v2", Work: "load V2 to text", Measure: (*Subject).loadV2},
		{Name: "encode", Work: "encode V1", Measure: (*Subject).encode},
		{Name: "encode-v2", Work: "encode V2", Measure: (*Subject).encodeV2},
		{Name: "memory-loaded", Work: "memory, loaded", Memory: true, Measure: (*Subject).memoryLoaded},
	}
}

// DefaultSizes are the sizes that the rows' words name.
func DefaultSizes() peers.Sizes {
	return peers.Sizes{Items: 100_000, Batch: 2_000, Clients: 1_549, Merge: 10_000}
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
	return s.replayed(func() (*crdt.Doc, error) { return ReplayLocal(s.Trace, s.Client, nil) })
}

func (s *Subject) localUpdate() (Sample, error) {
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
