package server

import (
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/weftsync/weft/storage"
	ysync "github.com/weftsync/weft/sync"
)

// counters are the server's own figures.
type counters struct {
	connections   atomic.Uint64
	views         atomic.Uint64
	viewing       atomic.Int64
	received      atomic.Uint64
	receivedBytes atomic.Uint64
	sent          atomic.Uint64
	sentBytes     atomic.Uint64
	updates       atomic.Uint64
	loads         atomic.Uint64
	failures      atomic.Uint64
	coldAnswers   atomic.Uint64
	merges        atomic.Uint64
	repairs       atomic.Uint64
	replays       atomic.Uint64
	resets        atomic.Uint64
	presenceFull  atomic.Uint64
	cut           atomic.Uint64
	rejected      atomic.Uint64
	parked        atomic.Uint64
	acks          atomic.Uint64
	resyncs       atomic.Uint64
	evictions     atomic.Uint64

	throttled [rates]atomic.Uint64 // times that a connection was not read for a while, or a request refused

	propagation histogram
	loading     histogram
	compaction  histogram

	mu       sync.Mutex
	refusals map[string]uint64 // by code
}

// Stats are counters since New and gauges of a Server.
type Stats struct {
	Connections      int    // WebSockets open now
	ConnectionsTotal uint64 // since New
	Views            int    // event streams open now
	ViewsTotal       uint64
	Documents        int // in memory now

	MessagesReceived uint64 // frames of WebSockets
	BytesReceived    uint64
	MessagesSent     uint64
	BytesSent        uint64
	InFlightBytes    int64 // of large inbound messages

	Updates      uint64 // applied and logged
	Loads        uint64 // documents loaded from the log
	ColdAnswers  uint64 // messages answered, and updates found known, without an engine
	Merges       uint64 // logs merged for that
	Failures     uint64 // documents that failed, each time
	Repairs      uint64 // frames made from the log for readers that fell behind
	Replays      uint64 // logs replayed for viewers that came back
	Resets       uint64 // viewers that had to be sent the whole again
	PresenceFull uint64 // awareness dropped because the document was full
	Cut          uint64 // connections closed without a handshake
	Rejected     uint64 // updates answered by a sync status 0: read-only, or the disk is full
	Acks         uint64 // updates acknowledged, by an echo or a sync status 1
	Resyncs      uint64 // answers to a step 1
	Evictions    uint64 // idle documents taken out of memory early, because memory was short
	Parked       uint64 // connections kept open, unheard, because they would come back at once

	Propagation    Histogram // from the last byte of an update received until it was put into every outbox
	LoadTime       Histogram // of loads from the log
	CompactionTime Histogram // of snapshots built and verified

	Throttled map[string]uint64 // times that a connection was not read for a while, or a request refused, by the rate
	Refusals  map[string]uint64 // by close code
	Depths
	Storage storage.Stats
}

// Stats returns the server's figures. It takes the lock of every outbox, and of every document that is not busy, for a
// moment: call it once a scrape.
func (s *Server) Stats() Stats {
	c := &s.counters
	st := Stats{
		Connections: s.connections.count(), ConnectionsTotal: c.connections.Load(),
		Views: int(c.viewing.Load()), ViewsTotal: c.views.Load(), Documents: len(s.rooms.list()),
		MessagesReceived: c.received.Load(), BytesReceived: c.receivedBytes.Load(),
		MessagesSent: c.sent.Load(), BytesSent: c.sentBytes.Load(), InFlightBytes: s.inFlight.held.Load(),
		Updates: c.updates.Load(), Loads: c.loads.Load(), Failures: c.failures.Load(), ColdAnswers: c.coldAnswers.Load(), Merges: c.merges.Load(), Repairs: c.repairs.Load(),
		Replays: c.replays.Load(), Resets: c.resets.Load(), PresenceFull: c.presenceFull.Load(), Cut: c.cut.Load(),
		Rejected: c.rejected.Load(), Parked: c.parked.Load(), Acks: c.acks.Load(), Resyncs: c.resyncs.Load(),
		Evictions: c.evictions.Load(), Propagation: c.propagation.read(), LoadTime: c.loading.read(), CompactionTime: c.compaction.read(),
		Throttled: make(map[string]uint64), Refusals: make(map[string]uint64), Depths: s.depths(), Storage: s.store.Stats(),
	}
	for i, name := range rateNames {
		st.Throttled[name] = c.throttled[i].Load()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for code, n := range c.refusals {
		st.Refusals[code] = n
	}
	return st
}

// refusedDocument counts and logs the refusal of one document on a connection that stays open.
func (s *Server) refusedDocument(c *connection, document string, refusal *ysync.Refusal) {
	s.countRefusal(refusal.Code)
	s.log.Info("refused", "connection", c.id, "remote", c.remote, "document", document, "code", int(refusal.Code), "reason", refusal.Reason)
}

// refused counts and logs one refusal. Each ends a connection, a stream or a request, so that this is once for each of
// them. Reasons are ours and hold neither content nor tokens.
func (s *Server) refused(id uuid.UUID, remote string, code ysync.Code, reason string) {
	s.countRefusal(code)
	s.log.Info("refused", "connection", id, "remote", remote, "code", int(code), "reason", reason)
}

// countRefusal counts a refusal by its code.
func (s *Server) countRefusal(code ysync.Code) {
	s.counters.mu.Lock()
	defer s.counters.mu.Unlock()
	s.counters.refusals[strconv.Itoa(int(code))]++
}

// delivered counts an update that is in every outbox: how long that took, and that its writer is told, by a number of
// sync statuses or, in the y-websocket dialect, by the update itself.
func (c *counters) delivered(h held) {
	if h.at != 0 {
		c.propagation.observe(time.Duration(time.Now().UnixNano() - h.at))
	}
	switch {
	case h.acks > 0:
		c.acks.Add(uint64(h.acks))
	case h.to != nil && !h.to.addressed():
		c.acks.Add(1)
	}
}
