package awareness_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/weftsync/weft/awareness"
)

// A server passes on what its clients say, and says goodbye for one whose connection broke.
func Example() {
	now := time.Now()
	editor := awareness.New(awareness.Options{}) // what a client holds of itself
	editor.Set(42, []byte(`{}`), now)
	editor.Set(42, []byte(`{"name":"Ada"}`), now)
	frame := editor.AppendUpdate(nil, 42)

	room := awareness.New(awareness.Options{})
	change, err := room.ApplyUpdate(frame, now)
	if err != nil {
		fmt.Println("refused:", err)
		return
	}
	fmt.Println("tell the others of", change.Touched())
	for id, state := range room.All() {
		fmt.Printf("%d is here: %s\n", id, state)
	}

	gone := room.Remove(now, 42)
	fmt.Printf("tell the others %q\n", room.AppendUpdate(nil, gone...))
	// Output:
	// tell the others of [42]
	// 42 is here: {"name":"Ada"}
	// tell the others "\x01*\x01\x04null"
}

// A cursor that moves: what every awareness frame of an editor costs a room of 200.
func BenchmarkApplyUpdate(b *testing.B) {
	s := awareness.New(awareness.Options{})
	for id := range uint64(200) {
		mustApply(b, s, encode(entry{id, 1, `{}`}))
	}
	state := []byte(`{"user":{"name":"Ada Lovelace","color":"#30bced","colorLight":"#30bced33"},` +
		`"cursor":{"anchor":{"type":null,"tname":"content","item":{"client":3029485,"clock":512},"assoc":0},` +
		`"head":{"type":null,"tname":"content","item":{"client":3029485,"clock":512},"assoc":0}}}`)
	said := []awareness.Entry{{Client: 7, Clock: 1, State: state}}
	var update []byte
	b.ReportAllocs()
	for b.Loop() {
		said[0].Clock++
		update = awareness.AppendEntries(update[:0], said)
		if _, err := s.ApplyUpdate(update, start); err != nil {
			b.Fatal(err)
		}
	}
}
