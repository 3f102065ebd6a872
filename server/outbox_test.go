package server

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"
)

// newOutbox returns an outbox with room for three frames of ten bytes, and a session that has joined a room.
func newOutbox() (*outbox, *session) {
	o, s := &outbox{maxBytes: 30, maxCount: 100}, new(session)
	o.enter(s, new(room), 0)
	return o, s
}

func frameOf(n int) []byte { return make([]byte, n) }

func TestOutboxStartsOneWriter(t *testing.T) {
	o, s := newOutbox()
	if !o.push(parcel{to: s, frame: frameOf(1)}) {
		t.Fatal("the first parcel started no writer")
	}
	if o.push(parcel{to: s, frame: frameOf(1)}) {
		t.Fatal("the second parcel started another writer")
	}
	for range 2 {
		if _, ok := o.take(); !ok {
			t.Fatal("nothing to take")
		}
	}
	if _, ok := o.take(); ok {
		t.Fatal("took a third parcel of two")
	}
	if !o.push(parcel{to: s, frame: frameOf(1)}) {
		t.Fatal("after the writer ended no other was started")
	}
}

func TestOutboxDropsUpdatesAndKeepsReplies(t *testing.T) {
	o, s := newOutbox()
	o.enter(s, new(room), 4)
	o.push(parcel{to: s, frame: frameOf(10), kind: updateParcel, seq: 5})
	if e, _ := o.take(); e.parcel.seq != 5 {
		t.Fatalf("got sequence %d, want 5", e.parcel.seq)
	}
	o.push(parcel{to: s, frame: frameOf(10), kind: updateParcel, seq: 6})
	o.push(parcel{to: s, frame: frameOf(10), kind: replyParcel})
	o.push(parcel{to: s, frame: frameOf(10), kind: awarenessParcel, ids: []uint64{1, 2}})
	o.push(parcel{to: s, frame: frameOf(1), kind: updateParcel, seq: 7}) // one byte too many
	o.push(parcel{to: s, frame: frameOf(1), kind: updateParcel, seq: 8}) // comes while it is behind

	if e, ok := o.take(); !ok || e.parcel.kind != replyParcel || e.repair {
		t.Fatalf("got %+v, want the reply", e)
	}
	e, ok := o.take()
	if !ok || !e.repair || e.after != 5 {
		t.Fatalf("got %+v, want a repair after 5", e)
	}
	o.caughtUp(s, 7, false)
	if e, ok = o.take(); !ok || !e.repair || e.after != 7 {
		t.Fatalf("got %+v, want a repair after 7", e)
	}
	o.caughtUp(s, 8, true)
	if e, ok = o.take(); !ok || len(e.ids) != 2 {
		t.Fatalf("got %+v, want the awareness of two", e)
	}
	if e, ok = o.take(); ok {
		t.Fatalf("got %+v, want nothing", e)
	}
	o.push(parcel{to: s, frame: frameOf(1), kind: updateParcel, seq: 8}) // was sent from the log already
	o.push(parcel{to: s, frame: frameOf(1), kind: updateParcel, seq: 9})
	if e, ok = o.take(); !ok || e.parcel.seq != 9 {
		t.Fatalf("got %+v, want the update 9", e)
	}
}

func TestOutboxStopsTheReader(t *testing.T) {
	o, _ := newOutbox()
	o.owe(100)
	if o.mayRead() != nil {
		t.Error("one large reply stops the reader, want it let through")
	}
	o.owe(1)
	stopped := o.mayRead()
	if stopped == nil {
		t.Fatal("two replies over the limit do not stop the reader")
	}
	o.paid(100)
	select {
	case <-stopped:
	default:
		t.Error("the reader was not let go")
	}
	for range maxOwed {
		o.owe(0)
	}
	if stopped = o.mayRead(); stopped == nil {
		t.Error("too many small replies do not stop the reader")
	}
	o.close()
	<-stopped
	if o.mayRead() != nil {
		t.Error("a closed outbox stops the reader")
	}
}

func TestOutboxKeepAliveOnlyWhenIdle(t *testing.T) {
	o, s := newOutbox()
	o.push(parcel{to: s, frame: frameOf(1), kind: replyParcel})
	o.push(parcel{to: s, frame: frameOf(3), kind: keepAliveParcel})
	o.take()
	if e, ok := o.take(); ok {
		t.Errorf("got %+v while something else was on its way, want no keep-alive", e)
	}
	if !o.push(parcel{to: s, frame: frameOf(3), kind: keepAliveParcel}) {
		t.Error("an idle outbox takes no keep-alive")
	}
}

// TestOutboxNeverLosesAnUpdate plays a room and a writer against an outbox at random: what the writer is told to send,
// and what it reads from the log when told to repair, are all updates in order, without a gap and without a repeat; and
// what waits never passes the bound.
func TestOutboxNeverLosesAnUpdate(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o, s := newOutbox()
		broadcast, got, replies, wantReplies := uint64(0), uint64(0), 0, 0
		writing := false
		push := func(p parcel) { writing = o.push(p) || writing }
		step := func() {
			e, ok := o.take()
			switch {
			case !ok:
				writing = false
			case e.repair:
				if e.after != got {
					t.Fatalf("repair after %d, but the last sent was %d", e.after, got)
				}
				got = min(broadcast, got+rapid.Uint64Range(0, 5).Draw(t, "chunk"))
				o.caughtUp(s, got, got == broadcast)
			case e.parcel.kind == updateParcel:
				if e.parcel.seq != got+1 {
					t.Fatalf("update %d after %d", e.parcel.seq, got)
				}
				got++
			case e.parcel.kind == replyParcel:
				replies++
			}
		}
		for range rapid.IntRange(1, 200).Draw(t, "steps") {
			switch rapid.IntRange(0, 5).Draw(t, "act") {
			case 0, 1, 2:
				broadcast++
				push(parcel{to: s, frame: frameOf(rapid.IntRange(1, 20).Draw(t, "bytes")), kind: updateParcel, seq: broadcast})
			case 3:
				wantReplies++
				push(parcel{to: s, frame: frameOf(3), kind: replyParcel})
			default:
				if writing {
					step()
				}
			}
			if waits := o.bytes - 3*(wantReplies-replies); waits > o.maxBytes {
				t.Fatalf("%d bytes of updates wait, more than %d", waits, o.maxBytes)
			}
		}
		for n := 0; writing; n++ {
			if n > 10000 {
				t.Fatal("the writer never ends")
			}
			step()
		}
		if got != broadcast || replies != wantReplies {
			t.Fatalf("got updates to %d and %d replies, want %d and %d", got, replies, broadcast, wantReplies)
		}
	})
}

func BenchmarkOutbox(b *testing.B) {
	for _, waiting := range []int{0, 100} {
		b.Run(fmt.Sprintf("waiting=%d", waiting), func(b *testing.B) {
			o, s := newOutbox()
			o.maxBytes, o.maxCount = 1<<20, 1000
			for range waiting {
				o.push(parcel{to: s, frame: frameOf(1)})
			}
			frame := frameOf(30)
			seq := uint64(0)
			b.ReportAllocs()
			for b.Loop() {
				seq++
				o.push(parcel{to: s, frame: frame, kind: updateParcel, seq: seq})
				o.take()
			}
		})
	}
}

// TestOutboxSyncStatuses: statuses do not overtake what was queued before them, take one place for many, are not dropped,
// and stop the reader when there are too many.
func TestOutboxSyncStatuses(t *testing.T) {
	o, s := newOutbox()
	other := new(session)
	o.enter(other, new(room), 0)
	o.push(parcel{to: s, frame: frameOf(10), kind: replyParcel})
	for range 50 {
		o.acknowledge(s, true, 1)
		o.acknowledge(other, true, 1)
	}
	o.acknowledge(s, false, 1)
	if got := len(o.queue); got != 4 {
		t.Errorf("got %d places for 101 statuses and a reply, want 4", got)
	}
	for range 5 {
		o.push(parcel{to: s, frame: frameOf(10), kind: updateParcel, seq: 9}) // too much: dropped
	}
	if o.mayRead() == nil {
		t.Error("the reader goes on with more statuses waiting than frames may")
	}
	var got []int
	e, _ := o.take()
	if e.parcel.kind != replyParcel || e.status {
		t.Fatalf("got %+v, want the reply first", e)
	}
	for _, want := range []struct {
		to      *session
		applied bool
		n       int
	}{{s, true, 50}, {other, true, 50}, {s, false, 1}} {
		for range want.n {
			if e, ok := o.take(); !ok || !e.status || e.parcel.to != want.to || e.applied != want.applied {
				t.Fatalf("after %v: got %+v, %t", got, e, ok)
			}
		}
		got = append(got, want.n)
	}
	if o.mayRead() != nil {
		t.Error("the reader is still stopped")
	}
	o.acknowledge(s, true, 3)
	o.forget(s)
	o.acknowledge(s, true, 1)
	if e, ok := o.take(); ok && e.status || o.statuses != 0 {
		t.Errorf("got %+v of a session that was forgotten, %d statuses left", e, o.statuses)
	}
}
