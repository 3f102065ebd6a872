package server

import (
	"context"
	"runtime/debug"
	"time"

	ysync "github.com/weftsync/weft/sync"
)

// answers reports whether the room can answer, with an engine or without. The caller holds the lock.
func (r *room) answers() bool { return r.state == ready || r.isCold() }

// isCold reports whether the room answers from its log. The caller holds the lock.
func (r *room) isCold() bool { return r.state == cold || r.state == loading }

// claim sends the document's state vector to s: a claim too, and so behind the gate.
func (r *room) claim(ctx context.Context, s *session) *ysync.Refusal {
	frame := func(vector []byte) []byte { return ysync.YWebsocket{}.AppendStep1(nil, vector) }
	return r.respond(s, func() ([]byte, *ysync.Refusal) {
		return frame(r.doc.EncodeStateVector()), nil
	}, func() ([]byte, *ysync.Refusal) {
		vector, refusal := r.coldVector(ctx)
		if refusal != nil {
			return nil, refusal
		}
		return frame(vector), nil
	})
}

// sharedStep2 is the last step 2 that was made. Many who connect at the same time have the same state vector, most of
// them none, and are sent the same bytes.
type sharedStep2 struct {
	vector string
	frame  []byte
	made   time.Time
}

// answer sends s what its state vector lacks.
func (r *room) answer(ctx context.Context, s *session, vector []byte) *ysync.Refusal {
	if refusal := r.aliveVector(vector); refusal != nil {
		return refusal
	}
	r.srv.counters.resyncs.Add(1)
	return r.respond(s, func() ([]byte, *ysync.Refusal) {
		return r.step2For(s, vector)
	}, func() ([]byte, *ysync.Refusal) {
		update, refusal := r.coldUpdate(ctx, vector)
		if refusal != nil {
			return nil, refusal
		}
		return ysync.YWebsocket{}.AppendStep2(make([]byte, 0, len(update)+16), update), nil
	})
}

// step2For encodes what a state vector lacks of a document with an engine. The caller holds the lock.
func (r *room) step2For(s *session, vector []byte) ([]byte, *ysync.Refusal) {
	if r.step2.frame == nil || r.step2.vector != string(vector) {
		done := s.work(busyBytes)
		update, err := r.doc.EncodeStateAsUpdate(vector)
		done()
		if err != nil {
			return nil, refusalOfVector(err)
		}
		frame := ysync.YWebsocket{}.AppendStep2(make([]byte, 0, len(update)+16), update)
		r.step2 = sharedStep2{string(vector), frame, time.Now()}
	}
	return r.step2.frame, nil
}

// refusalOfVector says why a state vector was refused.
func refusalOfVector(err error) *ysync.Refusal {
	return ysync.Refuse(ysync.CodeMalformed, "state vector refused: %v", err)
}

// respond sends s a reply that the engine makes, under the lock, or the log, without it. A room that gets an engine
// meanwhile has sent s, who is a member, every update that the log did not have yet.
func (r *room) respond(s *session, byEngine, byLog func() ([]byte, *ysync.Refusal)) (refusal *ysync.Refusal) {
	r.mu.Lock()
	defer r.mu.Unlock()
	defer r.contain(&refusal)
	var frame []byte
	switch {
	case r.state == ready:
		frame, refusal = byEngine()
	case r.isCold():
		r.mu.Unlock()
		frame, refusal = guarded(r, byLog)
		r.mu.Lock()
		r.srv.counters.coldAnswers.Add(1)
		if refusal == nil && !r.answers() {
			refusal = r.refusal()
		}
	default:
		refusal = r.refusal()
	}
	if refusal == nil {
		r.reply(s, frame)
	}
	return refusal
}

// guarded runs what answers without the lock. A panic refuses the one who asked: there is no engine that could be broken.
func guarded[T any](r *room, answer func() (T, *ysync.Refusal)) (result T, refusal *ysync.Refusal) {
	defer func() {
		if p := recover(); p != nil {
			r.srv.log.Error("panic while answering", "document", r.name, "panic", p, "stack", string(debug.Stack()))
			refusal = ysync.Refuse(ysync.CodeUnavailable, "the answer failed")
		}
	}()
	return answer()
}

// refusal says why a room does not answer. The caller holds the lock.
func (r *room) refusal() *ysync.Refusal {
	if r.failure != nil {
		return r.failure
	}
	return ysync.Refuse(ysync.CodeUnavailable, "the document is not loaded")
}

// offer applies an update. A room without an engine answers one that adds nothing, as every client sends when it comes
// back; any other wakes it.
func (r *room) offer(ctx context.Context, o origin, kind ysync.Kind, update []byte) *ysync.Refusal {
	if refusal := r.aliveUpdate(update); refusal != nil {
		return refusal
	}
	done, refusal := r.offerCold(ctx, update, func() { r.confirm(o, kind, update) })
	if done || refusal != nil {
		return refusal
	}
	return r.apply(o, kind, update)
}

// offerKnown checks that an update from somebody who may only read adds nothing.
func (r *room) offerKnown(ctx context.Context, o origin, update []byte) *ysync.Refusal {
	if refusal := r.aliveUpdate(update); refusal != nil {
		return refusal
	}
	done, refusal := r.offerCold(ctx, update, func() { r.status(o.session, true, o.acks) })
	if done || refusal != nil {
		return refusal
	}
	return r.known(o, update)
}

// offerCold confirms, under the lock, an update that adds nothing to a document without an engine, and reports whether it
// did. Otherwise the room is ready when it returns, or the refusal says why not.
func (r *room) offerCold(ctx context.Context, update []byte, confirm func()) (done bool, refusal *ysync.Refusal) {
	r.mu.Lock()
	isCold := r.isCold()
	r.mu.Unlock()
	if !isCold {
		return false, nil
	}
	known, refusal := guarded(r, func() (bool, *ysync.Refusal) { return r.coldKnows(ctx, update) })
	if refusal != nil {
		return false, refusal
	}
	if !known {
		ctx, cancel := context.WithTimeout(ctx, r.srv.limits.OpenWithin)
		defer cancel()
		return false, r.wake(ctx)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.answers() {
		return false, r.refusal()
	}
	r.srv.counters.coldAnswers.Add(1)
	confirm()
	return true, nil
}
