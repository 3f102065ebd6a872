package bench

import (
	"errors"
	"runtime"
	"runtime/metrics"
	"testing"

	"github.com/weftsync/weft/bench/engine"
	"github.com/weftsync/weft/bench/trace"
	"github.com/weftsync/weft/crdt"
)

const (
	residents = 1000 // documents in memory
	edited    = 100  // of them
)

// BenchmarkResident keeps many large documents in memory and types into some of them in turn, ten characters at a place
// and then elsewhere; an operation is a keystroke with its update. Beside its time it reports what a document holds of
// the heap, in how many objects, which is what a collector has to visit, and the collector's share of the CPU time
// while the editing goes on.
func BenchmarkResident(b *testing.B) {
	h, err := trace.Named("automerge-paper")
	if errors.Is(err, trace.ErrNoTraces) {
		h, err = trace.Generated(1, 20_000), nil
	}
	if err != nil {
		b.Fatal(err)
	}
	log, err := engine.Updates(h, client)
	if err != nil {
		b.Fatal(err)
	}
	whole := encoded(b, log)

	before := heap()
	docs := make([]*crdt.Doc, residents)
	for i := range docs {
		if docs[i], err = engine.Load(whole); err != nil {
			b.Fatal(err)
		}
	}
	after := heap()
	texts := make([]*crdt.Text, edited)
	for i := range texts {
		texts[i] = docs[i].Text(engine.Root)
	}

	next := engine.Random(1)
	places := make([]int, edited)
	gc, all := cpuSeconds()
	keystrokes := 0
	for b.Loop() {
		i := keystrokes % edited
		text := texts[i]
		if keystrokes/edited%10 == 0 {
			places[i] = next(text.Len() + 1)
		}
		if _, err := docs[i].Update(func(tx *crdt.Tx) error { return text.Insert(tx, places[i], "x") }); err != nil {
			b.Fatal(err)
		}
		places[i]++
		keystrokes++
	}
	runtime.GC() // the metrics are those of the last cycle
	gcAfter, allAfter := cpuSeconds()
	b.ReportMetric(100*(gcAfter-gc)/(allAfter-all), "gc-%")
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/residents, "heap-B/doc")
	b.ReportMetric(float64(after.HeapObjects-before.HeapObjects)/residents, "objects/doc")
	runtime.KeepAlive(docs)
}

func heap() (m runtime.MemStats) {
	runtime.GC()
	runtime.GC() // what the first one freed of pools
	runtime.ReadMemStats(&m)
	return m
}

// cpuSeconds returns the collector's CPU time, and that of everything but waiting.
func cpuSeconds() (gc, all float64) {
	samples := []metrics.Sample{
		{Name: "/cpu/classes/gc/total:cpu-seconds"}, {Name: "/cpu/classes/total:cpu-seconds"}, {Name: "/cpu/classes/idle:cpu-seconds"},
	}
	metrics.Read(samples)
	return samples[0].Value.Float64(), samples[1].Value.Float64() - samples[2].Value.Float64()
}
