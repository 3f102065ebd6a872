package crdttest

import "math/rand/v2"

// theme says where operations go and what they are, each in shares.
type theme struct {
	roots string // one letter a share
	verbs string // one letter a share
	depth int    // how far into nested types, at most
	marks bool   // formatting
	odd   bool   // values that JavaScript and JSON treat in ways of their own
	crowd bool   // long histories at one place, with few deliveries
}

var themes = []theme{
	{roots: "t", verbs: "iiiiid", depth: 0},
	{roots: "t", verbs: "iiidd", depth: 0},
	{roots: "t", verbs: "iiiiiiiiid", depth: 0, crowd: true},
	{roots: "tamx", verbs: "iiiiiindfs", depth: 1, crowd: true},
	{roots: "t", verbs: "iiiddffffe", depth: 0, marks: true},
	{roots: "t", verbs: "iiddfffensu", depth: 2, marks: true},
	{roots: "a", verbs: "iiidden", depth: 2},
	{roots: "m", verbs: "sssuu", depth: 0},
	{roots: "m", verbs: "sssunn", depth: 3},
	{roots: "x", verbs: "iiiddffnnsu", depth: 4, marks: true},
	{roots: "tamx", verbs: "iiiiddffensuo", depth: 3, marks: true},
	{roots: "ttamx", verbs: "iiiiddensuo", depth: 2, odd: true},
	{roots: "am", verbs: "iiiddnsuo", depth: 4, odd: true},
	{roots: "tamx", verbs: "iiddfebbaphclr", depth: 3, marks: true},
	{roots: "tamx", verbs: "iidbbllr", depth: 2, odd: true},
	{roots: "t", verbs: "iidfrrrrlb", depth: 1, marks: true},
	{roots: "x", verbs: "iddbbaaaphlcs", depth: 3, marks: true},
}

// crowdedMaps is for undo among others.
var crowdedMaps = theme{roots: "m", verbs: "sssssun", depth: 1}

type wordList []any

// Words for texts: letters, words, pairs, and halves of pairs, high and low ones
// apart: were they to join, Yjs would cut them again whenever it is told twice.
var wordLists = []wordList{
	{"a", "b", "c", "d"},
	{"weft ", "thread", "x", "long words of a text ", "\n"},
	{"😀", "a", "𝒳y", "ü", "👍🏽", "é"},
	{"😀😀", []any{"s", "d83d"}, "x", []any{"s", "0061d83dde00d83d"}, "\u0000"},
	{"😀", []any{"s", "de00"}, "xy", []any{"s", "de00d83dde000061"}, "\u001f"},
}

var keys = []string{"k", "q", "a key", "1", "10", "ü😀"}

var plainValues = []any{
	nil, true, false, 0, 1, -1, 63, 64, 12345, -98765, "", "v", "a word", 1.5, -0.25, 1e300,
	[]any{"a", 1, "two", []any{"a"}}, []any{"o", "k", "v", "n", 1}, []any{"x", "00ff7f"},
}

var oddValues = append([]any{
	[]any{"u"}, []any{"n", "-0"}, []any{"n", "NaN"}, []any{"n", "Infinity"}, []any{"n", "-Infinity"},
	[]any{"b", "0"}, []any{"b", "-9223372036854775808"}, []any{"b", "9007199254740993"},
	2147483647, -2147483647, 2147483648, 4294967296, 9007199254740991, -9007199254740991,
	0.1, 16777217.5, 5e-324, []any{"x", ""}, []any{"a", []any{"u"}, []any{"n", "-0"}},
	[]any{"o", "b", 1, "10", 2, "9", 3, "", 4}, []any{"o", "deep", []any{"o", "er", []any{"a", []any{"b", "7"}}}},
	[]any{"s", "d83d"}, []any{"a", []any{"x", "01"}, "😀"}, []any{"o"}, []any{"a"},
}, plainValues...)

// Values of embeds and marks travel as JSON, which has no undefined.
var embedValues = []any{
	[]any{"o", "img", "cat.png"}, []any{"o"}, []any{"a", 1, nil}, 5, true, []any{"o", "n", []any{"o", "x", -1.5}},
	[]any{"o", "t", "\"quoted\" \\ \u0001"},
}

// Attributes have their names in order, for a Go map has no other.
var markSets = []any{
	[]any{"o", "b", true}, []any{"o", "b", true}, []any{"o", "b", nil}, []any{"o", "i", true}, []any{"o", "i", nil},
	[]any{"o", "b", nil, "i", true}, []any{"o", "c", "red"}, []any{"o", "c", "blue"}, []any{"o", "c", nil},
	[]any{"o", "link", []any{"o", "href", "x"}}, []any{"o", "link", []any{"o", "href", "y"}}, []any{"o", "link", nil},
	[]any{"o", "2", true, "10", 1}, []any{"o", "10", nil, "b", true}, []any{"o", "2", nil, "10", nil},
	[]any{"o", "size", 1.5}, []any{"o", "size", 12}, []any{"o"}, []any{"o", "b", nil, "c", nil, "i", nil},
	[]any{"o", "ychange", "x"}, // the name that Yjs uses for changes between snapshots
}

func (g *generator) transaction() []Op {
	n := 1
	if g.chance(30) {
		n += g.below(5)
	}
	ops := make([]Op, n)
	for i := range ops {
		ops[i] = g.op()
	}
	return ops
}

func (g *generator) op() Op {
	t := g.theme
	op := Op{
		Kind: string(t.verbs[g.below(len(t.verbs))]), Root: string(t.roots[g.below(len(t.roots))]),
		At: g.position(), Count: g.below(8), Key: pick(g, g.keys), String: pick(g, g.words), Value: g.value(),
		Type: string("tamexhf"[g.below(7)]),
	}
	if t.depth > 0 {
		for range g.below(t.depth + 1) {
			op.Path = append(op.Path, g.below(4))
		}
	}
	switch op.Kind {
	case "e":
		op.Value = pick(g, embedValues)
	case "o":
		op.String = g.guid()
		op.Value = pick(g, []any{[]any{"o"}, []any{"o", "gc", false}, []any{"o", "autoLoad", true, "meta", "m"}})
	}
	g.fill(&op)
	if op.Kind == "f" || t.marks && g.chance(30) {
		op.Attrs = pick(g, markSets)
	}
	return op
}

// fill gives an operation the types and the delta that its verb needs.
func (g *generator) fill(op *Op) {
	switch op.Kind {
	case "b", "a", "p", "h":
		op.Build, op.Node = g.build(2, false), g.build(2, true)
	case "l":
		op.From = string("tamx"[g.below(4)])
		for range g.below(3) {
			op.Way = append(op.Way, g.below(4))
		}
	case "r":
		op.Delta = g.delta(1)
	}
}

// position prefers a few places, where writers meet.
func (g *generator) position() int {
	if g.theme.crowd {
		return g.below(3)
	}
	switch g.below(4) {
	case 0:
		return 0
	case 1:
		return g.below(4)
	default:
		return g.below(1000)
	}
}

func (g *generator) value() any {
	if g.theme.odd {
		return pick(g, oddValues)
	}
	return pick(g, plainValues)
}

// Transactions returns a source of random transactions, on all types and with
// values of all kinds. The same seed gives the same ones.
func Transactions(seed uint64) func() []Op {
	g := &generator{random: rand.New(rand.NewPCG(seed, 0x5851f42d4c957f2d)), keys: keys}
	g.theme = pick(g, themes)
	g.words = wordLists[g.below(2)] // a pair that is cut while it is under way keeps replicas apart, in Yjs too
	return g.transaction
}

// Themes returns how many kinds of random transactions there are.
func Themes() int { return len(themes) }

// TransactionsOf is Transactions of one kind.
func TransactionsOf(theme int, seed uint64) func() []Op {
	g := &generator{random: rand.New(rand.NewPCG(seed, 0x5851f42d4c957f2d)), keys: keys}
	g.theme = themes[theme]
	g.words = wordLists[g.below(2)]
	return g.transaction
}
