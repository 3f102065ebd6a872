package relay

import (
	"context"
	"net/http"
	"sync"

	"github.com/coder/websocket"
)

// A Relay is an [http.Handler]; the path of a request names its room. The zero value is ready.
type Relay struct {
	// Batch writes all frames that wait for a connection in one system call instead of one for each.
	Batch bool

	mu    sync.Mutex
	rooms map[string]*room
}

// maxFrameBytes bounds a frame from a client, and maxQueue the frames that wait for one.
const (
	maxFrameBytes = 64 << 20
	maxQueue      = 1 << 20
)

// A room is who is there, and all that was said.
type room struct {
	mu      sync.Mutex
	members map[*member]bool
	kept    []byte // sync messages, one behind the other
}

// A member is one connection.
type member struct {
	conn *websocket.Conn
	cork *cork // nil unless frames are batched

	mu    sync.Mutex
	ready sync.Cond
	queue [][]byte
	gone  bool
}

// ServeHTTP takes in a WebSocket.
func (r *Relay) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	m := &member{}
	m.ready.L = &m.mu
	if r.Batch {
		w = &corkable{ResponseWriter: w, member: m}
	}
	conn, err := websocket.Accept(w, req, &websocket.AcceptOptions{InsecureSkipVerify: true})
	if err != nil {
		return // Accept has answered
	}
	m.conn = conn
	conn.SetReadLimit(maxFrameBytes)
	room := r.room(req.URL.Path)
	room.join(m)
	go m.write()
	for {
		_, frame, err := conn.Read(context.Background())
		if err != nil {
			break
		}
		room.take(m, frame)
	}
	room.leave(m)
}

func (r *Relay) room(name string) *room {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.rooms == nil {
		r.rooms = map[string]*room{}
	}
	if r.rooms[name] == nil {
		r.rooms[name] = &room{members: map[*member]bool{}}
	}
	return r.rooms[name]
}

// question is an empty step 1: the relay has nothing that it knows of.
var question = []byte{0, 0, 1, 0}

// end is an empty step 2: that was all.
var end = []byte{0, 1, 2, 0, 0}

func (r *room) join(m *member) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.members[m] = true
	m.give(question)
}

func (r *room) leave(m *member) {
	r.mu.Lock()
	delete(r.members, m)
	r.mu.Unlock()
	m.mu.Lock()
	m.gone = true
	m.ready.Signal()
	m.mu.Unlock()
	_ = m.conn.CloseNow() // it has ended
}

// take handles a frame: a step 1 is answered, everything else goes to everybody.
func (r *room) take(m *member, frame []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	isSync := len(frame) > 1 && frame[0] == 0
	if isSync && frame[1] == 0 {
		m.give(append(append([]byte(nil), r.kept...), end...))
		return
	}
	if isSync {
		if string(frame) == string(end) {
			return
		}
		r.kept = append(r.kept, frame...)
	}
	for other := range r.members {
		other.give(frame)
	}
}

// give queues a frame. Who lets too many wait is cut.
func (m *member) give(frame []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.queue = append(m.queue, frame); len(m.queue) > maxQueue {
		m.gone = true
	}
	m.ready.Signal()
}

// write sends what waits until the connection ends.
func (m *member) write() {
	var batch [][]byte
	for {
		m.mu.Lock()
		for len(m.queue) == 0 && !m.gone {
			m.ready.Wait()
		}
		batch, m.queue = m.queue, batch[:0]
		gone := m.gone
		m.mu.Unlock()
		if gone || m.send(batch) != nil {
			_ = m.conn.CloseNow() // the reader sees it and leaves
			return
		}
		clear(batch)
	}
}

func (m *member) send(batch [][]byte) error {
	if m.cork != nil {
		m.cork.hold()
	}
	for _, frame := range batch {
		if err := m.conn.Write(context.Background(), websocket.MessageBinary, frame); err != nil {
			return err
		}
	}
	if m.cork != nil {
		return m.cork.release()
	}
	return nil
}
