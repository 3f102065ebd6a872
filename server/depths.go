package server

import "time"

// Depths are gauges: what waits, and where, at this moment.
type Depths struct {
	Ready    bool           // documents can be written: not draining, room on the disk, and the disk answers
	Dialects map[string]int // connections open now, by dialect

	WaitingBytes int64 // of messages that are held until their sender is authorised
	OutboxFrames int   // frames that wait to be sent, of all connections
	OutboxBytes  int   // their bytes; a frame that several wait for counts for each
	Behind       int   // connections that are sent the log because they fell behind
	GateHeld     int   // replies, broadcasts and events that wait for the disk
	Loading      int   // documents being loaded or replayed now

	EngineBytes    int64         // approximate memory of the engines
	PendingStructs int           // that wait for operations which have not come
	PendingAge     time.Duration // how long the oldest document with such structs has had some
}

// The dialects as metrics name them.
const (
	dialectUnknown    = "unknown"
	dialectYWebsocket = "y-websocket"
	dialectHocuspocus = "hocuspocus"
)

// depths looks at every connection and document once.
func (s *Server) depths() Depths {
	d := Depths{
		Ready: s.ready() == nil, Dialects: map[string]int{dialectUnknown: 0, dialectYWebsocket: 0, dialectHocuspocus: 0},
		WaitingBytes: s.waiting.held.Load(), Loading: len(s.loads),
	}
	for _, c := range s.connections.list() {
		d.Dialects[c.dialectName()]++
		frames, bytes, behind := c.out.depth()
		d.OutboxFrames += frames
		d.OutboxBytes += bytes
		if behind {
			d.Behind++
		}
	}
	now := time.Now()
	for _, r := range s.rooms.list() {
		d.GateHeld += r.waiting()
		d.EngineBytes += r.weight.bytes.Load()
		d.PendingStructs += int(r.weight.pending.Load())
		if since := r.weight.pendingSince.Load(); since != 0 {
			d.PendingAge = max(d.PendingAge, now.Sub(time.Unix(0, since)))
		}
	}
	return d
}

// dialectName names the dialect of the peer.
func (c *connection) dialectName() string {
	switch d := c.speaks(); {
	case d == nil:
		return dialectUnknown
	case d.Addressed():
		return dialectHocuspocus
	}
	return dialectYWebsocket
}

// depth returns what waits in the outbox, and whether a session of it is behind.
func (o *outbox) depth() (frames, bytes int, behind bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, s := range o.lacking {
		behind = behind || s.mail.behind
	}
	return len(o.queue), o.bytes, behind
}

// waiting returns how many things wait for the disk. A room that is busy counts as none.
func (r *room) waiting() int {
	if !r.mu.TryLock() {
		return 0
	}
	defer r.mu.Unlock()
	return len(r.gate.held)
}
