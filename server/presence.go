package server

import (
	"errors"
	"time"

	"github.com/weftsync/weft/awareness"
	ysync "github.com/weftsync/weft/sync"
)

// presence is who is there in one room. It is guarded by the room's lock.
//
// Which session speaks for which client id is not written in any message: a provider sends on what it hears, and a
// browser's tabs speak for each other. Two kinds of claims tell them apart. The first awareness frame of a connection,
// when it has a single id and comes straight after its step 1, is a strong claim: a provider announces itself so. Any
// other id is a weak claim by whoever says something newer about it. A strong claim takes an id from everybody, the
// newest wins, and weak ones yield to it. A connection that ends takes only the ids with it that it still holds.
type presence struct {
	states *awareness.States
	claims map[uint64]claim // who speaks for an id
	every  time.Duration
	limits awareness.Options
	naive  bool // every mention is a claim, as in servers that know of one kind only: the control of a test

	dirty   map[uint64]struct{} // news that were not sent yet
	sentAt  time.Time
	waiting bool   // a timer runs that sends them
	all     []byte // a frame with everybody, nil when it has to be made
}

// claim says that a session speaks for an id.
type claim struct {
	by     *session
	strong bool
}

// newPresence returns the presence of a room where nobody is.
func newPresence(l Limits) presence {
	return presence{
		states: awareness.New(l.Awareness), claims: make(map[uint64]claim), every: l.AwarenessEvery, limits: l.Awareness,
		dirty: make(map[uint64]struct{}),
	}
}

// appear takes what a session says about who is there, and signs it with its user. strong says that the frame came straight after its step 1.
func (r *room) appear(s *session, update []byte, strong bool, user stamp) *ysync.Refusal {
	entries, err := awareness.Decode(update, r.presence.limits)
	if err != nil {
		return refusalOfAwareness(err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if s.left {
		return nil
	}
	p := &r.presence
	entries = p.admit(s, entries, strong && len(entries) == 1, r.srv.limits.AwarenessIDs)
	if len(entries) == 0 {
		return nil
	}
	if refusal := user.on(entries, p.limits); refusal != nil {
		return refusal
	}
	change, err := p.states.Apply(entries, time.Now())
	if errors.Is(err, awareness.ErrFull) {
		r.srv.counters.presenceFull.Add(1)
		return nil // the document is full of people; this one is innocent
	}
	if err != nil {
		return refusalOfAwareness(err)
	}
	for _, id := range change.Added {
		p.hold(s, id)
	}
	for _, id := range change.Updated {
		p.hold(s, id)
	}
	for _, id := range change.Removed {
		p.release(id)
	}
	if len(change.Stale) > 0 {
		// Told that it is gone, a client raises its clock and announces itself again at once.
		s.deliver(awarenessParcelOf(p.states.AppendUpdate(nil, change.Stale...), change.Stale))
	}
	r.announce(change.Touched())
	return nil
}

// admit drops the entries that s may not make: those for ids that another session strongly holds, and those for more
// ids than a session may speak for. It notes a strong claim.
func (p *presence) admit(s *session, entries []awareness.Entry, strong bool, most int) []awareness.Entry {
	kept := entries[:0]
	for _, e := range entries {
		held, ok := p.claims[e.Client]
		_, known := p.states.Clock(e.Client)
		switch {
		case e.State == nil && !known:
			continue // a farewell of a stranger would only be remembered
		case strong || p.naive:
			p.give(s, e.Client, true)
		case ok && held.by == s:
		case ok && held.strong:
			continue
		case s.ids >= most && p.isNews(e):
			continue
		}
		kept = append(kept, e)
	}
	return kept
}

// isNews reports whether an entry would change anything.
func (p *presence) isNews(e awareness.Entry) bool {
	clock, known := p.states.Clock(e.Client)
	return !known || e.Clock > clock || e.Clock == clock && e.State == nil
}

// hold makes s speak for id after it said something new about it, unless somebody strongly does.
func (p *presence) hold(s *session, id uint64) {
	if held, ok := p.claims[id]; !ok || !held.strong {
		p.give(s, id, false)
	}
}

// give makes s speak for id.
func (p *presence) give(s *session, id uint64, strong bool) {
	p.release(id)
	p.claims[id] = claim{s, strong}
	s.ids++
}

// release ends whatever claim there is to id.
func (p *presence) release(id uint64) {
	if held, ok := p.claims[id]; ok {
		held.by.ids--
		delete(p.claims, id)
	}
}

// hide removes the ids that s still holds, because it may not be seen any more.
func (r *room) hide(s *session) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.disappear(s)
}

// disappear removes the ids that s still holds. The caller holds the lock.
func (r *room) disappear(s *session) {
	var ids []uint64
	for id, held := range r.presence.claims {
		if held.by == s {
			ids = append(ids, id)
		}
	}
	for _, id := range ids {
		r.presence.release(id)
	}
	r.announce(r.presence.states.Remove(time.Now(), ids...))
}

// expire removes who has been silent for too long.
func (r *room) expire(now time.Time) {
	gone := r.presence.states.Expire(now)
	for _, id := range gone {
		r.presence.release(id)
	}
	r.announce(gone)
}

// announce sends news about ids to everybody: the first at once, and then what has come together every so often, of
// each id the last state.
func (r *room) announce(ids []uint64) {
	if len(ids) == 0 {
		return
	}
	p := &r.presence
	p.all = nil
	for _, id := range ids {
		p.dirty[id] = struct{}{}
	}
	if p.waiting {
		return
	}
	rest := p.every - time.Since(p.sentAt)
	if rest <= 0 {
		r.sendNews()
		return
	}
	p.waiting = true
	time.AfterFunc(rest, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.presence.waiting = false
		r.sendNews()
	})
}

// sendNews sends what has come together.
func (r *room) sendNews() {
	p := &r.presence
	if len(p.dirty) == 0 {
		return
	}
	ids := make([]uint64, 0, len(p.dirty))
	for id := range p.dirty {
		ids = append(ids, id)
	}
	clear(p.dirty)
	p.sentAt = time.Now()
	news, author := awarenessParcelOf(p.states.AppendUpdate(nil, ids...), ids), p.author(ids)
	for _, s := range r.members {
		if s != author {
			s.deliver(news)
		}
	}
}

// author returns the session that speaks for all of the ids, nil if there is none. It knows what it said: sending that
// back would be a third of the frames of a small room.
func (p *presence) author(ids []uint64) *session {
	by := p.claims[ids[0]].by
	for _, id := range ids[1:] {
		if p.claims[id].by != by {
			return nil
		}
	}
	return by
}

// everybody returns a frame with everybody who is there, or nil if nobody is.
func (r *room) everybody() []byte {
	p := &r.presence
	if p.states.Len() == 0 {
		return nil
	}
	if p.all == nil {
		p.all = ysync.YWebsocket{}.AppendAwareness(nil, p.states.AppendAll(nil))
	}
	return p.all
}

// greet sends s everybody who is there.
func (r *room) greet(s *session) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if frame := r.everybody(); frame != nil {
		s.conn.out.owe(len(frame))
		s.conn.spent.replies.Add(int64(len(frame)))
		s.deliver(parcel{frame: frame, kind: replyParcel})
	}
}

// presenceOf returns a frame with the present state of ids, for a reader that missed news about them.
func (r *room) presenceOf(ids []uint64) []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	return ysync.YWebsocket{}.AppendAwareness(nil, r.presence.states.AppendUpdate(nil, ids...))
}

// awarenessParcelOf wraps an awareness update about ids.
func awarenessParcelOf(update []byte, ids []uint64) parcel {
	return parcel{frame: ysync.YWebsocket{}.AppendAwareness(nil, update), kind: awarenessParcel, ids: ids}
}

// refusalOfAwareness says why an awareness update was refused.
func refusalOfAwareness(err error) *ysync.Refusal {
	var bad *awareness.Error
	if !errors.As(err, &bad) {
		return ysync.Refuse(ysync.CodeMalformed, "awareness refused")
	}
	code := ysync.CodeMalformed
	if errors.Is(err, awareness.ErrTooLarge) {
		code = ysync.CodeTooLarge
	}
	return ysync.Refuse(code, "awareness refused at byte %d: %s", bad.Offset, bad.Reason)
}
