package server

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/google/uuid"

	"github.com/weftsync/weft/crdt"
	"github.com/weftsync/weft/storage"
	ysync "github.com/weftsync/weft/sync"
)

// emptyUpdate is what every client without content sends when it connects. It does not create a document.
var emptyUpdate = []byte{0, 0}

// emptyVector is the state vector of who has nothing.
var emptyVector = []byte{0}

// origin is where an update comes from.
type origin struct {
	session *session // nil for REST
	id      uuid.UUID
	user    string
	acks    int   // sync statuses that it is owed
	at      int64 // when its last byte was received, in nanoseconds of the Unix epoch; 0 if that is not known
}

// apply carries one update from the check to the log. What it returns ends the session of whoever sent it; the document
// has not changed then, unless the room failed, which ends all of its sessions.
func (r *room) apply(o origin, kind ysync.Kind, update []byte) (refusal *ysync.Refusal) {
	r.mu.Lock()
	defer r.mu.Unlock()
	defer r.contain(&refusal)
	known, refusal := r.judge(o.session, update)
	if refusal == nil && !known && !bytes.Equal(update, emptyUpdate) {
		refusal = r.found() // which waits for the disk, and that is nobody's work
	}
	if refusal != nil {
		return refusal
	}
	defer o.session.work(len(update))()
	if known {
		r.confirm(o, kind, update)
		return nil
	}
	applied, err := r.doc.ApplyUpdate(update)
	if err != nil {
		return refusalOfUpdate(err)
	}
	if !applied.Changed {
		r.confirm(o, kind, update)
		return nil
	}
	return r.commit(o, applied)
}

// judge says, as the work of a session, whether an update may be applied. A full disk or document refuses what is new.
// Every client answers the server's step 1, most of them with nothing new, which is known, and may go on reading.
func (r *room) judge(s *session, update []byte) (known bool, refusal *ysync.Refusal) {
	defer s.work(len(update))()
	refusal = r.admit(update)
	full := refusal != nil && (refusal.Code == ysync.CodeDiskFull || refusal.Code == ysync.CodeTooLarge)
	if full && r.knows(update) {
		return true, nil
	}
	return false, refusal
}

// knows reports whether an update adds nothing.
func (r *room) knows(update []byte) bool {
	known, err := r.doc.Knows(update)
	return err == nil && known
}

// confirm answers an update that added nothing: its writer does not know whether it had arrived before, and is told when
// everything that the document has now is durable. In the y-websocket dialect a step 2 is not answered.
func (r *room) confirm(o origin, kind ysync.Kind, update []byte) {
	switch {
	case o.session == nil:
	case o.session.addressed():
		r.status(o.session, true, o.acks)
	case kind == ysync.Update:
		r.srv.counters.acks.Add(1)
		r.reply(o.session, ysync.YWebsocket{}.AppendUpdate(nil, update))
	}
}

// status sends n sync statuses when everything that the document has now is durable. They are kept as a number. The
// caller holds the lock.
func (r *room) status(s *session, applied bool, n int) {
	if n == 0 {
		return
	}
	if last := r.gate.last(); last != nil && last.to == s && last.acks > 0 && last.update == nil && last.refused == !applied {
		last.acks += n
		return
	}
	s.conn.out.owe(0)
	r.gate.hold(held{to: s, acks: n, refused: !applied})
	r.release()
}

// reject tells s that an update was not applied. It waits its turn behind what was.
func (r *room) reject(s *session) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.status(s, false, 1)
}

// admit says whether an update may be applied at all: what can refuse stands before apply, and before a document is
// created for it.
func (r *room) admit(update []byte) *ysync.Refusal {
	if r.state != ready {
		return ysync.Refuse(ysync.CodeUnavailable, "the document is not loaded")
	}
	if err := r.srv.writable(); err != nil {
		return refusalOfStorage(err)
	}
	if refusal := r.size.admit(r.doc, update, r.srv.limits.DocumentBytes); refusal != nil {
		return refusal
	}
	if r.log != nil || bytes.Equal(update, emptyUpdate) {
		return nil
	}
	if err := crdt.ValidateUpdate(update); err != nil {
		return refusalOfUpdate(err)
	}
	return nil
}

// found creates the document's log, if there is none yet. The caller holds the lock.
func (r *room) found() *ysync.Refusal {
	if r.log != nil {
		return nil
	}
	log, err := r.srv.store.Document(context.Background(), r.name, true)
	if err != nil {
		r.srv.log.Error("create document", "document", r.name, "error", err)
		return refusalOfStorage(err)
	}
	r.attach(log)
	return nil
}

// commit appends what is new and holds its broadcast, and the sync statuses for its writer, back until it is durable.
func (r *room) commit(o origin, applied crdt.Applied) *ysync.Refusal {
	seq, err := r.put(storage.Entry{Connection: o.id, User: o.user, Update: applied.Update})
	if err != nil {
		// The engine has what the log has not. Only a new engine, made from the log, may go on.
		refusal := refusalOfStorage(err)
		r.fail(refusal, fmt.Errorf("append to the log: %w", err))
		return refusal
	}
	r.srv.counters.updates.Add(1)
	r.gate.assigned, r.used = seq, time.Now()
	r.size.grow(len(applied.Update))
	r.step2 = sharedStep2{}
	frame := ysync.YWebsocket{}.AppendUpdate(make([]byte, 0, len(applied.Update)+8), applied.Update)
	r.gate.hold(held{frame: frame, update: frame[len(frame)-len(applied.Update):], to: o.session, acks: o.acks, at: o.at})
	r.stage(seq, applied.Roots)
	r.release()
	return nil
}

// contain turns a panic of the engine into the failure of this one room, which is loaded again from its log.
func (r *room) contain(refusal **ysync.Refusal) {
	p := recover()
	if p == nil {
		return
	}
	r.srv.log.Error("panic in a room", "document", r.name, "panic", p, "stack", string(debug.Stack()))
	*refusal = ysync.Refuse(ysync.CodeUnavailable, "the document failed and is loaded again")
	r.fail(*refusal, errors.New("panic in the engine"))
}

// known checks that an update from somebody who may only read adds nothing. The document does not change.
func (r *room) known(o origin, update []byte) (refusal *ysync.Refusal) {
	r.mu.Lock()
	defer r.mu.Unlock()
	defer r.contain(&refusal)
	defer o.session.work(len(update))()
	if r.state != ready {
		return ysync.Refuse(ysync.CodeUnavailable, "the document is not loaded")
	}
	known, err := r.doc.Knows(update)
	if err != nil {
		return refusalOfUpdate(err)
	}
	if !known {
		return ysync.Refuse(ysync.CodeForbidden, "read-only: local changes cannot be taken")
	}
	if o.acks > 0 {
		r.status(o.session, true, o.acks)
	}
	return nil
}

// refusalOfUpdate says why an update was refused.
func refusalOfUpdate(err error) *ysync.Refusal {
	var bad *crdt.UpdateError
	if errors.As(err, &bad) {
		return ysync.Refuse(ysync.CodeMalformed, "update refused at byte %d: %s", bad.Offset, bad.Reason)
	}
	return ysync.Refuse(ysync.CodeMalformed, "update refused")
}

// reply sends a message to one session when everything assigned now is durable. The caller holds the lock.
func (r *room) reply(s *session, message []byte) {
	s.conn.out.owe(len(message))
	s.conn.spent.replies.Add(int64(len(message)))
	r.gate.hold(held{frame: message, to: s})
	r.release()
}

// settled returns a channel that is sent nil when everything assigned now is durable, or the refusal if the room fails
// before. The caller holds the lock.
func (r *room) settled() <-chan error {
	done := make(chan error, 1)
	r.gate.hold(held{settled: done})
	r.release()
	return done
}
