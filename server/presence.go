package server

import (
	"errors"
	"time"

	"github.com/weftsync/weft/awareness"
	ysync "github.com/weftsync/weft/sync"
)

// presence is who is there in one room. It is guarded by the room's lock.
//
// Which connection speaks for which client id is not written in any message: a provider sends on what it hears, and a
// browser's tabs speak for each other. Two kinds of claims tell them apart. The first awareness frame of a connection,
// when it has a single id and comes straight after its step 1, is a strong claim: a provider announces itself so. Any
// other id is a weak claim by whoever says something newer about it. A strong claim takes an id from everybody, the
// newest wins, and weak ones yield to it. A connection that ends takes only the ids with it that it still holds.
type presence struct {
	states *awareness.States
	claims map[uint64]claim // who speaks for an id
	every  time.Duration
	limits awareness.Options

	dirty   map[uint64]struct{} // news that were not sent yet
	sentAt  time.Time
	waiting bool   // a timer runs that sends them
	all     []byte // a frame with everybody, nil when it has to be made
}

// claim says that a connection speaks for an id.
type claim struct {
	by     *connection
	strong bool
}

// newPresence returns the presence of a room where nobody is.
func newPresence(l Limits) presence {
	return presence{
		states: awareness.New(l.Awareness), claims: make(map[uint64]claim), every: l.AwarenessEvery, limits: l.Awareness,
		dirty: make(map[uint64]struct{}),
	}
}

// appear takes what a connection says about who is there. strong says that the frame came straight after its step 1.
func (r *room) appear(c *connection, update []byte, strong bool) *ysync.Refusal {
	entries, err := awareness.Decode(update, r.presence.limits)
	if err != nil {
		return refusalOfAwareness(err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if c.left {
		return nil
	}
	p := &r.presence
	entries = p.admit(c, entries, strong && len(entries) == 1, r.srv.limits.AwarenessIDs)
	if len(entries) == 0 {
		return nil
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
		p.hold(c, id)
	}
	for _, id := range change.Updated {
		p.hold(c, id)
	}
	for _, id := range change.Removed {
		p.release(id)
	}
	if len(change.Stale) > 0 {
		// Told that it is gone, a client raises its clock and announces itself again at once.
		c.deliver(awarenessParcelOf(p.states.AppendUpdate(nil, change.Stale...), change.Stale))
	}
	r.announce(change.Touched())
	return nil
}

// admit drops the entries that c may not make: those for ids that another connection strongly holds, and those for more
// ids than a connection may speak for. It notes a strong claim.
func (p *presence) admit(c *connection, entries []awareness.Entry, strong bool, most int) []awareness.Entry {
	kept := entries[:0]
	for _, e := range entries {
		held, ok := p.claims[e.Client]
		_, known := p.states.Clock(e.Client)
		switch {
		case e.State == nil && !known:
			continue // a farewell of a stranger would only be remembered
		case strong:
			p.give(c, e.Client, true)
		case ok && held.by == c:
		case ok && held.strong:
			continue
		case c.ids >= most && p.isNews(e):
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

// hold makes c speak for id after it said something new about it, unless somebody strongly does.
func (p *presence) hold(c *connection, id uint64) {
	if held, ok := p.claims[id]; !ok || !held.strong {
		p.give(c, id, false)
	}
}

// give makes c speak for id.
func (p *presence) give(c *connection, id uint64, strong bool) {
	p.release(id)
	p.claims[id] = claim{c, strong}
	c.ids++
}

// release ends whatever claim there is to id.
func (p *presence) release(id uint64) {
	if held, ok := p.claims[id]; ok {
		held.by.ids--
		delete(p.claims, id)
	}
}

// disappear removes the ids that c still holds.
func (r *room) disappear(c *connection) {
	var ids []uint64
	for id, held := range r.presence.claims {
		if held.by == c {
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
	news := awarenessParcelOf(p.states.AppendUpdate(nil, ids...), ids)
	for _, c := range r.members {
		c.deliver(news)
	}
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

// greet sends c everybody who is there.
func (r *room) greet(c *connection) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if frame := r.everybody(); frame != nil {
		c.out.owe(len(frame))
		c.deliver(parcel{frame: frame, kind: replyParcel})
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
