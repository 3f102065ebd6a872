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

// write sends what waits, and ends when nothing does.
func (c *connection) write() {
	defer c.out.writers.Done()
	for {
		e, ok := c.out.take()
		if !ok {
			return
		}
		frame := e.parcel.frame
		switch {
		case e.repair:
			var err error
			if frame, err = c.room.catchUp(c, e.after); err != nil {
				c.refuse(asRefusal(err))
				return
			}
		case len(e.ids) > 0:
			frame = c.room.presenceOf(e.ids)
		}
		if frame != nil && !c.send(frame) {
			return
		}
		if e.parcel.kind == replyParcel && !e.repair {
			c.out.paid(len(frame))
		}
	}
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

// catchUp returns a frame with what the log has after a sequence, and notes how far it goes. It returns nil when there
// is nothing. The room's lock is not held while the log is read; it is taken at the end, to see whether the reader is
// level with what has been broadcast and can be sent updates as they come again.
func (r *room) catchUp(c *connection, after uint64) ([]byte, error) {
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
	c.out.caughtUp(last, last >= r.flushed)
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
