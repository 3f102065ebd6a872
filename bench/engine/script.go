package engine

import (
	"encoding/json"
	"math"
	"slices"
	"strings"

	"github.com/weftsync/weft/bench/trace"
)

// A Script is the input of one row of crdt-benchmarks, the same for all engines. Which parts it has depends on the row.
type Script struct {
	Edits   []trace.Patch // B1: each a transaction
	Numbers []Splice      // B1 on an array: each a transaction
	End     string        // B1: the text, or the array as JSON

	Start         string // B2: what both have
	First, Second []trace.Patch
	Length        int // of the text when both have all, in UTF-16 code units; 0 if that depends on the order

	Kind    string // B3: what all clients do
	Clients int

	Times int // B4: how often the history is replayed
}

// A Splice inserts numbers into an array.
type Splice struct {
	Index  int
	Values []int
}

// MarshalJSON writes the script as bench/peers/scripts.mjs reads it.
func (s *Script) MarshalJSON() ([]byte, error) {
	out := map[string]any{
		"end": s.End, "start": s.Start, "first": triples(s.First), "second": triples(s.Second), "length": s.Length,
		"kind": s.Kind, "clients": s.Clients, "times": s.Times,
	}
	if s.Edits != nil {
		out["edits"] = triples(s.Edits)
	} else {
		edits := make([][2]any, len(s.Numbers))
		for i, n := range s.Numbers {
			edits[i] = [2]any{n.Index, n.Values}
		}
		out["edits"] = edits
	}
	return json.Marshal(out)
}

func triples(patches []trace.Patch) [][3]any {
	out := make([][3]any, len(patches))
	for i, p := range patches {
		out[i] = [3]any{p.Index, p.Deleted, p.Inserted}
	}
	return out
}

// A writer makes random edits of a text and follows it.
type writer struct {
	next  func(below int) int
	text  *trace.Buffer
	edits []trace.Patch
}

func newWriter(seed uint32, start string) *writer {
	return &writer{next: Random(seed), text: trace.NewBuffer(start)}
}

// word returns a word of least to most letters.
func (w *writer) word(least, most int) string {
	b := make([]byte, least+w.next(most-least+1))
	for i := range b {
		b[i] = byte('a' + w.next(26))
	}
	return string(b)
}

func (w *writer) splice(index, deleted int, inserted string) {
	w.edits = append(w.edits, trace.Patch{Index: index, Deleted: deleted, Inserted: inserted})
	if err := w.text.Splice(index, deleted, inserted); err != nil {
		panic("engine: a script edits outside its own text: " + err.Error())
	}
}

// insert inserts a word somewhere.
func (w *writer) insert(least, most int) { w.splice(w.next(w.text.Len()+1), 0, w.word(least, most)) }

// insertOrDelete inserts a word somewhere or deletes up to nine letters.
func (w *writer) insertOrDelete() {
	at := w.next(w.text.Len() + 1)
	if at == w.text.Len() || w.next(2) == 0 {
		w.splice(at, 0, w.word(2, 10))
		return
	}
	w.splice(at, 1+w.next(min(9, w.text.Len()-at)), "")
}

func (w *writer) alone() *Script { return &Script{Edits: w.edits, End: w.text.String()} }

// texts returns the scripts B1.1 to B1.7, n edits each where there are many.
func texts(n int) []*Script {
	appended, whole, prepended, letters, words, deleted, mixed := newWriter(1, ""), newWriter(2, ""), newWriter(3, ""),
		newWriter(4, ""), newWriter(5, ""), newWriter(6, ""), newWriter(7, "")
	for i := range n {
		appended.splice(i, 0, appended.word(1, 1))
		prepended.splice(0, 0, prepended.word(1, 1))
		letters.insert(1, 1)
		words.insert(2, 10)
		mixed.insertOrDelete()
	}
	whole.splice(0, 0, whole.word(n, n))
	deleted.splice(0, 0, deleted.word(n, n))
	deleted.splice(0, n, "")
	var scripts []*Script
	for _, w := range []*writer{appended, whole, prepended, letters, words, deleted, mixed} {
		scripts = append(scripts, w.alone())
	}
	return scripts
}

// numbers returns the scripts B1.8 to B1.11.
func numbers(n int) []*Script {
	next := Random(8)
	number := func() int { return next(math.MaxInt32) }
	appended, whole, prepended, random := &Script{}, &Script{}, &Script{}, &Script{}
	all := []int{}
	for i := range n {
		appended.Numbers = append(appended.Numbers, Splice{i, []int{number()}})
		prepended.Numbers = append(prepended.Numbers, Splice{0, []int{number()}})
		random.Numbers = append(random.Numbers, Splice{next(i + 1), []int{number()}})
		all = append(all, number())
	}
	whole.Numbers = []Splice{{0, all}}
	scripts := []*Script{appended, whole, prepended, random}
	for _, s := range scripts {
		list := []int{}
		for _, n := range s.Numbers {
			list = slices.Insert(list, n.Index, n.Values...)
		}
		end, err := json.Marshal(list)
		if err != nil {
			panic("engine: integers cannot be written as JSON: " + err.Error())
		}
		s.End = string(end)
	}
	return scripts
}

// pairs returns the scripts B2.1 to B2.4.
func pairs(n int) []*Script {
	start := newWriter(9, "").word(100, 100)
	kinds := []struct {
		edit  func(w *writer)
		times int
		sure  bool // the length at the end
	}{
		{func(w *writer) { w.splice(0, 0, w.word(n, n)) }, 1, true},
		{func(w *writer) { w.insert(1, 1) }, n, true},
		{func(w *writer) { w.insert(3, 9) }, n, true},
		{func(w *writer) { w.insert(3, 9); w.insertOrDelete() }, n, false},
	}
	scripts := make([]*Script, len(kinds))
	for i, kind := range kinds {
		first, second := newWriter(uint32(10+2*i), start), newWriter(uint32(11+2*i), start)
		for range kind.times {
			kind.edit(first)
			kind.edit(second)
		}
		scripts[i] = &Script{Start: start, First: first.edits, Second: second.edits}
		if kind.sure {
			scripts[i].Length = first.text.Len() + second.text.Len() - len(start)
		}
	}
	return scripts
}

// A ScriptRow is one row of crdt-benchmarks and its input.
type ScriptRow struct {
	Row
	Script *Script
	// History says that the row replays the subject's history.
	History bool
}

// ScriptRows returns the rows B1 to B3 of crdt-benchmarks with their N, and B4 on a history.
func ScriptRows(n int) []ScriptRow {
	var rows []ScriptRow
	add := func(row string, measure func(*Subject) (Sample, error), scripts []*Script, works ...string) {
		for i, work := range works {
			name, _, _ := strings.Cut(work, " ")
			rows = append(rows, ScriptRow{Row: Row{Name: name, PeerRow: row, Work: work, Measure: measure}, Script: scripts[i]})
		}
	}
	add("script-text", (*Subject).alone, texts(n), "B1.1 append N characters", "B1.2 insert a string of N", "B1.3 prepend N characters",
		"B1.4 N characters at random places", "B1.5 N words at random places", "B1.6 insert a string, delete it", "B1.7 insert and delete at random places")
	add("script-numbers", (*Subject).numbers, numbers(n), "B1.8 append N numbers", "B1.9 insert N numbers at once", "B1.10 prepend N numbers",
		"B1.11 N numbers at random places")
	add("script-both", (*Subject).both, pairs(n), "B2.1 two insert a string at 0", "B2.2 two insert N characters", "B2.3 two insert N words",
		"B2.4 two insert and delete")
	clients := 20 * int(math.Sqrt(float64(n)))
	var crowds []*Script
	for _, kind := range []string{"number", "object", "string", "array", "text"} {
		crowds = append(crowds, &Script{Kind: kind, Clients: clients})
	}
	add("script-crowd", (*Subject).many, crowds, "B3.1 20√N clients set a number", "B3.2 20√N clients set an object", "B3.3 20√N clients set a string",
		"B3.4 20√N clients insert into an array", "B3.5 20√N clients insert into a text")
	for _, b4 := range []struct {
		name, work string
		times      int
	}{{"B4", "B4 a real history", 1}, {"B4x100", "B4×100 the same, 100 times over", 100}} {
		rows = append(rows, ScriptRow{
			Row:    Row{Name: b4.name, PeerRow: "script-paper", Work: b4.work, Measure: (*Subject).paper},
			Script: &Script{Times: b4.times}, History: true,
		})
	}
	return rows
}
