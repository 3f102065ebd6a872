package crdt_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/weftsync/weft/crdt"
	"github.com/weftsync/weft/crdt/lib0"
)

// Shapes that once cost the square of their size, and that a peer may send.

// at is an update of one character of a client in root t: at its start, or
// behind an operation, or between two.
func at(client, clock uint64, origins ...uint64) []byte {
	u := lib0.AppendUint(lib0.AppendUint([]byte{1, 1}, client), clock)
	switch len(origins) {
	case 0:
		u = append(u, 4, 1, 1, 't')
	case 2:
		u = append(u, 0x84)
	case 4:
		u = append(u, 0xC4)
	}
	for _, n := range origins {
		u = lib0.AppendUint(u, n)
	}
	return append(u, 1, 'x', 0)
}

func benchmarkApply(b *testing.B, updates [][]byte) {
	b.ReportAllocs()
	for b.Loop() {
		d := crdt.New(crdt.Options{ClientID: 1})
		for _, u := range updates {
			apply(b, d, u)
		}
	}
}

func BenchmarkConflicts(b *testing.B) {
	const n = 8000
	shuffled := rand.New(rand.NewPCG(1, 1)).Perm(n)
	orders := map[string]func(i int) int{
		"ascending": func(i int) int { return i }, "descending": func(i int) int { return n - i },
		"shuffled": func(i int) int { return shuffled[i] },
	}
	for _, name := range []string{"ascending", "descending", "shuffled"} {
		b.Run(name+"/start", func(b *testing.B) {
			var us [][]byte
			for i := range n {
				us = append(us, at(uint64(10+orders[name](i)), 0))
			}
			benchmarkApply(b, us)
		})
		b.Run(name+"/between", func(b *testing.B) {
			us := [][]byte{at(2, 0), at(2, 1, 2, 0)}
			for i := range n {
				us = append(us, at(uint64(10+orders[name](i)), 0, 2, 0, 2, 1))
			}
			benchmarkApply(b, us)
		})
	}
}

func BenchmarkCutOneString(b *testing.B) {
	const n = 150_000
	d := crdt.New(crdt.Options{ClientID: 5})
	text := d.Text("t")
	us := make([][]byte, 0, n)
	random := rand.New(rand.NewPCG(1, 1))
	for i := range n + 1 {
		u, err := d.Update(func(tx *crdt.Tx) error {
			if i == 0 {
				return text.Insert(tx, 0, strings.Repeat("x", 2*n))
			}
			return text.Insert(tx, random.IntN(2*n), "y")
		})
		if err != nil {
			b.Fatal(err)
		}
		us = append(us, u)
	}
	benchmarkApply(b, us)
}

func BenchmarkWaitingClients(b *testing.B) {
	const n = 2000
	var us [][]byte
	for i := range uint64(n) {
		us = append(us, at(10+i, 0, 5, i))
	}
	us = append(us, at(5, 0))
	for i := range uint64(n - 1) {
		us = append(us, at(5, i+1, 5, i))
	}
	benchmarkApply(b, us)
}

func BenchmarkTypingWhileDeletesWait(b *testing.B) {
	const n = 100_000
	deletes := lib0.AppendUint([]byte{0, 1, 9}, n)
	for i := range uint64(n) {
		deletes = append(lib0.AppendUint(deletes, 2*i+1), 1)
	}
	d := crdt.New(crdt.Options{ClientID: 1})
	apply(b, d, deletes)
	apply(b, d, at(5, 0))
	b.ReportAllocs()
	for i := uint64(1); b.Loop(); i++ {
		apply(b, d, at(5, i, 5, i-1))
	}
}

func BenchmarkManyRoots(b *testing.B) {
	d := crdt.New(crdt.Options{ClientID: 5})
	if err := d.Transact(func(tx *crdt.Tx) error {
		for i := range 50_000 {
			if err := d.Text(fmt.Sprint(i)).Insert(tx, 0, "x"); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		b.Fatal(err)
	}
	b.Run("encode", func(b *testing.B) {
		for b.Loop() {
			encoded(b, d)
		}
	})
	b.Run("apply", func(b *testing.B) { benchmarkApply(b, [][]byte{encoded(b, d)}) })
}

// benchmarkEdits measures n edits of a text of n items.
func benchmarkEdits(b *testing.B, n int, prepare func(d *crdt.Doc, t *crdt.Text), edit func(tx *crdt.Tx, t *crdt.Text, i int) error) {
	b.Helper()
	for b.Loop() {
		b.StopTimer()
		d := crdt.New(crdt.Options{ClientID: 5})
		text := d.Text("t")
		if err := d.Transact(func(tx *crdt.Tx) error {
			for range n {
				if err := text.Insert(tx, 0, "x"); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			b.Fatal(err)
		}
		prepare(d, text)
		b.StartTimer()
		for i := range n {
			if err := d.Transact(func(tx *crdt.Tx) error { return edit(tx, text, i) }); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/edit")
}

func BenchmarkDeleteFromTheFront(b *testing.B) {
	benchmarkEdits(b, 10_000, func(*crdt.Doc, *crdt.Text) {}, func(tx *crdt.Tx, t *crdt.Text, _ int) error { return t.Delete(tx, 0, 1) })
}

func BenchmarkTypeIntoFormattedText(b *testing.B) {
	benchmarkEdits(b, 10_000, func(d *crdt.Doc, t *crdt.Text) {
		if err := d.Transact(func(tx *crdt.Tx) error { return t.Format(tx, 10, 10, crdt.Attrs{"b": true}) }); err != nil {
			b.Fatal(err)
		}
	}, func(tx *crdt.Tx, t *crdt.Text, i int) error { return t.Insert(tx, 5000+i, "y") })
}

func BenchmarkUndoCapture(b *testing.B) {
	random := rand.New(rand.NewPCG(1, 1))
	for name, timeout := range map[string]time.Duration{"one step": time.Hour, "many steps": -1} {
		b.Run(name, func(b *testing.B) {
			benchmarkEdits(b, 10_000, func(d *crdt.Doc, t *crdt.Text) { d.NewUndoManager(crdt.UndoOptions{CaptureTimeout: timeout}) },
				func(tx *crdt.Tx, t *crdt.Text, _ int) error { return t.Delete(tx, random.IntN(t.Len()), 1) })
		})
	}
}

func BenchmarkDeltaOfOneEdit(b *testing.B) {
	benchmarkEdits(b, 10_000, func(d *crdt.Doc, t *crdt.Text) { t.Observe(func(e *crdt.Event) { e.Delta() }) },
		func(tx *crdt.Tx, t *crdt.Text, i int) error { return t.Insert(tx, i, "y") })
}
