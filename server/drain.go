package server

import (
	"context"
	"sync"
	"time"

	ysync "github.com/weftsync/weft/sync"
)

// drainStep is the time between two slices of connections that are closed.
const drainStep = 20 * time.Millisecond

// retireWithin bounds how long a connection is kept open for what is owed to it.
const retireWithin = 2 * time.Second

// drainConnections closes every connection, in slices over the time of Options.Drain, and waits until they are gone.
// When ctx ends, those still open are cut.
func (s *Server) drainConnections(ctx context.Context) {
	gone := s.connections.close()
	all := s.connections.list()
	slices := max(1, int(s.drain/drainStep))
	size := (len(all) + slices - 1) / slices
	var retiring sync.WaitGroup
	for len(all) > 0 {
		n := min(max(size, 1), len(all))
		for _, c := range all[:n] {
			retiring.Go(func() { c.retire(ctx) })
		}
		if all = all[n:]; len(all) == 0 {
			break
		}
		select {
		case <-time.After(drainStep):
		case <-ctx.Done():
		}
	}
	retiring.Wait()
	select {
	case <-gone:
		return
	case <-ctx.Done():
	}
	for _, c := range s.connections.list() {
		c.cut("the server cannot wait")
		_ = c.ws.CloseNow() // ends a handshake that is under way
	}
	select {
	case <-gone:
	case <-time.After(retireWithin):
	}
}

// retire closes a connection after what it sent is durable and has been acknowledged.
func (c *connection) retire(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, retireWithin)
	defer cancel()
	durable := true
	for _, s := range c.all() {
		if r := s.joined(); r != nil && r.wait(ctx) != nil {
			durable = false
		}
	}
	if durable {
		for !c.out.idle() && ctx.Err() == nil {
			select {
			case <-time.After(2 * time.Millisecond):
			case <-ctx.Done():
			}
		}
	}
	c.end(ysync.CodeRestart, "the server restarts")
}

// wait waits until everything assigned now is durable and has left.
func (r *room) wait(ctx context.Context) error {
	r.mu.Lock()
	if r.state != ready && r.state != draining {
		r.mu.Unlock()
		return nil
	}
	settled := r.settled()
	r.mu.Unlock()
	select {
	case err := <-settled:
		return err
	case <-ctx.Done():
		return ysync.Refuse(ysync.CodeUnavailable, "the disk takes too long")
	}
}
