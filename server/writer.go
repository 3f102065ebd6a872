package server

import (
	"context"
	"errors"
	"time"

	"github.com/weftsync/weft/crdt"
	"github.com/weftsync/weft/storage"
	ysync "github.com/weftsync/weft/sync"
)

// deliver puts a parcel into the outbox. It does not wait for the peer.
func (c *connection) deliver(p parcel) {
	if c.out.push(p) {
		c.srv.senders.add(c)
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
		s.conn.srv.senders.add(s.conn)
	}
}

// send writes what waits, and ends when nothing does. Frames that wait together go out together. It does not wait: when
// the peer does not keep up, or something has to be read first, a goroutine goes on from there.
func (c *connection) send() {
	b := newBatch(c.socket)
	e, ok := c.out.take()
	for ok {
		if !b.fits(e) {
			go c.write(b, e, true)
			return
		}
		c.add(&b, e)
		if e, ok = c.out.more(); ok {
			continue
		}
		frames, bytes := b.frames, len(*b.buffer)
		done, err := b.try()
		if !done {
			go c.write(b, e, false)
			return
		}
		if !c.sent(frames, bytes, err) {
			break
		}
		e, ok = c.out.take()
	}
	b.done()
	c.out.writers.Done()
}

// write goes on with a batch for as long as it takes, first with an errand if there is one.
func (c *connection) write(b batch, e errand, ok bool) {
	defer c.out.writers.Done()
	defer b.done()
	for {
		for ok {
			if !c.add(&b, e) {
				return
			}
			e, ok = c.out.more()
		}
		if !c.sent(b.flush()) {
			return
		}
		if e, ok = c.out.take(); !ok {
			return
		}
	}
}

// add adds the frame of an errand to what is sent next. It reports false when the connection has ended.
func (c *connection) add(batch *batch, e errand) bool {
	to := e.parcel.to
	frame, err := e.frame()
	if err != nil {
		c.out.forget(to)
		to.fail(asRefusal(err))
		return true
	}
	if len(frame) > 0 {
		var address []byte
		if to != nil && !e.status {
			address = to.prefix
		}
		if !c.sent(batch.add(address, frame)) {
			return false
		}
	}
	if k := e.parcel.kind; (k == replyParcel || k == noticeParcel) && !e.made() {
		c.out.paid(len(frame))
	}
	return true
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

// sent notes that frames were written, or that they could not be. It reports false when the connection has ended.
func (c *connection) sent(frames, bytes int, err error) bool {
	if err != nil {
		c.cut("write failed")
		return false
	}
	if frames > 0 {
		c.sentAt.Store(time.Now().UnixNano())
		c.srv.counters.sent.Add(uint64(frames))
		c.srv.counters.sentBytes.Add(uint64(bytes))
	}
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
