package server

import (
	"time"

	ysync "github.com/weftsync/weft/sync"
)

// tryAgainAfter is how long the server waits before it tries again what failed for a passing reason. A provider of the
// Hocuspocus dialect whose socket is closed for that comes back every second; on the open socket it just waits.
const tryAgainAfter = 2 * time.Second

// mostKeyBytes is how much of an address tells sessions apart. It is more than a good address has.
const mostKeyBytes = 2 * ysync.MaxAddressBytes

// many returns the receiver of the Hocuspocus dialect. With a refusal, every document is refused.
func (c *connection) many(barred *ysync.Refusal) receiver {
	return func(frame []byte) (int, error) {
		if ysync.IsPong(frame) {
			return 1, nil
		}
		address, message, err := ysync.CutAddress(frame)
		if err != nil {
			return 0, err
		}
		key := address[:min(len(address), mostKeyBytes)]
		c.mu.Lock()
		s, n := c.sessions[string(key)], len(c.sessions)
		c.mu.Unlock()
		if s == nil {
			if n >= c.srv.limits.DocumentsPerConnection {
				c.refuseOneMore(address, message)
				return 1, nil
			}
			s = c.begin(string(key), address, barred)
		}
		return s.receive(message)
	}
}

// begin makes the session of an address that was not heard of before. An address that is none, and one of another
// document than the path's, are refused when a token comes.
func (c *connection) begin(key string, address []byte, barred *ysync.Refusal) *session {
	document, _, bad := ysync.ParseAddress(address)
	switch {
	case barred != nil:
	case bad != nil:
		barred = bad
	case c.document != "" && c.document != document:
		barred = ysync.Refuse(ysync.CodeForbidden, "the path names another document")
	}
	s := newSession(c, document, address)
	s.address, s.barred = key, barred
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sessions[key] = s
	return s
}

// refuseOneMore refuses a document for which there is no room on the connection, once for each token.
func (c *connection) refuseOneMore(address, message []byte) {
	messages, err := ysync.Hocuspocus{}.Parse(message, nil)
	if err != nil || messages[0].Kind != ysync.Token {
		return
	}
	refusal := ysync.Refuse(ysync.CodeTooLarge, "more than %d documents on one connection", c.srv.limits.DocumentsPerConnection)
	c.srv.refusedDocument(c, "", refusal)
	frame := ysync.Hocuspocus{}.AppendDenied(ysync.AppendAddress(nil, string(address)), refusal.Reason)
	c.out.owe(len(frame))
	c.deliver(parcel{frame: frame, kind: noticeParcel})
}

// authenticate begins to ask who the peer is. The lock is held; the answer comes on a goroutine of its own, so that
// other documents on the connection do not wait for it.
func (s *session) authenticate(step ysync.Step) *ysync.Refusal {
	if v := int32(step.Provider); v > s.conn.provider.Load() {
		s.conn.provider.Store(v)
	}
	if s.barred != nil {
		return s.barred
	}
	t := string(step.Payload)
	if t == "" {
		t = tokenOf(s.conn.request)
	}
	return s.askAbout(t)
}

// askAbout begins to ask about a token, or does so when the question that is under way has been answered. Of several
// that come meanwhile the last counts. A refusal says that too many questions are under way, and ends the connection.
func (s *session) askAbout(token string) *ysync.Refusal {
	if s.asking {
		s.next = &token
		return nil
	}
	if !s.conn.srv.questions.try() {
		return ysync.Refuse(ysync.CodeTryLater, "too many wait to be authorised")
	}
	s.askBeside(token)
	return nil
}

// askBeside asks about a token on a goroutine of its own, which gives the place among the questions back.
func (s *session) askBeside(token string) {
	s.asking = s.conn.spawn(func() { s.ask(token) })
	if !s.asking {
		s.conn.srv.questions.leave()
	}
}

// reauthorize asks again about the token that the session was opened with. The caller has a place among the questions.
func (s *session) reauthorize() {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.state.IsOpen() && !s.asking:
		s.askBeside(s.token)
		return
	case s.state.IsOpen() && s.next == nil: // the answer that is under way may be the old one
		token := s.token
		s.next = &token
	}
	s.conn.srv.questions.leave()
}

// ask asks about a token, and about what came meanwhile.
func (s *session) ask(token string) {
	defer s.conn.srv.questions.leave()
	for next := &token; next != nil; {
		next = s.askOnce(*next)
	}
}

// askOnce asks about a token and lets the answer act. It returns the token to ask about next, nil for none.
func (s *session) askOnce(token string) (next *string) {
	s.mu.Lock()
	joined := s.room != nil
	s.mu.Unlock()
	grant, room, refusal := s.find(token, joined)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.answer(token, grant, room, refusal); err != nil {
		s.close(asRefusal(err))
		s.next = nil
	}
	next, s.next = s.next, nil
	s.asking = next != nil
	return next
}

// open is ask for a session that waits for the answer, in the y-websocket dialect.
func (s *session) open() error {
	token := tokenOf(s.conn.request)
	grant, room, refusal := s.find(token, false)
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.answer(token, grant, room, refusal)
}

// find asks the Authorizer, and opens the document for a session that is not in it yet. What fails for a passing reason
// is tried again on a socket that others share. The caller has to exit the room.
func (s *session) find(token string, joined bool) (Grant, *room, *ysync.Refusal) {
	srv := s.conn.srv
	deadline := time.Now().Add(srv.limits.OpenWithin)
	for {
		grant, refusal := srv.authorize(s.conn.ctx, Request{
			Action: Sync, Document: s.document, Token: token, HTTP: s.conn.request, Renewal: joined,
		})
		var room *room
		if refusal == nil && !joined {
			room, refusal = srv.rooms.attend(s.conn.ctx, s.document)
		}
		passing := refusal != nil && !refusal.Code.Permanent() && refusal.Code != ysync.CodeCorrupt
		if !passing || joined || !s.addressed() || time.Now().After(deadline) || srv.isDraining() || !s.conn.pauseQuietly(tryAgainAfter) {
			return grant, room, refusal
		}
	}
}

// answer lets the Authorizer's answer act: it opens the session, changes what it may do, or refuses it. An error ends
// the connection.
func (s *session) answer(token string, grant Grant, room *room, refusal *ysync.Refusal) (err error) {
	if s.room == nil && !s.gone {
		defer func() {
			if refusal != nil {
				s.traced(refusal)
			} else {
				s.traced(err)
			}
		}()
	}
	if room != nil && (s.gone || s.room != nil || refusal != nil) {
		s.conn.srv.rooms.exit(room)
	}
	switch {
	case s.gone:
		return nil
	case refusal != nil && s.room != nil && !refusal.Code.Permanent():
		return nil // nobody knows better now; what was granted lasts until it expires
	case refusal != nil:
		s.token = token
		return s.turnAway(refusal)
	case s.room == nil && room == nil: // it was refused while the question was under way
		if s.next == nil {
			s.next = &token
		}
		return nil
	}
	s.token, s.grant = token, grant
	s.signed, _ = newStamp(grant.Presence) // authorize has read it once already
	s.conn.answered.Store(true)
	steps, err := s.state.Open(grant.Level)
	if err != nil {
		return s.turnAway(asRefusal(err))
	}
	if s.room == nil {
		var first []byte
		if s.addressed() { // what the peer may do is the first thing that it is told
			first, steps = ysync.Hocuspocus{}.AppendAuthenticated(nil, grant.Level), steps[1:]
		}
		if refusal := room.join(s, first); refusal != nil {
			s.conn.srv.rooms.exit(room)
			return s.turnAway(refusal)
		}
		s.room = room
		s.userAccount.Store(s.conn.srv.users.open(grant.User))
		s.documentAccount.Store(s.conn.srv.documents.open(s.document))
	} else if grant.Level < ysync.Presence {
		s.room.hide(s)
	}
	if refusal := s.carryOutAll(steps); refusal != nil {
		return s.turnAway(refusal)
	}
	for _, message := range s.takeHeld() {
		if _, err := s.take(message); err != nil {
			return err
		}
	}
	return nil
}

// look does for a session what time asks for: it asks for a new token before the old one expires, ends what has
// expired, gives up waiting for a token, and asks for what was rejected while the disk was full.
func (s *session) look(now time.Time, l *Limits) {
	if !s.mu.TryLock() {
		return // it is busy, and looked at again in a second
	}
	defer s.mu.Unlock()
	var refusal *ysync.Refusal
	switch expires := s.grant.Expires; {
	case s.gone:
	case s.state.Waiting():
		if s.addressed() && !s.asking && now.Sub(s.since) > s.conn.patience {
			if !s.edits {
				s.detach() // the last words of a provider that has left
				return
			}
			refusal = ysync.Refuse(ysync.CodeUnauthorized, "no token came within %s", s.conn.patience)
		}
	case !s.state.IsOpen():
	case !expires.IsZero() && !now.Before(expires):
		refusal = ysync.Refuse(ysync.CodeUnauthorized, "the token has expired")
	case !expires.IsZero() && s.addressed() && expires.Sub(now) < l.RenewBefore && !s.renewed.Equal(expires):
		s.renewed = expires
		s.tell(ysync.Hocuspocus{}.AppendTokenRequest(nil))
	case s.stalled && s.conn.srv.writable() == nil:
		s.stalled = false
		refusal = s.carryOutAll(s.state.Resync())
	}
	if refusal != nil {
		s.turnAwayNow(refusal)
	}
}
