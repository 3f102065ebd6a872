package bench

import (
	"errors"
	"os"
	"testing"

	"github.com/weftsync/weft/bench/engine"
	"github.com/weftsync/weft/bench/trace"
	"github.com/weftsync/weft/bench/updates"
	"github.com/weftsync/weft/crdt"
)

const client = 3_141_592_653

// histories are the generated one and, where they are installed, the real ones.
func histories(b *testing.B) []*trace.Trace {
	b.Helper()
	all := []*trace.Trace{trace.Generated(1, 20_000)}
	for _, name := range []string{"automerge-paper", "rustcode", "sveltecomponent", "friendsforever_flat"} {
		h, err := trace.Named(name)
		if errors.Is(err, trace.ErrNoTraces) {
			b.Log(err)
			break
		}
		if err != nil {
			b.Fatal(err)
		}
		all = append(all, h)
	}
	return all
}

// each runs a benchmark for each history. The benchmark is handed the updates and says how many operations one run
// has, so that the time of one can be reported.
func each(b *testing.B, run func(b *testing.B, h *trace.Trace, log *updates.Log) (operations int)) {
	for _, h := range histories(b) {
		log, err := engine.Updates(h, client)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(h.Name, func(b *testing.B) {
			b.ReportAllocs()
			operations := run(b, h, log)
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(operations), "ns/operation")
		})
	}
}

func BenchmarkLocal(b *testing.B) {
	each(b, func(b *testing.B, h *trace.Trace, _ *updates.Log) int {
		for b.Loop() {
			if _, err := engine.ReplayLocal(h, client, nil); err != nil {
				b.Fatal(err)
			}
		}
		return len(h.Txns)
	})
}

func BenchmarkRemote(b *testing.B) {
	each(b, func(b *testing.B, _ *trace.Trace, log *updates.Log) int {
		for b.Loop() {
			if _, err := engine.ApplyAll(log); err != nil {
				b.Fatal(err)
			}
		}
		return log.Len()
	})
}

func BenchmarkServe(b *testing.B) {
	each(b, func(b *testing.B, _ *trace.Trace, log *updates.Log) int {
		for b.Loop() {
			if _, _, err := engine.Serve(log); err != nil {
				b.Fatal(err)
			}
		}
		return log.Len()
	})
}

func BenchmarkLoad(b *testing.B) {
	each(b, func(b *testing.B, h *trace.Trace, log *updates.Log) int {
		whole := encoded(b, log)
		for b.Loop() {
			doc, err := engine.Load(whole)
			if err != nil {
				b.Fatal(err)
			}
			if got := doc.RootString(engine.Root); len(got) != len(h.End) {
				b.Fatalf("the text has %d bytes, want %d", len(got), len(h.End))
			}
		}
		return 1
	})
}

func BenchmarkEncode(b *testing.B) {
	each(b, func(b *testing.B, _ *trace.Trace, log *updates.Log) int {
		doc, err := engine.ApplyAll(log)
		if err != nil {
			b.Fatal(err)
		}
		for b.Loop() {
			if err := doc.Transact(func(*crdt.Tx) error { return nil }); err != nil { // or the last encoding is returned
				b.Fatal(err)
			}
			if _, err := doc.EncodeStateAsUpdate(nil); err != nil {
				b.Fatal(err)
			}
		}
		return 1
	})
}

func BenchmarkLoadV2(b *testing.B) {
	each(b, func(b *testing.B, h *trace.Trace, log *updates.Log) int {
		whole, err := crdt.ConvertUpdateV1ToV2(encoded(b, log))
		if err != nil {
			b.Fatal(err)
		}
		for b.Loop() {
			doc, err := engine.LoadV2(whole)
			if err != nil {
				b.Fatal(err)
			}
			if got := doc.RootString(engine.Root); len(got) != len(h.End) {
				b.Fatalf("the text has %d bytes, want %d", len(got), len(h.End))
			}
		}
		return 1
	})
}

func BenchmarkEncodeV2(b *testing.B) {
	each(b, func(b *testing.B, _ *trace.Trace, log *updates.Log) int {
		doc, err := engine.ApplyAll(log)
		if err != nil {
			b.Fatal(err)
		}
		for b.Loop() {
			if err := doc.Transact(func(*crdt.Tx) error { return nil }); err != nil { // or the last encoding is returned
				b.Fatal(err)
			}
			if _, err := doc.EncodeStateAsUpdateV2(nil); err != nil {
				b.Fatal(err)
			}
		}
		return 1
	})
}

func BenchmarkDiff(b *testing.B) {
	each(b, func(b *testing.B, _ *trace.Trace, log *updates.Log) int {
		half, err := engine.ApplyAll(log.Slice(log.Len() / 2))
		if err != nil {
			b.Fatal(err)
		}
		whole, vector := encoded(b, log), half.EncodeStateVector()
		for b.Loop() {
			if _, err := crdt.DiffUpdate(whole, vector); err != nil {
				b.Fatal(err)
			}
		}
		return 1
	})
}

func BenchmarkVectorOfUpdate(b *testing.B) {
	each(b, func(b *testing.B, _ *trace.Trace, log *updates.Log) int {
		whole := encoded(b, log)
		for b.Loop() {
			if _, err := crdt.StateVectorFromUpdate(whole); err != nil {
				b.Fatal(err)
			}
		}
		return 1
	})
}

func encoded(b *testing.B, log *updates.Log) []byte {
	b.Helper()
	doc, err := engine.ApplyAll(log)
	if err != nil {
		b.Fatal(err)
	}
	whole, err := doc.EncodeStateAsUpdate(nil)
	if err != nil {
		b.Fatal(err)
	}
	return whole
}

func BenchmarkRandomInsert(b *testing.B) {
	s, err := engine.NewScatter(100_000)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := s.Insert(1); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkPrepend100000(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := engine.Prepend(100_000); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkMapSetManyClients(b *testing.B) {
	c, err := engine.NewCrowd(1_549)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := c.Set(1); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkLoadDocument loads the whole documents of the Eg-walker paper's data sets.
func BenchmarkLoadDocument(b *testing.B) {
	documents, err := trace.Documents()
	if errors.Is(err, trace.ErrNoTraces) {
		b.Skip(err)
	}
	if err != nil {
		b.Fatal(err)
	}
	for _, document := range documents {
		whole, err := os.ReadFile(document.Path)
		if err != nil {
			b.Fatal(err)
		}
		v1, err := crdt.ConvertUpdateV2ToV1(whole)
		if err != nil {
			b.Fatal(err)
		}
		load := func(name string, apply func(*crdt.Doc) (crdt.Applied, error)) {
			b.Run(document.Name+"/"+name, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if _, err := apply(crdt.New(crdt.Options{ClientID: 1, KeepMarks: true})); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
		load("V1", func(d *crdt.Doc) (crdt.Applied, error) { return d.ApplyUpdate(v1, crdt.WithoutUpdate()) })
		load("V2", func(d *crdt.Doc) (crdt.Applied, error) { return d.ApplyUpdateV2(whole, crdt.WithoutUpdate()) })
	}
}
