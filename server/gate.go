package server

// gate holds back what must not be seen before the sequence that it depends on is durable. It is a queue: what was made
// later depends on the same sequence or a later one, so that the order in which things leave is the order in which they
// were made. It belongs to a room and is guarded by its lock.
//
//	assigned ── 9 ┐
//	            8 │  held: update 9 · step 2 (needs 9) · update 8
//	durable ─── 7 ┘
//	            6    out
type gate struct {
	assigned uint64 // the last sequence given to an update of this document
	durable  uint64 // the last one that is on disk
	held     []held
	off      bool // tests only: nothing is held back, which is what the tests of the gate have to notice
}

// held is one thing that waits.
type held struct {
	needs   uint64 // leaves when this sequence is durable
	frame   []byte
	update  []byte     // the update with the sequence needs, a part of frame that carries it: for everybody
	to      *session   // frame is a reply to this session; with update, it made the update
	acks    int        // sync statuses for that session, which say that something is applied
	refused bool       // and these that it is not
	event   *viewEvent // is to be published
	settled chan error // is sent nil; buffered
	at      int64      // of an update: when it was received, in nanoseconds of the Unix epoch; 0 if that is not known
}

// hold takes h in, to leave when all that is assigned now is durable.
func (g *gate) hold(h held) {
	h.needs = g.assigned
	g.held = append(g.held, h)
}

// last returns the youngest thing that waits for all that is assigned now, nil if there is none.
func (g *gate) last() *held {
	if n := len(g.held); n > 0 && g.held[n-1].needs == g.assigned {
		return &g.held[n-1]
	}
	return nil
}

// next takes out what may leave. It reports false when nothing may.
func (g *gate) next() (held, bool) {
	if len(g.held) == 0 || g.held[0].needs > g.durable && !g.off {
		return held{}, false
	}
	h := g.held[0]
	g.held[0] = held{}
	g.held = g.held[1:]
	if len(g.held) == 0 {
		g.held = nil
	}
	return h, true
}

// advance notes that seq is durable.
func (g *gate) advance(seq uint64) { g.durable = max(g.durable, seq) }

// settled reports whether everything is durable and has left.
func (g *gate) settled() bool { return g.durable >= g.assigned && len(g.held) == 0 }
