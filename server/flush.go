package server

import (
	"github.com/weftsync/weft/crdt"
	ysync "github.com/weftsync/weft/sync"
)

// onDurable is called by storage after an fsync, on a goroutine that all documents share: it hands over and returns.
func (r *room) onDurable(uint64) {
	if r.kicked.CompareAndSwap(false, true) {
		r.srv.releasers.add(r)
	}
}

// letOut lets out what has become durable. It does not wait: what takes longer goes on in a goroutine of its own, so that
// a room that is busy, or is drawn for viewers, holds no other up.
func (r *room) letOut() {
	if !r.mu.TryLock() {
		go func() {
			r.mu.Lock()
			r.outlet()
		}()
		return
	}
	if len(r.feeds) > 0 {
		go r.outlet()
		return
	}
	r.outlet()
}

// outlet is letOut with the lock, which it gives up.
func (r *room) outlet() {
	defer r.mu.Unlock()
	r.kicked.Store(false)
	if r.log != nil {
		r.gate.advance(r.log.Durable())
		r.release()
	}
}

// release lets out what the gate does not hold any more. Updates that leave together are sent as one. The caller holds
// the lock.
func (r *room) release() {
	var few [8]held
	updates := few[:0]
	for {
		h, ok := r.gate.next()
		switch {
		case !ok:
			r.broadcast(updates)
			updates = updates[:0]
			if !r.render() {
				return
			} // what was rendered may be durable already
		case h.update != nil:
			updates = append(updates, h)
		case h.event != nil:
			h.event.feed.publish(h.event) // editors do not see viewers' events, so the order is free
		default:
			r.broadcast(updates)
			updates = updates[:0]
			r.let(h)
		}
	}
}

// let lets one thing out that is neither an update nor an event.
func (r *room) let(h held) {
	switch {
	case h.acks > 0:
		h.to.conn.out.paid(0)
		h.to.acknowledge(!h.refused, h.acks)
		if !h.refused {
			r.srv.counters.acks.Add(uint64(h.acks))
		}
	case h.to != nil:
		h.to.deliver(parcel{frame: h.frame, kind: replyParcel})
	case h.settled != nil:
		h.settled <- nil
	}
}

// mergedBytes is up to how many bytes of updates are merged into one frame.
const mergedBytes = 64 << 10

// broadcast sends updates that became durable together to everybody, in as few frames as there may be, made once for all.
// A lone update goes as it came. Sync statuses stay one for each update.
func (r *room) broadcast(updates []held) {
	for len(updates) > 0 {
		n, size := 1, len(updates[0].update)
		for n < len(updates) && size+len(updates[n].update) <= mergedBytes {
			size += len(updates[n].update)
			n++
		}
		if frame := merge(updates[:n]); frame != nil {
			r.flushed = updates[n-1].needs
			r.send(parcel{frame: frame, kind: updateParcel, seq: r.flushed}, soleWriter(updates[:n]))
		} else {
			for _, h := range updates[:n] {
				r.flushed = h.needs
				r.send(parcel{frame: h.frame, kind: updateParcel, seq: h.needs}, h.to)
			}
		}
		for _, h := range updates[:n] {
			if h.acks > 0 {
				h.to.acknowledge(true, h.acks)
			}
			r.srv.counters.delivered(h)
		}
		updates = updates[n:]
	}
}

// send sends updates to everybody. In the Hocuspocus dialect who wrote all of them is told by sync statuses instead.
func (r *room) send(p parcel, writer *session) {
	for _, s := range r.members {
		if s != writer || !s.addressed() {
			s.deliver(p)
		}
	}
}

// merge returns a frame with the merge of several updates, or nil if they are to be sent one by one: there is only one,
// or they cannot be merged.
func merge(updates []held) []byte {
	if len(updates) == 1 {
		return nil
	}
	var few [16][]byte
	all := few[:0]
	for _, h := range updates {
		all = append(all, h.update)
	}
	merged, err := crdt.MergeUpdates(all...)
	if err != nil {
		return nil
	}
	return ysync.YWebsocket{}.AppendUpdate(make([]byte, 0, len(merged)+8), merged)
}

// soleWriter returns the session that all of the updates come from, nil if they come from several.
func soleWriter(updates []held) *session {
	for _, h := range updates {
		if h.to != updates[0].to {
			return nil
		}
	}
	return updates[0].to
}
