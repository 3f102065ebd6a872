package load

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/coder/websocket"

	"github.com/weftsync/weft/crdt"
	"github.com/weftsync/weft/crdt/lib0"
)

// A relay is a server that understands just enough to be loaded, and that can be told to lie. It keeps no promises
// about disks.
type relay struct {
	t   testing.TB
	lie lie

	mu      sync.Mutex
	doc     *crdt.Doc
	conns   []*websocket.Conn
	count   int      // updates received
	waiting [][]byte // updates kept back by a relay that merges
}

// A lie changes what one of the relay's connections is sent for an update; index counts updates from 0, and conns[0]
// is the writer. It returns the frames to send; nil with stop ends the connection.
type lie struct {
	frames func(index, conn int, update []byte) (frames [][]byte, stop bool)
	text   func(text string) string // of the answer over HTTP
	merge  int                      // send the merge of so many updates at a time
}

func startRelay(t testing.TB, l lie) string {
	t.Helper()
	r := &relay{t: t, lie: l, doc: crdt.New(crdt.Options{})}
	server := httptest.NewServer(r)
	t.Cleanup(func() {
		server.Close()
		http.DefaultClient.CloseIdleConnections()
	})
	return server.URL
}

func (r *relay) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	if strings.HasPrefix(req.URL.Path, "/api/documents/") {
		r.mu.Lock()
		defer r.mu.Unlock()
		text := r.doc.RootString(req.URL.Query().Get("root"))
		if r.lie.text != nil {
			text = r.lie.text(text)
		}
		_, _ = w.Write([]byte(text))
		return
	}
	conn, err := websocket.Accept(w, req, nil)
	if err != nil {
		r.t.Error(err)
		return
	}
	defer conn.CloseNow()
	conn.SetReadLimit(maxFrameBytes)
	r.mu.Lock()
	r.conns = append(r.conns, conn)
	r.mu.Unlock()
	for {
		_, frame, err := conn.Read(req.Context())
		if err != nil {
			return
		}
		d := lib0.NewDecoder(frame)
		m, err := nextMessage(&d)
		if err != nil {
			r.t.Error(err)
			return
		}
		r.handle(conn, m)
	}
}

func (r *relay) handle(conn *websocket.Conn, m message) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch m.sync {
	case syncStep1:
		state, err := r.doc.EncodeStateAsUpdate(m.payload)
		if err != nil {
			r.t.Error(err)
		}
		r.send(conn, appendSync(nil, syncStep1, r.doc.EncodeStateVector()), appendSync(nil, syncStep2, state))
	case syncUpdate:
		r.broadcast(append([]byte(nil), m.payload...))
	}
}

func (r *relay) broadcast(update []byte) {
	index := r.count
	r.count++
	if _, err := r.doc.ApplyUpdate(update); err != nil {
		r.t.Error(err)
	}
	if r.lie.merge > 1 {
		if r.waiting = append(r.waiting, update); len(r.waiting) < r.lie.merge {
			return
		}
		merged, err := crdt.MergeUpdates(r.waiting...)
		if err != nil {
			r.t.Error(err)
		}
		update, r.waiting = merged, nil
	}
	for i, conn := range r.conns {
		frames := [][]byte{appendSync(nil, syncUpdate, update)}
		if r.lie.frames != nil {
			var stop bool
			if frames, stop = r.lie.frames(index, i, update); stop {
				_ = conn.CloseNow()
			}
		}
		r.send(conn, frames...)
	}
}

// send ignores connections that have ended; their clients say so.
func (r *relay) send(conn *websocket.Conn, frames ...[]byte) {
	for _, frame := range frames {
		_ = conn.Write(context.Background(), websocket.MessageBinary, frame)
	}
}
