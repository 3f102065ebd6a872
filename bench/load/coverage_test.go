package load

import (
	"bytes"
	"testing"
	"time"

	"github.com/weftsync/weft/crdt"
)

// However updates are merged, what is covered after each merge is what the updates in it cover.
func TestCoverageOfMergedUpdates(t *testing.T) {
	log, _ := history(t, 600)
	targets, err := targetsOf(log, author)
	if err != nil {
		t.Fatal(err)
	}
	for _, size := range []int{1, 2, 3, 7, 50, log.Len()} {
		c := coverage{client: author}
		for first := 0; first < log.Len(); first += size {
			n := min(size, log.Len()-first)
			merged, err := crdt.MergeUpdates(log.All()[first : first+n]...)
			if err != nil {
				t.Fatal(err)
			}
			if err := c.add(merged); err != nil {
				t.Fatalf("by %d, update %d: %v", size, first, err)
			}
			if got, want := (target{c.clock, c.deleted}), targets[first+n-1]; got != want {
				t.Fatalf("by %d, after update %d: covered %+v, want %+v", size, first+n-1, got, want)
			}
		}
	}
}

// A whole state, as a slow reader is sent it, covers everything; taking in old updates again changes nothing.
func TestCoverageOfAState(t *testing.T) {
	log, _ := history(t, 600)
	targets, err := targetsOf(log, author)
	if err != nil {
		t.Fatal(err)
	}
	doc := crdt.New(crdt.Options{})
	for _, u := range log.All() {
		if _, err := doc.ApplyUpdate(u); err != nil {
			t.Fatal(err)
		}
	}
	state, err := doc.EncodeStateAsUpdate(nil)
	if err != nil {
		t.Fatal(err)
	}
	c := coverage{client: author}
	for _, u := range append([][]byte{state}, log.All()...) {
		if err := c.add(u); err != nil {
			t.Fatal(err)
		}
		if got, want := (target{c.clock, c.deleted}), targets[len(targets)-1]; got != want {
			t.Fatalf("covered %+v, want %+v", got, want)
		}
	}
}

func TestCoverageRefuses(t *testing.T) {
	item := []byte{1, 1, author, 0, 4, 1, 1, 't', 1, 'x', 0} // insert "x" into root t
	for name, update := range map[string][]byte{
		"nothing":         {},
		"cut":             item[:len(item)-1],
		"bytes behind":    append(bytes.Clone(item), 0),
		"another client":  {1, 1, 9, 0, 4, 1, 1, 't', 1, 'x', 0},
		"deletes another": {0, 1, 9, 1, 0, 1},
		"a gap":           {1, 1, author, 5, 4, 1, 1, 't', 1, 'x', 0},
		"a skip":          {1, 1, author, 0, 10, 5, 0},
		"a map entry":     {1, 1, author, 0, 0x24, 1, 1, 't', 1, 'k', 1, 'x', 0},
		"a nested text":   {1, 1, author, 0, 4, 0, author, 0, 1, 'x', 0},
		"a type":          {1, 1, author, 0, 7, 1, 1, 't', 2, 0},
		"a huge clock":    {1, 1, author, 0, 1, 1, 1, 't', 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 0},
		"a huge delete":   {0, 1, author, 1, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f},
	} {
		c := coverage{client: author}
		if err := c.add(update); err == nil {
			t.Errorf("%s: no error, covered %d and %d deleted", name, c.clock, c.deleted)
		}
	}
	c := coverage{client: author}
	if err := c.add(item); err != nil || c.clock != 1 {
		t.Errorf("the item itself: error %v, covered %d", err, c.clock)
	}
}

func FuzzCoverage(f *testing.F) {
	f.Add([]byte{1, 1, author, 0, 4, 1, 1, 't', 1, 'x', 0})
	f.Add([]byte{0, 1, author, 1, 0, 1})
	f.Fuzz(func(t *testing.T, update []byte) {
		c := coverage{client: author}
		_ = c.add(update)
		if c.deleted < 0 || c.deleted > maxClock || len(c.gone) > maxClock/64+1 {
			t.Errorf("covered %d, %d deleted, %d words", c.clock, c.deleted, len(c.gone))
		}
	})
}

func TestSummarize(t *testing.T) {
	values := make([]int64, 1000)
	for i := range values {
		values[i] = int64(1000 - i)
	}
	got := Summarize(values)
	want := Latency{Count: 1000, P50: 500, P95: 950, P99: 990, Max: 1000}
	if got != want {
		t.Errorf("1 to 1000: %+v, want %+v", got, want)
	}
	if got := Summarize([]int64{7}); got != (Latency{Count: 1, P50: 7, P95: 7, P99: 7, Max: 7}) {
		t.Errorf("one value: %+v", got)
	}
	if got := Summarize(nil); got != (Latency{}) {
		t.Errorf("no values: %+v", got)
	}
	if got := quantile([]int64{1, 2, 3}, 0.5); got != 2*time.Nanosecond {
		t.Errorf("median of 1, 2, 3 = %v", got)
	}
}
