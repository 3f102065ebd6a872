package cost_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/weftsync/weft/crdt"
	"github.com/weftsync/weft/crdt/crdttest"
	"github.com/weftsync/weft/crdt/lib0"
)

// char is an update of one character at the given clock of a client, in root t
// if it has no origins.
func char(client, clock uint64, origins ...[2]uint64) []byte {
	info := byte(4)
	for i, o := range origins {
		if o[0] != 0 {
			info |= 0x80 >> i
		}
	}
	u := append(lib0.AppendUint(lib0.AppendUint([]byte{1, 1}, client), clock), info)
	for _, o := range origins {
		if o[0] != 0 {
			u = lib0.AppendUint(lib0.AppendUint(u, o[0]), o[1])
		}
	}
	if info == 4 {
		u = append(u, 1, 1, 't')
	}
	return append(u, 1, 'a'+byte(client%26), 0)
}

// applying is a shape of n updates that are applied one after the other.
func applying(name string, updates func(n int) [][]byte) shape {
	return shape{name: name, prepare: func(n int) func() {
		us := updates(n)
		return func() { applyAll(crdt.New(crdt.Options{ClientID: 1}), us) }
	}}
}

func applyAll(d *crdt.Doc, updates [][]byte) {
	for _, u := range updates {
		ok(d.ApplyUpdate(u))
	}
}

// siblings are n updates of a character at one place by n clients, with the
// origins that origins says, in an order of clients.
func siblings(n int, order func(i int) int, origins ...[2]uint64) [][]byte {
	us := [][]byte{ok(crdt.MergeUpdates(char(2, 0), char(2, 1, [2]uint64{2, 0})))}
	for i := range n {
		us = append(us, char(10+uint64(order(i)), 0, origins...))
	}
	return us
}

func ascending(i int) int { return i }

func descending(n int) func(int) int { return func(i int) int { return n - i } }

func shuffled(n int) func(int) int {
	p := rand.New(rand.NewPCG(9, uint64(n))).Perm(n)
	return func(i int) int { return p[i] }
}

// recorded returns the updates of n edits.
func recorded(n int, f func(d *crdt.Doc, tx *crdt.Tx, i int)) [][]byte {
	d := crdt.New(crdt.Options{ClientID: 5})
	var us [][]byte
	for i := range n {
		us = append(us, ok(d.Update(func(tx *crdt.Tx) error { f(d, tx, i); return nil })))
	}
	return us
}

func anywhere(n int) [][]byte {
	random := rand.New(rand.NewPCG(1, uint64(n)))
	return recorded(n, func(d *crdt.Doc, tx *crdt.Tx, i int) { check(d.Text("t").Insert(tx, random.IntN(i+1), "x")) })
}

func TestGrowthOfUpdates(t *testing.T) {
	between := [][2]uint64{{2, 0}, {2, 1}}
	expectAll(t, []shape{
		applying("typing", func(n int) [][]byte {
			return recorded(n, func(d *crdt.Doc, tx *crdt.Tx, i int) { check(d.Text("t").Insert(tx, i, "x")) })
		}),
		applying("insertions anywhere", anywhere),
		applying("insertions anywhere, the last one first", func(n int) [][]byte {
			us := anywhere(n)
			slices.Reverse(us)
			return us
		}).bounded(),
		applying("insertions anywhere as one update", func(n int) [][]byte {
			return [][]byte{ok(crdt.MergeUpdates(anywhere(n)...))}
		}),
		applying("at the start, ascending", func(n int) [][]byte { return siblings(n, ascending) }),
		applying("at the start, descending", func(n int) [][]byte { return siblings(n, descending(n)) }),
		applying("at the start, in any order", func(n int) [][]byte { return siblings(n, shuffled(n)) }),
		applying("at one place, ascending", func(n int) [][]byte { return siblings(n, ascending, between...) }),
		applying("at one place, descending", func(n int) [][]byte { return siblings(n, descending(n), between...) }),
		applying("at one place, in any order", func(n int) [][]byte { return siblings(n, shuffled(n), between...) }),
		applying("at the end, in any order", func(n int) [][]byte { return siblings(n, shuffled(n), [2]uint64{2, 1}) }),
		applying("before one place, in any order", func(n int) [][]byte {
			return siblings(n, shuffled(n), [2]uint64{}, [2]uint64{2, 0})
		}),
		applying("runs at one place", func(n int) [][]byte {
			var us [][]byte
			order := shuffled(n / 5)
			for clock := range uint64(5) {
				for i := range n / 5 {
					if c := 10 + uint64(order(i)); clock == 0 {
						us = append(us, char(c, 0))
					} else {
						us = append(us, char(c, clock, [2]uint64{c, clock - 1}))
					}
				}
			}
			return us
		}),
		applying("two people each writing in front of what they wrote", func(n int) [][]byte {
			var us [][]byte
			for i := range uint64(n) {
				c, clock := 10+i%2, i/2
				if clock == 0 {
					us = append(us, char(c, clock))
				} else {
					us = append(us, char(c, clock, [2]uint64{}, [2]uint64{c, clock - 1}))
				}
			}
			return us
		}),
		applying("one person writing in front of each of many", func(n int) [][]byte {
			us := siblings(n/2, shuffled(n/2))
			for i := range uint64(n / 2) {
				us = append(us, char(3, i, [2]uint64{}, [2]uint64{10 + i, 0}))
			}
			return us
		}),
		applying("branches of branches", func(n int) [][]byte {
			random := rand.New(rand.NewPCG(11, uint64(n)))
			us := [][]byte{char(10, 0)}
			for i := 1; i < n; i++ {
				us = append(us, char(10+uint64(i), 0, [2]uint64{10 + uint64(random.IntN(i)), 0}))
			}
			return us
		}),
		applying("two people typing in turns, each on their own", func(n int) [][]byte {
			us := [][]byte{char(10, 0), char(11, 0)}
			for i := range uint64(n) {
				c, clock := 10+i%2, 1+i/2
				us = append(us, char(c, clock, [2]uint64{c, clock - 1}))
			}
			return us
		}),
		applying("a key set by many", func(n int) [][]byte {
			var us [][]byte
			order := shuffled(n)
			for i := range n {
				u := append(lib0.AppendUint([]byte{1, 1}, 10+uint64(order(i))), 0, 0x28, 1, 1, 'm', 1, 'k', 1)
				us = append(us, append(u, 125, 7, 0))
			}
			return us
		}),
		applying("many clients that wait, and are freed at once", func(n int) [][]byte {
			var us [][]byte
			for i := range uint64(n) {
				us = append(us, char(10+i, 0, [2]uint64{5, 0}))
			}
			return append(us, char(5, 0))
		}),
		applying("many clients that wait, and are freed one by one", func(n int) [][]byte {
			var us [][]byte
			for i := range uint64(n / 2) {
				us = append(us, char(10+i, 0, [2]uint64{5, i}))
			}
			for i := range uint64(n / 2) {
				if i == 0 {
					us = append(us, char(5, 0))
				} else {
					us = append(us, char(5, i, [2]uint64{5, i - 1}))
				}
			}
			return us
		}),
		applying("many clients that wait while one types", func(n int) [][]byte {
			var us [][]byte
			for i := range uint64(n / 2) {
				us = append(us, char(10+i, 1, [2]uint64{10 + i, 0}))
			}
			return append(us, recorded(n/2, func(d *crdt.Doc, tx *crdt.Tx, i int) { check(d.Text("t").Insert(tx, i, "x")) })...)
		}),
		applying("many clients that wait for what one will type", func(n int) [][]byte {
			var us [][]byte
			for i := range uint64(n / 2) {
				us = append(us, char(10+i, 0, [2]uint64{5, uint64(n)}))
			}
			return append(us, recorded(n/2, func(d *crdt.Doc, tx *crdt.Tx, i int) { check(d.Text("t").Insert(tx, i, "x")) })...)
		}),
		applying("many clients that wait for each other", func(n int) [][]byte {
			var us [][]byte
			for i := range uint64(n) {
				us = append(us, char(10+i, 0, [2]uint64{9 + i, 0}))
			}
			return append(us, char(9, 0))
		}),
		applying("deletes that wait while one types", func(n int) [][]byte {
			deletes := lib0.AppendUint([]byte{0, 1, 9}, uint64(n))
			for i := range uint64(n) {
				deletes = append(lib0.AppendUint(deletes, 2*i+1), 1)
			}
			return append([][]byte{deletes}, recorded(n, func(d *crdt.Doc, tx *crdt.Tx, i int) { check(d.Text("t").Insert(tx, i, "x")) })...)
		}),
		applying("deletes that come one by one before what they delete", func(n int) [][]byte {
			var us [][]byte
			for i := range uint64(n) {
				us = append(us, append(lib0.AppendUint([]byte{0, 1, 9, 1}, 2*uint64(n)-2*i), 1))
			}
			for i := range uint64(n) {
				if i == 0 {
					us = append(us, char(9, 0))
				} else {
					us = append(us, char(9, i, [2]uint64{9, i - 1}))
				}
			}
			return us
		}).bounded(),
		applying("many roots", func(n int) [][]byte {
			return recorded(n, func(d *crdt.Doc, tx *crdt.Tx, i int) { check(d.Text(fmt.Sprint(i)).Insert(tx, 0, "x")) })
		}),
		applying("marks from elsewhere", func(n int) [][]byte {
			return recorded(n, func(d *crdt.Doc, tx *crdt.Tx, i int) {
				check(d.Text("t").Insert(tx, 0, "x", crdt.Attrs{"b": i}))
			})
		}),
	})
}

func TestGrowthOfWholes(t *testing.T) {
	documents := map[string]func(n int) [][]byte{
		"insertions anywhere": anywhere,
		"many clients":        func(n int) [][]byte { return siblings(n, descending(n)) },
		"many roots": func(n int) [][]byte {
			return recorded(n, func(d *crdt.Doc, tx *crdt.Tx, i int) { check(d.Text(fmt.Sprint(i)).Insert(tx, 0, "x")) })
		},
		"deletions": func(n int) [][]byte {
			return recorded(n, func(d *crdt.Doc, tx *crdt.Tx, i int) {
				check(d.Text("t").Insert(tx, i/2, "x"))
				if i%2 == 1 {
					check(d.Text("t").Delete(tx, i/4, 1))
				}
			})
		},
	}
	var shapes []shape
	for name, updates := range documents {
		on := func(what string, f func(d *crdt.Doc, us [][]byte, whole []byte)) {
			shapes = append(shapes, shape{name: what + ": " + name, prepare: func(n int) func() {
				us := updates(n)
				d := crdt.New(crdt.Options{ClientID: 1, KeepDeleted: true})
				applyAll(d, us)
				whole := ok(d.EncodeStateAsUpdate(nil))
				return func() { f(d, us, whole) }
			}})
		}
		on("encode", func(d *crdt.Doc, us [][]byte, whole []byte) { ok(d.EncodeStateAsUpdate(nil)) })
		on("encode V2", func(d *crdt.Doc, us [][]byte, whole []byte) { ok(d.EncodeStateAsUpdateV2(nil)) })
		on("load", func(d *crdt.Doc, us [][]byte, whole []byte) {
			applyAll(crdt.New(crdt.Options{ClientID: 1}), [][]byte{whole})
		})
		on("merge", func(d *crdt.Doc, us [][]byte, whole []byte) { ok(crdt.MergeUpdates(us...)) })
		on("diff", func(d *crdt.Doc, us [][]byte, whole []byte) {
			ok(crdt.DiffUpdate(whole, d.EncodeStateVector()))
			ok(d.EncodeStateAsUpdate(d.EncodeStateVector()))
		})
		on("convert", func(d *crdt.Doc, us [][]byte, whole []byte) {
			ok(crdt.ConvertUpdateV2ToV1(ok(crdt.ConvertUpdateV1ToV2(whole))))
			ok(crdt.ContentsOfUpdate(whole))
		})
		on("snapshot", func(d *crdt.Doc, us [][]byte, whole []byte) {
			s := d.Snapshot()
			ok(d.EncodeStateAt(s))
			d.Text("t").DeltaAt(s)
		})
		on("read", func(d *crdt.Doc, us [][]byte, whole []byte) {
			_ = d.Text("t").String()
			d.Text("t").Delta()
			d.JSON()
		})
		on("relative positions", func(d *crdt.Doc, us [][]byte, whole []byte) {
			t := d.Text("t")
			for i := range len(us) {
				if n := t.Len(); n > 0 {
					_, _, _, err := d.Resolve(t.RelativePosition(i*7919%n, 0))
					check(err)
				}
			}
		})
	}
	expectAll(t, shapes)
}

// What many lack of an indexed update costs what each of them lacks.
func TestGrowthOfIndexed(t *testing.T) {
	expectAll(t, []shape{{name: "who lacks the last of it", prepare: func(n int) func() {
		d := crdt.New(crdt.Options{ClientID: 1, KeepDeleted: true})
		us := anywhere(n)
		applyAll(d, us[:len(us)-1])
		vector := d.EncodeStateVector()
		applyAll(d, us[len(us)-1:])
		ix := ok(crdt.IndexUpdate(ok(d.EncodeStateAsUpdate(nil))))
		return func() {
			for range n {
				ok(ix.Diff(vector))
			}
		}
	}}})
}

// The transactions of the differential oracle, many of them. What they do is
// done to the roots, and nothing is copied whole: the size of that would count,
// not its cost. Marks without effect are kept, as a server does: Yjs looks at
// all of a text for them after each update that brought marks.
func TestGrowthOfThemes(t *testing.T) {
	for theme := range crdttest.Themes() {
		t.Run(fmt.Sprint(theme), func(t *testing.T) {
			const slack = 2 // marks whose effect reaches far
			expectGrowth(t, 300, slack, func(n int) func() {
				replicas := make([]*crdt.Doc, 3)
				for i := range replicas {
					replicas[i] = crdt.New(crdt.Options{ClientID: uint64(i + 1), KeepMarks: true})
				}
				next := crdttest.TransactionsOf(theme, 1)
				return func() { converse(replicas, next, n) }
			})
		})
	}
}

// converse lets replicas make n transactions in turns and hear of each other
// now and then.
func converse(replicas []*crdt.Doc, next func() []crdttest.Op, n int) {
	waiting := make([][][]byte, len(replicas))
	for i := range n {
		at := i % len(replicas)
		u := ok(replicas[at].Update(func(tx *crdt.Tx) error {
			for _, op := range next() {
				if op.Path = nil; op.Kind != "l" {
					check(crdttest.Run(replicas[at], tx, op))
				}
			}
			return nil
		}))
		if u != nil {
			for j := range waiting {
				if j != at {
					waiting[j] = append(waiting[j], u)
				}
			}
		}
		if to := i * 7 % len(replicas); i%5 == 0 {
			applyAll(replicas[to], waiting[to])
			waiting[to] = nil
		}
	}
}
