package server

import (
	ysync "github.com/weftsync/weft/sync"
)

// relay passes a stateless message on to everybody else in the document whose dialect has such messages. It is kept
// nowhere: who is not there, or has too much waiting, does not get it.
func (r *room) relay(from *session, payload []byte) *ysync.Refusal {
	if most := r.srv.limits.StatelessBytes; len(payload) > most {
		return ysync.Refuse(ysync.CodeTooLarge, "a stateless message of %d bytes, more than %d", len(payload), most)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	p := parcel{frame: ysync.Hocuspocus{}.AppendStateless(nil, payload), kind: statelessParcel}
	for _, s := range r.members {
		if s != from && s.addressed() {
			s.deliver(p)
		}
	}
	return nil
}
