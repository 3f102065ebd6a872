package server

import (
	"context"
	"errors"
	"time"

	"github.com/coder/websocket"

	"github.com/weftsync/weft/crdt"
	"github.com/weftsync/weft/storage"
	ysync "github.com/weftsync/weft/sync"
)

// deliver puts a parcel into the outbox. It does not wait for the peer.
func (c *connection) deliver(p parcel) {
	if c.out.push(p) {
		go c.write()
	}
}

// deliver puts a parcel for the session into the outbox of its connection.
func (s *session) deliver(p parcel) {
	p.to = s
	s.conn.deliver(p)
}

// acknowledge sends n sync statuses to the session.
func (s *session) acknowledge(applied bool, n int) {
	if s.conn.out.acknowledge(s, applied, n) {
		go s.conn.write()
	}
}

// write sends what waits, and ends when nothing does.
func (c *connection) write() {
	defer c.out.writers.Done()
	var joining *[]byte // for frames that are made of an address and a message
	defer func() {
		if joining != nil && cap(*joining) <= pooledBytes {
			pooled.Put(joining)
		}
	}()
	for {
		e, ok := c.out.take()
		if !ok {
			return
		}
		frame, err := e.frame()
		if err != nil {
			c.out.forget(e.parcel.to)
			e.parcel.to.fail(asRefusal(err))
			continue
		}
		n := len(frame)
		if to := e.parcel.to; to != nil && to.addressed() && n > 0 && !e.status {
			if joining == nil {
				joining = pooled.Get().(*[]byte)
			}
			*joining = append(append((*joining)[:0], to.prefix...), frame...)
			frame = *joining
		}
		if n > 0 && !c.send(frame) {
			return
		}
		if k := e.parcel.kind; (k == replyParcel || k == noticeParcel) && !e.made() {
			c.out.paid(n)
		}
	}
}

// made reports whether the frame is made by the writer, and so was not waiting.
func (e *errand) made() bool { return e.status || e.repair || len(e.ids) > 0 }

// frame returns what is to be sent, without its address but for a sync status; nil for nothing.
func (e *errand) frame() ([]byte, error) {
	to := e.parcel.to
	switch {
	case e.status && e.applied:
		return to.acked, nil
	case e.status:
		return ysync.Hocuspocus{}.AppendSyncStatus(append([]byte(nil), to.prefix...), false), nil
	case e.repair:
		return e.room.catchUp(to, e.after)
	case len(e.ids) > 0:
		return e.room.presenceOf(e.ids), nil
	}
	return e.parcel.frame, nil
}

// send writes one message. There is no deadline and no context, which would cost a timer and allocations for every
// message: the watch cuts a connection whose write makes no progress.
func (c *connection) send(frame []byte) bool {
	if err := c.ws.Write(context.Background(), websocket.MessageBinary, frame); err != nil {
		c.cut("write failed")
		return false
	}
	c.sentAt.Store(time.Now().UnixNano())
	c.srv.counters.sent.Add(1)
	c.srv.counters.sentBytes.Add(uint64(len(frame)))
	return true
}

// repairBytes is about how many bytes of the log are merged into one frame for a reader that fell behind.
const repairBytes = 1 << 20

// errEnough ends the reading of the log when a frame is full.
var errEnough = errors.New("enough for one frame")

// catchUp returns a message with what the log has after a sequence, and notes how far it goes. It returns nil when there
// is nothing. The room's lock is not held while the log is read; it is taken at the end, to see whether the reader is
// level with what has been broadcast and can be sent updates as they come again.
func (r *room) catchUp(s *session, after uint64) ([]byte, error) {
	r.mu.Lock()
	log := r.log
	r.mu.Unlock()
	if log == nil {
		return nil, ysync.Refuse(ysync.CodeUnavailable, "the document is not loaded")
	}
	r.srv.counters.repairs.Add(1)
	var updates [][]byte
	size, last := 0, after
	err := log.Load(context.Background(), after, func(e storage.Entry) error {
		if size > 0 && size+len(e.Update) > repairBytes {
			return errEnough
		}
		updates = append(updates, append([]byte(nil), e.Update...))
		size += len(e.Update)
		last = e.Seq
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) {
		r.srv.log.Error("read the log for a slow reader", "document", r.name, "error", err)
		return nil, refusalOfStorage(err)
	}
	r.mu.Lock()
	s.conn.out.caughtUp(s, last, last >= r.flushed)
	r.mu.Unlock()
	if len(updates) == 0 {
		return nil, nil
	}
	merged, err := crdt.MergeUpdates(updates...)
	if err != nil {
		r.srv.log.Error("merge the log for a slow reader", "document", r.name, "error", err)
		return nil, ysync.Refuse(ysync.CodeCorrupt, "the stored document is damaged")
	}
	return ysync.YWebsocket{}.AppendUpdate(make([]byte, 0, len(merged)+16), merged), nil
}
