package server

import (
	"runtime"
	"sync"
)

// crew is a few goroutines, as many as run at once, that carry out what does not wait for anybody: sending what fits into
// the buffer of a socket, letting out what became durable. They start when there is something to do and end when there is
// not. A goroutine for each of a thousand rooms and connections would do the same, but all of them would stand in the
// scheduler's queue at the moment when it is longest; and what comes for a connection while it stands in ours goes out
// with the rest in one call of the system.
//
//	room ──▶ [connection 3][connection 9][connection 4] ──▶ goroutine ──▶ socket
//	                                                           │ full
//	                                                           ▼
//	                                                 a goroutine that may wait
//
// Work that turns out to have to wait is to be given to a goroutine of its own.
type crew[T any] struct {
	do func(T)

	mu      sync.Mutex
	queue   []T
	first   int // in the queue that is not taken
	running int
}

// add sees to it that item is done. It does not wait.
func (c *crew[T]) add(item T) {
	c.mu.Lock()
	if len(c.queue) == cap(c.queue) && c.first > len(c.queue)/2 { // a queue that is never empty does not grow
		kept := copy(c.queue, c.queue[c.first:])
		clear(c.queue[kept:])
		c.queue, c.first = c.queue[:kept], 0
	}
	c.queue = append(c.queue, item)
	start := c.running < runtime.GOMAXPROCS(0)
	if start {
		c.running++
	}
	c.mu.Unlock()
	if start {
		go c.work()
	}
}

// work does what there is, and ends when there is nothing left.
func (c *crew[T]) work() {
	for {
		item, ok := c.take()
		if !ok {
			return
		}
		c.do(item)
	}
}

// take returns the next item. When there is none it reports false, and whoever called is not counted any more.
func (c *crew[T]) take() (item T, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.first == len(c.queue) {
		c.queue, c.first = c.queue[:0], 0
		if cap(c.queue) > mostQueued {
			c.queue = nil
		}
		c.running--
		return item, false
	}
	item = c.queue[c.first]
	var none T
	c.queue[c.first] = none
	c.first++
	return item, true
}

// mostQueued is for how many items the room is kept when nothing is to be done.
const mostQueued = 1024
