package naive_test

import (
	"fmt"
	"testing"

	"github.com/weftsync/weft/crdt/internal/naive"
	"github.com/weftsync/weft/crdt/lib0"
)

// word is an update in which a client types a word into an empty root "t".
func word(client byte, s string) []byte {
	return append(lib0.AppendString([]byte{1, 1, client, 0, 4, 1, 1, 't'}, s), 0)
}

// Two people type at one place without having heard of each other: the words
// come out whole, the lower client id first, whichever is heard of first.
func ExampleDoc_Apply() {
	for _, updates := range [][][]byte{{word(1, "one"), word(2, "two")}, {word(2, "two"), word(1, "one")}} {
		d := naive.New()
		for _, u := range updates {
			if err := d.Apply(u); err != nil {
				fmt.Println(err)
			}
		}
		fmt.Println(d.Root("t").Text())
	}
	// Output:
	// onetwo
	// onetwo
}

// An update that ends too early is an error, wherever it ends.
func TestApplyCutShort(t *testing.T) {
	update := word(1, "one")
	for n := range update {
		if err := naive.New().Apply(update[:n]); err == nil {
			t.Errorf("%d of %d bytes are applied", n, len(update))
		}
	}
}

// What waits is not lost, and not shown: the second letter before the first,
// and a deletion before both.
func TestWaiting(t *testing.T) {
	d := naive.New()
	steps := []struct {
		update  []byte
		text    string
		waiting bool
	}{
		{[]byte{0, 1, 1, 1, 0, 1}, "", false},                 // delete 1:0
		{[]byte{1, 1, 1, 1, 0x84, 1, 0, 1, 'b', 0}, "", true}, // 1:1 behind 1:0
		{word(1, "a"), "b", false},
	}
	for i, s := range steps {
		if err := d.Apply(s.update); err != nil {
			t.Fatal(err)
		}
		if got := d.Root("t").Text(); got != s.text || d.Waiting() != s.waiting {
			t.Errorf("step %d: %q, waiting %v, want %q, %v", i, got, d.Waiting(), s.text, s.waiting)
		}
	}
}
