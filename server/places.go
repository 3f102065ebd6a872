package server

import (
	"context"
	"time"
)

// places bounds how many may do something at once. It is a channel with room for as many.
type places chan struct{}

// try takes a place, or reports false when there is none.
func (p places) try() bool {
	select {
	case p <- struct{}{}:
		return true
	default:
		return false
	}
}

// enter takes a place and waits for one for at most d. It reports false when none came, or when ctx ended before.
func (p places) enter(ctx context.Context, d time.Duration) bool {
	if p.try() {
		return true
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case p <- struct{}{}:
		return true
	case <-t.C:
	case <-ctx.Done():
	}
	return false
}

// leave gives a place back.
func (p places) leave() { <-p }
