// Package relaytest has a relay that lies, for the tests of what has to catch it. Told no lie it is honest.
package relaytest

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/coder/websocket"
)

// A Liar is an [http.Handler] like a relay: what it is sent goes to everybody in the room, the sender too.
type Liar struct {
	// Lie, if not nil, says what becomes of a message for one of the receivers: how many copies it gets, and after how
	// long. index counts the messages, receiver the connections of the room.
	Lie func(index, receiver int, message []byte) (copies int, after time.Duration)
	// Change, if not nil, returns what a receiver gets in place of a message.
	Change func(index, receiver int, message []byte) []byte
	// Forget makes it keep what it is sent only so long after it has told everybody; 0 means before.
	Forget time.Duration

	mu     sync.Mutex
	rooms  map[string]*room
	timers sync.WaitGroup
	gone   bool
}

type room struct {
	conns []*conn
	count int
	kept  []byte
}

type conn struct {
	mu sync.Mutex
	ws *websocket.Conn
}

func (c *conn) send(message []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	_ = c.ws.Write(context.Background(), websocket.MessageBinary, message) // who has gone hears nothing
}

// ServeHTTP takes in a WebSocket.
func (l *Liar) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	ws, err := websocket.Accept(w, req, &websocket.AcceptOptions{InsecureSkipVerify: true})
	if err != nil {
		return // Accept has answered
	}
	defer ws.CloseNow()
	ws.SetReadLimit(64 << 20)
	c := &conn{ws: ws}
	name := req.URL.Path
	l.mu.Lock()
	if l.rooms == nil {
		l.rooms = map[string]*room{}
	}
	if l.rooms[name] == nil {
		l.rooms[name] = &room{}
	}
	l.rooms[name].conns = append(l.rooms[name].conns, c)
	l.mu.Unlock()
	c.send([]byte{0, 0, 1, 0})
	for {
		_, message, err := ws.Read(context.Background())
		if err != nil {
			return
		}
		l.take(name, c, message)
	}
}

func (l *Liar) take(name string, from *conn, message []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := l.rooms[name]
	isSync := len(message) > 1 && message[0] == 0
	switch {
	case isSync && message[1] == 0:
		from.send(append(append([]byte(nil), r.kept...), 0, 1, 2, 0, 0))
		return
	case !isSync || string(message) == "\x00\x01\x02\x00\x00":
		return
	}
	l.keep(r, message)
	index := r.count
	r.count++
	for i, c := range r.conns {
		copies, after, changed := 1, time.Duration(0), message
		if l.Lie != nil {
			copies, after = l.Lie(index, i, message)
		}
		if l.Change != nil {
			changed = l.Change(index, i, message)
		}
		for range copies {
			l.later(after, func() { c.send(changed) })
		}
	}
}

// keep stores a message, at once or when it is too late. The caller holds the lock.
func (l *Liar) keep(r *room, message []byte) {
	if l.Forget == 0 {
		r.kept = append(r.kept, message...)
		return
	}
	l.later(l.Forget, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if !l.gone {
			r.kept = append(r.kept, message...)
		}
	})
}

func (l *Liar) later(after time.Duration, do func()) {
	if after == 0 {
		do()
		return
	}
	l.timers.Add(1)
	time.AfterFunc(after, func() {
		defer l.timers.Done()
		do()
	})
}

// Die ends all connections and forgets what was not kept yet. What was kept is there for those who connect afterwards.
func (l *Liar) Die() {
	l.mu.Lock()
	l.gone = true
	var conns []*conn
	for _, r := range l.rooms {
		conns = append(conns, r.conns...)
		r.conns = nil
	}
	l.mu.Unlock()
	for _, c := range conns {
		_ = c.ws.CloseNow() // it may have ended
	}
	l.timers.Wait()
	l.mu.Lock()
	l.gone = false
	l.mu.Unlock()
}
