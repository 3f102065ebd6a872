package load

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/weftsync/weft/crdt"
	"github.com/weftsync/weft/crdt/lib0"
)

// ledger notes what has arrived, and fails when something arrives twice.
type ledger struct {
	t    testing.TB
	have map[[2]int]bool
}

func (l *ledger) arrive(ordinal, from, to int) {
	for k := from; k < to; k++ {
		if l.have[[2]int{ordinal, k}] {
			l.t.Errorf("op %d of author %d arrives again", k, ordinal)
		}
		l.have[[2]int{ordinal, k}] = true
	}
}

// cast returns authors who have made n ops each.
func cast(t testing.TB, authors, n int, p Pattern) []*author {
	t.Helper()
	var all []*author
	for i := range authors {
		s := NewScript(p, 7, i)
		if err := s.grow(n); err != nil {
			t.Fatal(err)
		}
		a := newAuthor(s, firstClient+uint64(i))
		a.sent, a.meant = n, make([]int64, n)
		all = append(all, a)
	}
	return all
}

func opsOf(a *author) [][]byte {
	var ops [][]byte
	for k := range a.sent {
		ops = append(ops, a.script.append(nil, k, &a.id))
	}
	return ops
}

func receive(t testing.TB, authors []*author) (*replica, *ledger) {
	l := &ledger{t, map[[2]int]bool{}}
	return newReplica(authors, l), l
}

// The ops are what the engine makes of the script's edits: a document of one author's has the script's text, and one of
// all authors' is the same whatever order they come in.
func TestScriptsAreRealUpdates(t *testing.T) {
	for _, p := range []Pattern{Typing, Bursts, Paste} {
		authors := cast(t, 3, 400, p)
		alone := crdt.New(crdt.Options{})
		for _, u := range opsOf(authors[0]) {
			if _, err := alone.ApplyUpdate(u); err != nil {
				t.Fatal(err)
			}
		}
		if got, want := alone.RootString(Root), authors[0].script.text.String(); got != want || got == "" {
			t.Errorf("%s: %s", p.Name, sameText(got, want))
		}
		d := &document{authors: authors}
		want, err := d.expected()
		if err != nil {
			t.Fatal(err)
		}
		slices.Reverse(authors)
		got, err := d.expected()
		if err != nil {
			t.Fatal(err)
		}
		if err := sameText(got.RootString(Root), want.RootString(Root)); err != nil {
			t.Errorf("%s: in another order: %v", p.Name, err)
		}
	}
}

// However updates are merged, everything arrives once.
func TestReplicaOfMergedUpdates(t *testing.T) {
	authors := cast(t, 3, 500, Typing)
	var all [][][]byte
	for _, a := range authors {
		all = append(all, opsOf(a))
	}
	for _, size := range []int{1, 2, 7, 50, 500} {
		r, l := receive(t, authors)
		for at := 0; at < 500; at += size {
			var some [][]byte
			for _, ops := range all {
				some = append(some, ops[at:min(at+size, 500)]...)
			}
			merged, err := crdt.MergeUpdates(some...)
			if err != nil {
				t.Fatal(err)
			}
			if news, err := r.take(merged); err != nil || !news {
				t.Fatalf("by %d, at %d: news %v, error %v", size, at, news, err)
			}
			if news, err := r.take(merged); err != nil || news {
				t.Fatalf("by %d, at %d again: news %v, error %v", size, at, news, err)
			}
		}
		if len(l.have) != 1500 || r.missing() != 0 {
			t.Errorf("by %d: %d ops have arrived, %d are missing", size, len(l.have), r.missing())
		}
	}
}

// Whatever comes before what precedes it, as to who comes back and is told the news before what it missed, arrives once.
func TestReplicaOutOfOrder(t *testing.T) {
	authors := cast(t, 2, 300, Typing)
	for seed := range uint64(200) {
		random := rand.New(rand.NewPCG(seed, 1))
		r, l := receive(t, authors)
		for range 20 { // runs of a few ops, some of them merged, in any order
			a := authors[random.IntN(len(authors))]
			from := random.IntN(a.sent)
			some := opsOf(a)[from:min(a.sent, from+1+random.IntN(12))]
			if random.IntN(2) == 0 {
				merged, err := crdt.MergeUpdates(some...)
				if err != nil {
					t.Fatal(err)
				}
				some = [][]byte{merged}
			}
			for _, u := range some {
				if _, err := r.take(u); err != nil {
					t.Fatalf("seed %d: %v", seed, err)
				}
			}
		}
		for i, a := range authors {
			missing := 0
			for k := range a.sent {
				if !l.have[[2]int{i, k}] {
					missing++
				}
			}
			if got := r.missingOf(i); got != missing {
				t.Fatalf("seed %d: %d ops of author %d count as missing, and %d have not arrived", seed, got, i, missing)
			}
			whole, err := crdt.MergeUpdates(opsOf(a)...)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := r.take(whole); err != nil {
				t.Fatal(err)
			}
		}
		if len(l.have) != 600 || r.missing() != 0 || t.Failed() {
			t.Fatalf("seed %d: %d ops have arrived, %d are missing", seed, len(l.have), r.missing())
		}
	}
}

// A whole state, as who comes back is sent it, covers everything, whatever came before.
func TestReplicaOfAState(t *testing.T) {
	authors := cast(t, 3, 500, Typing)
	d := &document{authors: authors}
	doc, err := d.expected()
	if err != nil {
		t.Fatal(err)
	}
	for _, before := range []int{0, 1, 100, 499} {
		r, l := receive(t, authors)
		for _, a := range authors {
			for _, u := range opsOf(a)[:before] {
				if _, err := r.take(u); err != nil {
					t.Fatal(err)
				}
			}
		}
		vector := lib0.AppendUint(nil, uint64(len(authors)))
		for i, a := range authors {
			vector = lib0.AppendUint(lib0.AppendUint(vector, a.client), uint64(r.of[i].clock))
		}
		state, err := doc.EncodeStateAsUpdate(vector)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.take(state); err != nil {
			t.Fatalf("after %d: %v", before, err)
		}
		if len(l.have) != 1500 || r.missing() != 0 {
			t.Errorf("after %d: %d ops have arrived, %d are missing", before, len(l.have), r.missing())
		}
	}
}

// What is dropped is missed, exactly; and what comes late is found again.
func TestReplicaMissesWhatIsDropped(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	authors := cast(t, 2, 600, Typing)
	for _, share := range []float64{0, 0.001, 0.01, 0.2} {
		r, l := receive(t, authors)
		var dropped [][]byte
		all := [][][]byte{opsOf(authors[0]), opsOf(authors[1])}
		for k := range 600 {
			for i := range authors {
				u := all[i][k]
				if random.Float64() < share {
					dropped = append(dropped, u)
					continue
				}
				if news, err := r.take(u); err != nil || !news {
					t.Fatalf("op %d: news %v, error %v", k, news, err)
				}
			}
		}
		if got := r.missing(); got != len(dropped) || len(l.have) != 1200-len(dropped) {
			t.Errorf("%d were dropped, %d are missing, %d have arrived", len(dropped), got, len(l.have))
		}
		for _, u := range dropped {
			if news, err := r.take(u); err != nil || !news {
				t.Fatalf("a late one: news %v, error %v", news, err)
			}
		}
		if r.missing() != 0 || len(l.have) != 1200 {
			t.Errorf("%d are missing after all has come", r.missing())
		}
	}
}

// A merge out of which an op is missing leaves the replica short of exactly that.
func TestReplicaMissesWhatIsDroppedFromAMerge(t *testing.T) {
	authors := cast(t, 1, 300, Typing)
	ops := opsOf(authors[0])
	for k := range 290 {
		r, _ := receive(t, authors)
		for at := 0; at < 300; at += 10 {
			some := slices.Clone(ops[at : at+10])
			if k >= at && k < at+10 {
				some = slices.Delete(some, k-at, k-at+1)
			}
			for _, part := range splitAtGap(t, some) {
				if _, err := r.take(part); err != nil && !strings.Contains(err.Error(), "a gap") {
					t.Fatalf("without %d: %v", k, err)
				}
			}
		}
		if got := r.missing(); got != 1 {
			t.Errorf("without %d: %d are missing, want 1", k, got)
		}
	}
}

// splitAtGap merges updates by twos.
func splitAtGap(t testing.TB, updates [][]byte) [][]byte {
	t.Helper()
	var parts [][]byte
	for len(updates) > 0 {
		n := 1
		if len(updates) > 1 && clockBehind(updates[0]) == clockOfUpdate(updates[1]) {
			n = 2
		}
		merged, err := crdt.MergeUpdates(updates[:n]...)
		if err != nil {
			t.Fatal(err)
		}
		parts, updates = append(parts, merged), updates[n:]
	}
	return parts
}

// clockOfUpdate returns the clock that an insertion of one begins with, and clockBehind that behind it; both are 0 for a
// deletion.
func clockOfUpdate(u []byte) uint64 {
	if u[0] == 0 {
		return 0
	}
	clock, _ := lib0.Varint(u, idAt+idBytes)
	return clock
}

func clockBehind(u []byte) uint64 {
	if u[0] == 0 {
		return 0
	}
	return clockOfUpdate(u) + 1
}

func TestReplicaRefuses(t *testing.T) {
	authors := cast(t, 1, 300, Typing)
	a := authors[0]
	good := opsOf(a)
	insert := slices.IndexFunc(good[1:], func(u []byte) bool { return u[0] == 1 && u[1] == 1 }) + 1
	deletion := slices.IndexFunc(good, func(u []byte) bool { return u[0] == 0 })
	change := func(u []byte, f func(u []byte)) []byte {
		u = slices.Clone(u)
		f(u)
		return u
	}
	for name, c := range map[string]struct {
		update []byte
		want   string
	}{
		"nothing":                  {nil, "number of clients"},
		"cut":                      {good[insert][:len(good[insert])-1], "read"},
		"bytes behind":             {append(slices.Clone(good[insert]), 0), "behind an update"},
		"another letter":           {change(good[insert], func(u []byte) { u[len(u)-2] ^= 0x20 }), "not what was typed"},
		"another place":            {change(good[insert], func(u []byte) { u[len(u)-4]++ }), "another place"},
		"another client":           {change(good[0], func(u []byte) { u[idAt]++ }), "edits nothing here"},
		"a deletion of what stays": {change(good[deletion], func(u []byte) { u[len(u)-2] = 0 }), "nobody has deleted"},
		"what is not sent yet":     {opOf(a, 299), "has made"},
		"a map entry":              {[]byte{1, 1, good[0][2], good[0][3], good[0][4], good[0][5], good[0][6], 0, 0x24, 1, 7, 'c', 'o', 'n', 't', 'e', 'n', 't', 1, 'k', 1, 'x', 0}, "want plain text"},
	} {
		r, _ := receive(t, authors)
		for k := range insert {
			if _, err := r.take(good[k]); err != nil {
				t.Fatal(err)
			}
		}
		a.sent = 290
		_, err := r.take(c.update)
		a.sent = 300
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one with %q", name, err, c.want)
		}
	}
}

func opOf(a *author, k int) []byte { return a.script.append(nil, k, &a.id) }

func FuzzReplica(f *testing.F) {
	authors := cast(f, 2, 60, Typing)
	for _, u := range opsOf(authors[0])[:20] {
		f.Add(u)
	}
	f.Fuzz(func(t *testing.T, update []byte) {
		r := newReplica(authors, nothing{})
		_, _ = r.take(update)
		if n := r.missing(); n < 0 || n > 120 {
			t.Errorf("%d are missing", n)
		}
	})
}

func TestSummarize(t *testing.T) {
	nanos := make([]int64, 1000)
	for i := range nanos {
		nanos[i] = int64(1000-i) * 1000
	}
	got := Summarize(nanos)
	got.Curve = nil
	if fmt.Sprint(got) != "{1000 500µs 950µs 990µs 1ms []}" {
		t.Errorf("1 to 1000 µs: %v", got)
	}
	if got := Summarize(nil); got.Count != 0 || got.Max != 0 || got.Curve != nil {
		t.Errorf("no values: %+v", got)
	}
}

func TestAgendaIsInOrder(t *testing.T) {
	var a agenda
	random := rand.New(rand.NewPCG(1, 2))
	for range 1000 {
		a.add(deed{at: random.Int64N(500)})
	}
	last := int64(-1)
	for range 1000 {
		d := a.take()
		if d.at < last {
			t.Fatalf("%d behind %d", d.at, last)
		}
		last = d.at
	}
	if _, ok := a.next(); ok {
		t.Error("something is left")
	}
}

func TestPlanRefuses(t *testing.T) {
	good := Plan{Server: "http://127.0.0.1:1/", Documents: 1, Editors: 2, Authors: 1, Pattern: Typing}
	for name, change := range map[string]func(*Plan){
		"no documents":        func(p *Plan) { p.Documents = 0 },
		"more authors":        func(p *Plan) { p.Authors = 3 },
		"slow authors":        func(p *Plan) { p.Slow = 2 },
		"a server elsewhere":  func(p *Plan) { p.Server = "http://192.0.2.1/" },
		"no address":          func(p *Plan) { p.Server = "127.0.0.1:80" },
		"too many to be seen": func(p *Plan) { p.Editors, p.Authors, p.Viewers = 30, 27, 1 },
	} {
		p := good
		change(&p)
		if s, err := Open(p); err == nil {
			s.Close()
			t.Errorf("%s: no error", name)
		} else if name == "a server elsewhere" && !errors.Is(err, ErrElsewhere) {
			t.Errorf("%s: %v", name, err)
		}
	}
	good.Server, good.AnyMachine = "http://192.0.2.1/", true
	s, err := Open(good)
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
}
