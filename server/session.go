package server

import (
	"sync"
	"sync/atomic"
	"time"

	ysync "github.com/weftsync/weft/sync"
)

// session is one document on one connection: who takes part, with which right, and as which member of the room.
//
// Its lock orders what the reader carries out and what comes from elsewhere: the answer of the Authorizer, the watch, an
// administrator. It is taken before a room's, and never while one is held.
type session struct {
	conn     *connection
	document string
	address  string // the key on the connection
	prefix   []byte // the address as it stands before every message to the peer; nil in the y-websocket dialect
	acked    []byte // the frame that says that an update is applied and safe

	mu         sync.Mutex
	state      ysync.Session
	steps      []ysync.Step // room for those of one message
	gone       bool         // the peer has left the document, or the connection has ended
	room       *room        // while the session is open
	grant      Grant
	signed     stamp          // the grant's presence
	token      string         // the last that was asked about
	barred     *ysync.Refusal // why every token is refused; nil for a session that may be opened
	asking     bool           // the Authorizer is being asked
	next       *string        // the token to ask about after that
	held       [][]byte
	heldBytes  int64
	edits      bool      // something that was held, or sent since, changes the document
	since      time.Time // since when the session waits
	introduced bool      // an awareness frame has come
	afterStep1 bool      // the last message was a step 1
	stalled    bool      // updates are rejected for now, because the disk is full
	renewed    time.Time // the expiry for which a new token was asked for

	userAccount     atomic.Pointer[account] // of everybody who is the same user; nil while nobody is known
	documentAccount atomic.Pointer[account] // of everybody in the document

	mail mailbox // guarded by the lock of the connection's outbox

	// Guarded by the lock of the room.
	place int  // index in the room's members
	left  bool // not a member, or no longer
	ids   int  // how many awareness ids the session speaks for
}

// newSession returns a session that waits for authorisation.
func newSession(c *connection, document string, address []byte) *session {
	s := &session{conn: c, document: document, address: string(address), since: time.Now(), left: true}
	if address != nil {
		s.state = ysync.NewSession(ysync.Hocuspocus{})
		s.prefix = ysync.AppendAddress(nil, s.address)
		s.acked = ysync.Hocuspocus{}.AppendSyncStatus(append([]byte(nil), s.prefix...), true)
	}
	return s
}

// addressed reports whether the session's dialect is Hocuspocus.
func (s *session) addressed() bool { return s.prefix != nil }

// origin returns where an update of the session comes from.
func (s *session) origin(step ysync.Step) origin {
	return origin{session: s, id: s.conn.id, user: s.grant.User, acks: step.Acks, at: s.conn.socket.received.Load()}
}

// receive reads one message and carries it out. A refusal has been told the peer where the socket stays.
func (s *session) receive(message []byte) (int, error) {
	s.conn.last = s
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.take(message)
}

// take is receive with the lock held.
func (s *session) take(message []byte) (int, error) {
	steps, err := s.state.Receive(message, s.steps[:0])
	s.steps = steps[:0]
	defer clear(steps) // they alias the message
	if err != nil {
		return 0, s.turnAway(asRefusal(err))
	}
	if refusal := s.carryOutAll(steps); refusal != nil {
		return len(steps), s.turnAway(refusal)
	}
	return len(steps), nil
}

// carryOutAll does what steps say. The first that is refused ends it.
func (s *session) carryOutAll(steps []ysync.Step) *ysync.Refusal {
	for _, step := range steps {
		if refusal := s.carryOut(step); refusal != nil {
			return refusal
		}
		if step.Kind != 0 {
			s.afterStep1 = step.Kind == ysync.Step1
		}
	}
	return nil
}

// carryOut does what one step says. The lock is held.
func (s *session) carryOut(step ysync.Step) *ysync.Refusal {
	switch step.Act {
	case ysync.SendStep1:
		return s.room.claim(s.conn.ctx, s)
	case ysync.SendStep2:
		return s.room.answer(s.conn.ctx, s, step.Payload)
	case ysync.Apply:
		return s.reject(step, s.room.offer(s.conn.ctx, s.origin(step), step.Kind, step.Payload))
	case ysync.ApplyKnown:
		return s.reject(step, s.room.offerKnown(s.conn.ctx, s.origin(step), step.Payload))
	case ysync.Reject:
		s.room.reject(s)
	case ysync.ApplyAwareness:
		strong := s.afterStep1 && !s.introduced
		s.introduced = true
		return s.room.appear(s, step.Payload, strong, s.signed)
	case ysync.SendAwareness:
		s.room.greet(s)
	case ysync.Authenticate:
		return s.authenticate(step)
	case ysync.SendAuthenticated:
		s.tell(ysync.Hocuspocus{}.AppendAuthenticated(nil, s.state.Level()))
	case ysync.Hold:
		return s.hold(step)
	case ysync.Relay:
		return s.room.relay(s, step.Payload)
	case ysync.Detach:
		s.detach()
	}
	return nil
}

// reject answers a refused update by a sync status where that is enough: the peer may only read, or the disk is full. It
// returns the refusals for which it is not.
func (s *session) reject(step ysync.Step, refusal *ysync.Refusal) *ysync.Refusal {
	if refusal == nil || !s.addressed() {
		return refusal
	}
	switch refusal.Code {
	case ysync.CodeDiskFull:
		s.stalled = true
	case ysync.CodeForbidden:
	default:
		return refusal
	}
	if s.state.Rejected(step) {
		s.room.reject(s)
	}
	s.conn.srv.counters.rejected.Add(1)
	return nil
}

// tell sends a message that does not wait for the disk, and that is sent even when the session is refused.
func (s *session) tell(message []byte) {
	s.conn.out.owe(len(message))
	s.deliver(parcel{frame: message, kind: noticeParcel})
}

// turnAway refuses the peer. Where the socket stays and the reason is not a passing one, the document is refused on it
// and nothing is returned; else it returns the refusal that ends the connection.
func (s *session) turnAway(refusal *ysync.Refusal) error {
	_ = s.state.End(refusal)
	if !s.addressed() || !refusal.Code.Permanent() && refusal.Code != ysync.CodeCorrupt {
		return refusal
	}
	s.deny(refusal)
	return nil
}

// deny tells the peer that the document is refused, and takes the session out of it. Messages that are held are dropped.
func (s *session) deny(refusal *ysync.Refusal) {
	s.exit()
	s.conn.answered.Store(true)
	s.conn.srv.refusedDocument(s.conn, s.document, refusal)
	s.tell(ysync.Hocuspocus{}.AppendDenied(nil, refusal.Reason))
	for _, message := range s.takeHeld() {
		_, _ = s.state.Receive(message, nil) // a parked session counts what it drops
	}
}

// end refuses the session from outside of the reader: it is kicked, has expired, or its room failed.
func (s *session) end(refusal *ysync.Refusal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.gone {
		return
	}
	s.turnAwayNow(refusal)
}

// turnAwayNow turns the peer away from outside of its reader, for its expiry or an administrator.
func (s *session) turnAwayNow(refusal *ysync.Refusal) {
	if err := s.turnAway(refusal); err != nil {
		s.close(refusal)
	}
}

// close ends the connection of a peer that is turned away from outside of its reader. A y-websocket that comes back with
// the same token, and is refused for the same, is parked then.
func (s *session) close(refusal *ysync.Refusal) {
	if refusal.Code.Permanent() {
		s.turnedAwayBefore(refusal.Code, nil)
	}
	s.conn.refuse(refusal)
}

// detach takes the session off the connection, because the peer has left the document.
func (s *session) detach() {
	s.gone = true
	s.exit()
	s.takeHeld()
	s.conn.mu.Lock()
	defer s.conn.mu.Unlock()
	if s.conn.sessions[s.address] == s {
		delete(s.conn.sessions, s.address)
	}
}

// leave ends the session with its connection.
func (s *session) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.detach()
}

// exit takes the session out of the room and its outbox.
func (s *session) exit() {
	s.conn.out.forget(s)
	if s.room == nil {
		return
	}
	s.room.leave(s)
	s.conn.srv.rooms.exit(s.room)
	s.conn.srv.users.close(s.userAccount.Swap(nil))
	s.conn.srv.documents.close(s.documentAccount.Swap(nil))
	s.room, s.introduced, s.stalled = nil, false, false
}

// hold keeps a message that came before authorisation.
func (s *session) hold(step ysync.Step) *ysync.Refusal {
	n := int64(len(step.Payload)) + 64
	if !s.conn.waiting.take(n) {
		return ysync.Refuse(ysync.CodeTooLarge, "more than %d bytes before authorisation", s.conn.waiting.limit)
	}
	if !s.conn.srv.waiting.take(n) {
		s.conn.waiting.give(n)
		return ysync.Refuse(ysync.CodeTryLater, "too much waits for authorisation")
	}
	s.heldBytes += n
	s.held = append(s.held, append([]byte(nil), step.Payload...))
	s.edits = s.edits || step.Kind != ysync.Awareness
	return nil
}

// takeHeld returns the messages that are held and gives back what they were charged.
func (s *session) takeHeld() [][]byte {
	held := s.held
	s.conn.waiting.give(s.heldBytes)
	s.conn.srv.waiting.give(s.heldBytes)
	s.held, s.heldBytes = nil, 0
	return held
}

// join makes s a member. first is sent before everything else, nil for nothing. Broadcasts after the present one reach it.
func (r *room) join(s *session, first []byte) *ysync.Refusal {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case !r.answers():
		return ysync.Refuse(ysync.CodeUnavailable, "the document is not loaded")
	case len(r.members) >= r.srv.limits.ConnectionsPerDocument:
		return ysync.Refuse(ysync.CodeTryLater, "the document has %d connections already", len(r.members))
	}
	s.place, s.left = len(r.members), false
	s.conn.out.enter(s, r, r.flushed)
	r.members = append(r.members, s)
	if first != nil {
		s.tell(first)
	}
	return nil
}

// leave takes s out of the room, with whom it speaks for.
func (r *room) leave(s *session) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if s.left {
		return
	}
	s.left = true
	last := len(r.members) - 1
	r.members[s.place] = r.members[last]
	r.members[s.place].place = s.place
	r.members[last] = nil
	r.members = r.members[:last]
	r.disappear(s)
}

// fail refuses the session because its document cannot be read or failed. It does not wait, and takes no lock of a
// session or a room, so that it may be called under one.
func (s *session) fail(refusal *ysync.Refusal) {
	if s.addressed() && refusal.Code == ysync.CodeCorrupt {
		s.conn.spawn(func() { s.end(refusal) })
		return
	}
	s.conn.refuse(refusal)
}

// joined returns the room that the session is in, nil for none.
func (s *session) joined() *room {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.room
}
