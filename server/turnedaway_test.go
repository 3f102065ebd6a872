package server

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// TestTurnedAwayRemembers: a client that comes back each time it is closed is known again each time, whenever the
// memory's halves change, so that it is parked and not closed; and a stranger is not.
func TestTurnedAwayRemembers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const parked = 2 * time.Minute
		for offset := time.Duration(0); offset < 4*time.Minute; offset += 7 * time.Second {
			memory := newTurnedAway(parked)
			memory.again("somebody else", "d")
			time.Sleep(offset)
			if got := memory.again("client", "d"); got != 0 {
				t.Fatalf("offset %s: a stranger was refused %d times before", offset, got)
			}
			for round := range 5 {
				time.Sleep(parked + 2500*time.Millisecond) // y-websocket waits up to 2.5 s
				memory.again("somebody", fmt.Sprint(round))
				if memory.again("client", "d") == 0 {
					t.Fatalf("offset %s, round %d: the client is forgotten", offset, round)
				}
			}
			time.Sleep(2*(parked+time.Minute) + time.Second)
			if got := memory.again("client", "d"); got != 0 {
				t.Fatalf("offset %s: the client is still known after a long time, refused %d times", offset, got)
			}
		}
	})
}

// TestTurnedAwayIsBounded: no number of refusals makes the memory grow past its two halves.
func TestTurnedAwayIsBounded(t *testing.T) {
	memory := newTurnedAway(time.Minute)
	for i := range 10 * mostRemembered {
		memory.again(fmt.Sprint(i))
	}
	if n := len(memory.young) + len(memory.old); n > 2*mostRemembered {
		t.Errorf("%d refusals are remembered, more than %d", n, 2*mostRemembered)
	}
}
