package relay

import (
	"bufio"
	"errors"
	"net"
	"net/http"
	"sync"
)

// A cork is a connection that can hold back what is written to it, to write it all at once.
type cork struct {
	net.Conn
	mu      sync.Mutex
	held    []byte
	holding bool
}

// maxHeld is how much is held back at most.
const maxHeld = 256 << 10

// Write holds back or writes.
func (c *cork) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.holding {
		return c.Conn.Write(p)
	}
	c.held = append(c.held, p...)
	if len(c.held) >= maxHeld {
		if err := c.flush(); err != nil {
			return 0, err
		}
	}
	return len(p), nil
}

func (c *cork) hold() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.holding = true
}

func (c *cork) release() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.holding = false
	return c.flush()
}

func (c *cork) flush() error {
	if len(c.held) == 0 {
		return nil
	}
	_, err := c.Conn.Write(c.held)
	if c.held = c.held[:0]; cap(c.held) > 32<<10 {
		c.held = nil // a burst is over; an idle connection keeps little
	}
	return err
}

// A corkable hands out a cork when its connection is taken over.
type corkable struct {
	http.ResponseWriter
	member *member
}

// Hijack implements [http.Hijacker].
func (w *corkable) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	hijacker, ok := w.ResponseWriter.(http.Hijacker)
	if !ok {
		return nil, nil, errors.New("the connection cannot be taken over")
	}
	conn, buffered, err := hijacker.Hijack()
	if err != nil {
		return nil, nil, err
	}
	w.member.cork = &cork{Conn: conn}
	buffered.Writer.Reset(w.member.cork)
	return w.member.cork, buffered, nil
}
