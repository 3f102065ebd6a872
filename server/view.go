package server

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/weftsync/weft/crdt"
	ysync "github.com/weftsync/weft/sync"
)

// retryMillis is after how long an EventSource comes back.
const retryMillis = 2000

// view is one event stream.
type view struct {
	srv   *Server
	id    uuid.UUID
	from  string // the viewer's address
	w     http.ResponseWriter
	out   *http.ResponseController
	grant Grant
	room  *room
	key   feedKey
	feed  *feed
	at    uint64 // the viewer knows the document as it was after this update
	buf   []byte
	ended chan *ysync.Refusal // is sent why an administrator ends the stream; buffered
}

// serveView serves /view/{document} as server-sent events.
func (s *Server) serveView(w http.ResponseWriter, r *http.Request, name string) {
	s.origins.allowCORS(w, r)
	if r.Method != http.MethodGet {
		w.Header().Set("Allow", "GET")
		s.refuseHTTP(w, r, http.StatusMethodNotAllowed, ysync.Refuse(ysync.CodeMalformed, "an event stream is read with GET"))
		return
	}
	grant, refusal := s.admit(r, View, name)
	key, bad := keyOf(r)
	if refusal == nil {
		refusal = bad
	}
	if refusal == nil && !s.beginView() {
		refusal = ysync.Refuse(ysync.CodeRestart, "the server is going down")
	}
	if refusal != nil {
		s.refuseView(w, r, refusal)
		return
	}
	defer s.endView()
	room, refusal := s.rooms.open(r.Context(), name)
	if refusal != nil {
		s.refuseView(w, r, refusal)
		return
	}
	defer s.rooms.exit(room)
	v := &view{
		srv: s, id: newID(), from: r.RemoteAddr, w: w, out: http.NewResponseController(w), grant: grant, room: room, key: key,
		ended: make(chan *ysync.Refusal, 1),
	}
	s.viewers.add(v)
	defer s.viewers.remove(v)
	defer v.leave()
	room.mu.Lock()
	refusal = v.join()
	room.mu.Unlock()
	if refusal != nil {
		s.refuseView(w, r, refusal)
		return
	}
	v.run(r.Context(), lastEventID(r))
}

// beginView counts a stream, unless the server is going down.
func (s *Server) beginView() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.began {
		return false
	}
	s.views.Add(1)
	s.counters.views.Add(1)
	s.counters.viewing.Add(1)
	return true
}

// endView counts a stream out.
func (s *Server) endView() {
	s.counters.viewing.Add(-1)
	s.views.Done()
}

// keyOf reads what a viewer wants to see.
func keyOf(r *http.Request) (feedKey, *ysync.Refusal) {
	q := r.URL.Query()
	key := feedKey{named: q.Has("root"), root: q.Get("root")}
	switch as := q.Get("as"); as {
	case "json":
		key.json = true
	case "text", "":
	default:
		return key, ysync.Refuse(ysync.CodeMalformed, "as is text or json, not %q", as)
	}
	return key, nil
}

// lastEventID returns where a viewer left off: the header of an EventSource that comes back, or the query parameter of
// one that is made anew.
func lastEventID(r *http.Request) string {
	if id := r.Header.Get("Last-Event-ID"); id != "" {
		return id
	}
	return r.URL.Query().Get("lastEventId")
}

// bind finds the root of a viewer of text who named none: the only one that holds text. The caller holds the room's
// lock.
func (v *view) bind(doc *crdt.Doc) *ysync.Refusal {
	if v.key.json {
		return nil
	}
	if v.key.named {
		if kind := doc.RootKind(v.key.root); !hasText(kind) {
			return ysync.Refuse(ysync.CodeMalformed, "the root holds no text but a %s; ask for it as=json", kind)
		}
		return nil
	}
	switch roots := textRoots(doc); len(roots) {
	case 0:
	case 1:
		v.key.named, v.key.root = true, roots[0]
	default:
		return ysync.Refuse(ysync.CodeMalformed, "%d roots hold text: name one with root=", len(roots))
	}
	return nil
}

// begin returns the first events: nothing when the backlog has what the viewer lacks, else the changes that it missed, or
// the whole. It returns when all of that is durable.
func (v *view) begin(ctx context.Context, lastID string) ([]byte, *ysync.Refusal) {
	r := v.room
	r.mu.Lock()
	if r.state != ready {
		r.mu.Unlock()
		return nil, ysync.Refuse(ysync.CodeUnavailable, "the document is not loaded")
	}
	from, resumes := r.parseEventID(lastID)
	to := r.gate.assigned
	if resumes && (v.feed.covers(from) || !v.key.json && !v.key.named) {
		v.at = from
		r.mu.Unlock()
		return nil, nil
	}
	if !resumes {
		name := eventWhole
		if lastID != "" {
			name = eventReset
		}
		return v.whole(ctx, name)
	}
	v.at = to
	incarnation, settled := r.incarnation(), r.settled()
	r.mu.Unlock()
	if refusal := v.await(ctx, settled); refusal != nil {
		return nil, refusal
	}
	event, refusal := r.missed(ctx, v.key, from, to)
	if refusal != nil {
		return nil, refusal
	}
	if event == nil {
		return v.reset(ctx)
	}
	return appendChanges(nil, incarnation, []*viewEvent{event}), nil
}

// join finds the viewer's root and joins its feed. The caller holds the room's lock.
func (v *view) join() *ysync.Refusal {
	if v.room.state != ready {
		return ysync.Refuse(ysync.CodeUnavailable, "the document is not loaded")
	}
	if refusal := v.bind(v.room.doc); refusal != nil {
		return refusal
	}
	if v.crowded() {
		return ysync.Refuse(ysync.CodeTryLater, "the document has too many viewers already")
	}
	v.feed = v.room.joinFeed(v.key)
	return nil
}

// leave gives the viewer's place in the feed back.
func (v *view) leave() {
	if v.feed != nil {
		v.room.leaveFeed(v.feed)
		v.feed = nil
	}
}

// crowded reports whether the document has as many viewers as it may. The caller holds the room's lock.
func (v *view) crowded() bool {
	n := 0
	for _, f := range v.room.feeds {
		n += f.viewers
	}
	return n >= v.srv.limits.ConnectionsPerDocument
}

// await waits until what was made is durable.
func (v *view) await(ctx context.Context, settled <-chan error) *ysync.Refusal {
	select {
	case err := <-settled:
		if err != nil {
			return asRefusal(err)
		}
		return nil
	case <-ctx.Done():
		return ysync.Refuse(ysync.CodeTryLater, "the viewer has gone")
	}
}

// whole returns the document as it is now, when it is durable. The caller holds the room's lock, which is given back.
func (v *view) whole(ctx context.Context, name string) ([]byte, *ysync.Refusal) {
	r := v.room
	if v.feed.dirty {
		v.feed.catchUp() // so that what the others are told next begins where this viewer begins
	}
	v.at = r.gate.assigned
	data := appendWhole(nil, r.doc, v.key)
	id := eventID(r.incarnation(), v.at)
	settled := r.settled()
	r.mu.Unlock()
	return appendEvent(nil, id, name, data), v.await(ctx, settled)
}

// reset returns the whole for a viewer that cannot be told the steps.
func (v *view) reset(ctx context.Context) ([]byte, *ysync.Refusal) {
	v.srv.counters.resets.Add(1)
	v.room.mu.Lock()
	if v.room.state != ready {
		v.room.mu.Unlock()
		return nil, ysync.Refuse(ysync.CodeUnavailable, "the document is not loaded")
	}
	return v.whole(ctx, eventReset)
}

// rebind moves a viewer that waited for a root with text to the feed of the one that has appeared.
func (v *view) rebind(ctx context.Context) ([]byte, *ysync.Refusal) {
	v.leave()
	v.room.mu.Lock()
	if v.room.state == ready {
		if roots := textRoots(v.room.doc); len(roots) > 0 {
			v.key.named, v.key.root = true, roots[0]
		}
	}
	if refusal := v.join(); refusal != nil {
		v.room.mu.Unlock()
		return nil, refusal
	}
	return v.whole(ctx, eventReset)
}

// run sends what the viewer lacks, and then what happens, until the viewer goes, the server does, or the grant expires.
func (v *view) run(ctx context.Context, lastID string) {
	h := v.w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no")
	v.w.WriteHeader(http.StatusOK)
	if !v.send(retryLine(nil, retryMillis)) {
		return
	}
	first, refusal := v.begin(ctx, lastID)
	if refusal != nil {
		v.farewell(refusal)
		return
	}
	if len(first) > 0 && !v.send(first) {
		return
	}
	heartbeat := time.NewTicker(v.srv.limits.Heartbeat)
	defer heartbeat.Stop()
	var expiry <-chan time.Time
	if !v.grant.Expires.IsZero() {
		t := time.NewTimer(time.Until(v.grant.Expires))
		defer t.Stop()
		expiry = t.C
	}
	for {
		n := v.feed.after(v.at)
		if !v.tell(ctx, n) {
			return
		}
		if len(n.events) > 0 || n.lost || n.bound {
			continue
		}
		select {
		case <-n.changed:
		case <-heartbeat.C:
			if !v.send([]byte(": beat\n\n")) {
				return
			}
		case <-expiry:
			v.farewell(ysync.Refuse(ysync.CodeUnauthorized, "the token has expired"))
			return
		case refusal := <-v.ended:
			v.farewell(refusal)
			return
		case <-v.srv.draining:
			v.send(retryLine(nil, 1000+rand.IntN(4000)))
			return
		case <-ctx.Done():
			return
		}
	}
}

// tell sends what a viewer found at its position. It reports false when the stream has ended.
func (v *view) tell(ctx context.Context, n news) bool {
	var data []byte
	var refusal *ysync.Refusal
	switch {
	case n.ended != nil:
		refusal = n.ended
	case n.bound:
		data, refusal = v.rebind(ctx)
	case n.lost:
		data, refusal = v.reset(ctx)
	case len(n.events) > 0:
		v.at = n.events[len(n.events)-1].seq
		data = n.events[0].frame // made once for all viewers
		if len(n.events) > 1 {
			v.buf = appendChanges(v.buf[:0], n.incarnation, n.events)
			data = v.buf
		}
	}
	if refusal != nil {
		v.farewell(refusal)
		return false
	}
	return len(data) == 0 || v.send(data)
}

// send writes and flushes within the time for a write.
func (v *view) send(data []byte) bool {
	err := v.out.SetWriteDeadline(time.Now().Add(v.srv.limits.WriteStall))
	if err != nil && !errors.Is(err, http.ErrNotSupported) {
		return false
	}
	for len(data) > 0 {
		piece := data[:min(len(data), viewPieceBytes)]
		if _, err := v.w.Write(piece); err != nil {
			return false
		}
		if data = data[len(piece):]; len(data) > 0 {
			_ = v.out.SetWriteDeadline(time.Now().Add(v.srv.limits.WriteStall)) // as above
		}
	}
	return v.out.Flush() == nil
}

// viewPieceBytes is how much of a large event has to get through within Limits.WriteStall.
const viewPieceBytes = 64 << 10

// farewell ends a stream with a reason.
func (v *view) farewell(refusal *ysync.Refusal) {
	v.srv.refused(v.id, v.from, refusal.Code, refusal.Reason)
	v.send(appendRefused(nil, refusal))
}

// refuseView turns a viewer away. An EventSource cannot see the status of an answer, and never comes back after one
// that is not 200: it is told by an event. Others get a status.
func (s *Server) refuseView(w http.ResponseWriter, r *http.Request, refusal *ysync.Refusal) {
	if !strings.Contains(r.Header.Get("Accept"), "text/event-stream") {
		s.refuseHTTP(w, r, statusOf(refusal.Code), refusal)
		return
	}
	s.refused(newID(), r.RemoteAddr, refusal.Code, refusal.Reason)
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusOK)
	retry := max(retryMillis, int(refusal.After.Milliseconds()))
	if refusal.Code.Permanent() {
		retry = 60_000 // for those who do not listen to the event
	}
	_, _ = w.Write(appendRefused(retryLine(nil, retry), refusal)) // an error means that the client has gone
}

// appendRefused appends the event that ends a stream.
func appendRefused(b []byte, refusal *ysync.Refusal) []byte {
	data := fmt.Appendf(nil, `{"code":%d,"reason":%s,"retry":%t}`, refusal.Code, quoteJSON(refusal.Reason), !refusal.Code.Permanent())
	return appendEvent(b, "", eventRefused, data)
}

// retryLine appends after how many milliseconds an EventSource comes back.
func retryLine(b []byte, millis int) []byte {
	return append(strconv.AppendInt(append(b, "retry: "...), int64(millis), 10), "\n\n"...)
}

// incarnation returns the incarnation of the document's log, 0 while there is none. The caller holds the lock.
func (r *room) incarnation() uint64 {
	if r.log == nil {
		return 0
	}
	return r.log.Info().Incarnation
}

// parseEventID reads an id that this server gave out. It reports false for one of another incarnation, or that the
// document has not come to: there is nothing to resume. The caller holds the lock.
func (r *room) parseEventID(id string) (uint64, bool) {
	inc, seq, ok := strings.Cut(id, ":")
	if !ok || r.log == nil {
		return 0, false
	}
	i, err := strconv.ParseUint(inc, 16, 64)
	n, err2 := strconv.ParseUint(seq, 10, 64)
	return n, err == nil && err2 == nil && i == r.incarnation() && n <= r.gate.assigned
}
