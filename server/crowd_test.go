package server

import (
	"fmt"
	"testing"
	"time"

	"github.com/weftsync/weft/awareness"
)

// crowd is people in one document, half of them in each dialect, that all move their cursors.
type crowd struct {
	s    *testServer
	y    []*editor
	h    []*client
	size int
}

// gather makes a crowd of n, every one of whom has said who they are.
func gather(t *testing.T, n int, every time.Duration) *crowd {
	t.Helper()
	c := &crowd{size: n, s: startServer(t, newDisk(), hooks{}, func(o *Options) { o.Limits.AwarenessEvery = every })}
	for i := range n / 2 {
		c.y = append(c.y, c.s.join(t, "d"))
		c.h = append(c.h, c.s.collab(t, "collab", nil).join(fmt.Sprintf("d\x00%d", i), ""))
	}
	return c
}

// move makes everybody move their cursor, and waits until everybody knows where everybody is. It returns how many frames
// and bytes the server has sent for that.
func (c *crowd) move(t *testing.T, clock uint64) (frames, bytes uint64) {
	t.Helper()
	before := c.s.Stats()
	state := fmt.Sprintf(`{"cursor":%d}`, clock)
	for i := range c.y {
		c.y[i].appear(uint64(2*i+1), clock, state)
		c.h[i].appear(uint64(2*i+2), clock, state)
	}
	all := func(present *awareness.States, self int) bool {
		for id := range uint64(c.size) {
			if got, ok := present.Clock(id + 1); id+1 != uint64(self) && (!ok || got < clock) {
				return false
			}
		}
		return true
	}
	for i := range c.y {
		c.y[i].await("everybody", func() bool { return all(c.y[i].present, 2*i+1) })
		c.h[i].await("everybody", func() bool { return all(c.h[i].present, 2*i+2) })
	}
	after := c.s.Stats()
	return after.MessagesSent - before.MessagesSent, after.BytesSent - before.BytesSent
}

// TestCrowdDoesNotCostItsSquare: when everybody in a document moves at once, each connection is sent a few bundles of
// all that is new, and not a frame for each of the others: so frames grow with the crowd and not with its square, in both
// dialects mixed. The control bundles nothing.
func TestCrowdDoesNotCostItsSquare(t *testing.T) {
	const n, rounds = 400, 3
	c := gather(t, n, 500*time.Millisecond)
	c.move(t, 1)
	for round := range uint64(rounds) {
		began := time.Now()
		frames, bytes := c.move(t, 2+round)
		// A broadcast at the beginning, one each time that the interval has passed, and one for what was left.
		broadcasts := uint64(time.Since(began)/(500*time.Millisecond)) + 2
		t.Logf("%d people moved: %d frames, %d bytes in %s", n, frames, bytes, time.Since(began))
		if most := broadcasts * n; frames > most {
			t.Errorf("got %d frames, want at most %d for %d broadcasts to %d people", frames, most, broadcasts, n)
		}
		// An entry has an id, a clock and a state, some 20 bytes; each reaches everybody once, and a frame has a head.
		if most := uint64(n*n*24) + frames*32; bytes > most {
			t.Errorf("got %d bytes, want at most %d", bytes, most)
		}
	}
	control := gather(t, 60, time.Nanosecond)
	control.move(t, 1)
	if frames, _ := control.move(t, 2); frames < 60*60/4 {
		t.Errorf("the control, 60 people whose moves are not bundled: got %d frames, which a bundled crowd of 400 may have too", frames)
	}
}

// TestOnlyTheLastStateIsSent: of each person only the last state is sent, however often they move in between.
func TestOnlyTheLastStateIsSent(t *testing.T) {
	s := startServer(t, newDisk(), hooks{}, func(o *Options) { o.Limits.AwarenessEvery = time.Hour })
	mover, watcher := s.join(t, "d"), s.join(t, "d")
	mover.appear(1, 1, `{"n":1}`) // the first is sent at once
	watcher.await("the first", func() bool { return watcher.present.State(1) != nil })
	for clock := range uint64(1000) {
		mover.appear(1, clock+2, `{"n":2}`)
	}
	mover.sync() // all of it has arrived
	watcher.mu.Lock()
	seen := watcher.presence - watcher.alive
	watcher.mu.Unlock()
	if seen != 1 {
		t.Errorf("the watcher was sent %d frames before the interval was over, want 1", seen)
	}
	late := s.join(t, "d")
	late.queryAwareness()
	late.await("the last state", func() bool { return string(late.present.State(1)) == `{"n":2}` })
}
