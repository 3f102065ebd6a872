package trace

import (
	"math/rand/v2"
	"strings"
	"unicode/utf16"
)

// letters is what a generated author types: mostly small letters and spaces, now and then something that takes two or
// three bytes of UTF-8, now and then two UTF-16 code units.
var letters = []rune("etaoinshrdlucmfwypvbgkjqxz      etaoinshr\n.,äßéжщ中文∑🙂🧵")

// Generated returns a sequential history of n transactions made from a seed: bursts of typing, corrections right
// behind the cursor, jumps, pastes, and transactions with several patches. Each transaction changes something. The same
// seed and n give the same history.
func Generated(seed uint64, n int) *Trace {
	g := &generator{rng: rand.New(rand.NewPCG(seed, 0x77656674)), buffer: NewBuffer("")}
	t := &Trace{Name: "generated", Agents: 1, Txns: make([]Txn, n)}
	for i := range t.Txns {
		t.Txns[i].Patches = g.txn()
	}
	t.End = g.buffer.String()
	return t
}

type generator struct {
	rng    *rand.Rand
	buffer *Buffer
	cursor int // UTF-16 code units
}

func (g *generator) txn() []Patch {
	if g.rng.IntN(30) == 0 {
		g.cursor = g.align(g.rng.IntN(g.buffer.Len() + 1))
	}
	switch k := g.rng.IntN(100); {
	case k < 70 || g.cursor == 0:
		return []Patch{g.splice(0, g.text(1))}
	case k < 90:
		return []Patch{g.splice(g.before(), "")}
	case k < 95:
		return []Patch{g.splice(g.before(), g.text(1+g.rng.IntN(200)))}
	default:
		patches := make([]Patch, 2+g.rng.IntN(3))
		for i := range patches {
			g.cursor = g.align(g.rng.IntN(g.buffer.Len() + 1))
			patches[i] = g.splice(g.before(), g.text(1+g.rng.IntN(3)))
		}
		return patches
	}
}

// splice deletes n units before the cursor and types s there.
func (g *generator) splice(n int, s string) Patch {
	p := Patch{Index: g.cursor - n, Deleted: n, Inserted: s}
	if err := g.buffer.Splice(p.Index, p.Deleted, p.Inserted); err != nil {
		panic("trace: generated a patch outside its own text: " + err.Error())
	}
	g.cursor = p.Index
	for _, r := range s {
		g.cursor += utf16.RuneLen(r)
	}
	return p
}

// before returns the width of one to four characters before the cursor, as far as there are any.
func (g *generator) before() int {
	start := max(0, g.cursor-1-g.rng.IntN(4))
	return g.cursor - g.align(start)
}

// align moves an index off the middle of a surrogate pair.
func (g *generator) align(index int) int {
	if index > 0 && index < g.buffer.Len() && g.buffer.at(index)&0xfc00 == 0xdc00 {
		return index - 1
	}
	return index
}

func (g *generator) text(n int) string {
	var b strings.Builder
	for range n {
		b.WriteRune(letters[g.rng.IntN(len(letters))])
	}
	return b.String()
}
