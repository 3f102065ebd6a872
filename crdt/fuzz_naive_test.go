package crdt_test

import (
	"math/rand/v2"
	"testing"

	"github.com/weftsync/weft/crdt/crdttest"
)

// What a byte of a history may stand for.
var (
	fuzzedKinds  = "iiiidddfensuu"
	fuzzedRoots  = "ttttamx"
	fuzzedWords  = []any{"a", "bc", "def ", "long words of a text", "\n", "ü", "日本"}
	fuzzedKeys   = []string{"k", "q", "1"}
	fuzzedTypes  = "tamexhf"
	fuzzedValues = []any{nil, true, 0, 1.5, "v", []any{"a", 1, "two"}, []any{"o", "k", "v"}, []any{"x", "00ff"}}
	fuzzedMarks  = []any{nil, nil, []any{"o", "b", true}, []any{"o", "b", nil}, []any{"o", "i", "x", "b", true}, []any{"o"}}
)

// maxFuzzedSteps bounds a history: the naive document is slow.
const maxFuzzedSteps = 60

// Any bytes are a history of three replicas, and that shows the same in the
// engine and in the naive document.
func FuzzNaiveHistory(f *testing.F) {
	for seed := range uint64(8) {
		random := rand.New(rand.NewPCG(seed, 5))
		history := make([]byte, 150)
		for i := range history {
			history[i] = byte(random.UintN(256))
		}
		f.Add(history)
	}
	f.Fuzz(func(t *testing.T, history []byte) {
		b := bytesOf{history}
		collect := b.next()
		conditions := crdttest.Conditions{Drop: 5, Repeat: 20, Reorder: int(b.next()) % 101}
		h := newTwins(t, 3, rand.New(rand.NewPCG(uint64(b.next()), 0)), conditions,
			func(i int) bool { return collect>>i&1 == 0 }, func(i int) bool { return collect>>i&8 != 0 })
		for range maxFuzzedSteps {
			if len(b.left) == 0 {
				break
			}
			step := int(b.next())
			i := step % 3
			switch step / 3 % 8 {
			default:
				ops := []crdttest.Op{b.op()}
				if step >= 192 {
					ops = append(ops, b.op())
				}
				h.edit(i, ops)
			case 4, 5:
				h.receive(i, 1+step%4, false, step >= 128, step >= 192)
			case 6:
				h.receive(i, 4, true, step >= 128, step >= 192)
			case 7:
				h.ask(i, step/24%3)
			}
			if step%5 == 0 {
				h.compare(i)
			}
		}
		h.finish()
	})
}

// bytesOf gives one byte after the other, and zeros behind the last.
type bytesOf struct{ left []byte }

func (b *bytesOf) next() byte {
	if len(b.left) == 0 {
		return 0
	}
	v := b.left[0]
	b.left = b.left[1:]
	return v
}

// op reads an operation: what and where, at which place, how much of what.
func (b *bytesOf) op() crdttest.Op {
	what, at, how := int(b.next()), int(b.next()), int(b.next())
	op := crdttest.Op{
		Kind:   string(fuzzedKinds[what%len(fuzzedKinds)]),
		Root:   string(fuzzedRoots[what/16%len(fuzzedRoots)]),
		At:     at % 32,
		Count:  how % 8,
		String: fuzzedWords[how%len(fuzzedWords)],
		Value:  fuzzedValues[how%len(fuzzedValues)],
		Key:    fuzzedKeys[how/8%len(fuzzedKeys)],
		Type:   string(fuzzedTypes[how/8%len(fuzzedTypes)]),
		Attrs:  fuzzedMarks[how/16%len(fuzzedMarks)],
	}
	if op.Kind == "e" {
		op.Value = fuzzedValues[1+how%6] // travels as JSON, which has no byte arrays
	}
	for at >= 64 {
		op.Path = append(op.Path, at%3)
		at -= 96
	}
	return op
}
