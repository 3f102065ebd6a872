package main

import (
	"testing"
	"time"
)

func TestMemoryIsGivenBackOnceAfterABusyTime(t *testing.T) {
	began := time.Unix(1e9, 0)
	var i idle
	for n, step := range []struct {
		after     time.Duration
		allocated uint64
		want      bool
	}{
		{0, 0, false},
		{time.Second, idleBytes + 1, false},        // busy
		{2 * time.Second, 100 * idleBytes, false},  // still
		{3 * time.Second, 101 * idleBytes, true},   // over
		{4 * time.Second, 101 * idleBytes, false},  // once
		{5 * time.Second, 103 * idleBytes, false},  // busy again
		{6 * time.Second, 103 * idleBytes, false},  // over, but it was done just now
		{2 * time.Minute, 103 * idleBytes, true},   // made up for
		{20 * time.Minute, 103 * idleBytes, false}, // nothing has happened since
	} {
		if got := i.look(began.Add(step.after), step.allocated); got != step.want {
			t.Errorf("step %d: got %t, want %t", n, got, step.want)
		}
	}
	if allocated() == 0 {
		t.Error("the runtime does not say how much was allocated")
	}
}
