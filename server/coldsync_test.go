package server

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/weftsync/weft/crdt"
	"github.com/weftsync/weft/crdt/lib0"
	ysync "github.com/weftsync/weft/sync"
)

// coldDocuments is how many documents TestColdSync takes; WEFT_COLD_DOCUMENTS=10000 for figures.
func coldDocuments() int {
	if n, err := strconv.Atoi(os.Getenv("WEFT_COLD_DOCUMENTS")); err == nil && n > 0 {
		return n
	}
	return 300
}

// returning is what a client knows that comes back to a document of 20 KB: three in four know all of it.
type returning struct {
	log            [][]byte
	vector, behind []byte
	answer         []byte // to the server's step 1: nothing new, and what is deleted
}

// newReturning writes the document: 80 edits of 256 bytes and more, of which something is deleted.
func newReturning(t testing.TB) returning {
	t.Helper()
	var c returning
	doc := crdt.New(crdt.Options{ClientID: 7})
	text := doc.Text("content")
	for i := range 80 {
		update, err := doc.Update(func(tx *crdt.Tx) error {
			if i%10 == 9 {
				return text.Delete(tx, i, 20)
			}
			return text.Insert(tx, text.Len()/2, fmt.Sprintf("%0*d", 284, i))
		})
		if err != nil {
			t.Fatal(err)
		}
		c.log = append(c.log, update)
		if i == 70 {
			c.behind = doc.EncodeStateVector()
		}
	}
	c.vector = doc.EncodeStateVector()
	c.answer = doc.Snapshot().DeletesAsUpdate()
	return c
}

// comeBack opens a socket for documents from to to, in the Hocuspocus dialect, and says for each what a provider says that
// was there before. It returns when all of them are in, the socket still open.
func (c *returning) comeBack(s *testServer, from, to int) (*websocket.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	ws, _, err := websocket.Dial(ctx, s.socketURL("collab"), nil)
	if err != nil {
		return nil, err
	}
	ws.SetReadLimit(-1)
	failed := make(chan error, 1)
	go func() {
		for i := from; i < to; i++ {
			vector := c.vector
			if i%4 == 0 {
				vector = c.behind
			}
			name := ysync.AppendAddress(nil, coldName(i))
			hello := lib0.AppendString(lib0.AppendString(append(name[:len(name):len(name)], 2, 0), ""), "4.8.0")
			step1 := ysync.YWebsocket{}.AppendStep1(name[:len(name):len(name)], vector)
			if err := ws.Write(ctx, websocket.MessageBinary, hello); err != nil {
				failed <- err
				return
			}
			if err := ws.Write(ctx, websocket.MessageBinary, step1); err != nil {
				failed <- err
				return
			}
		}
	}()
	for in := 0; in < to-from; {
		_, frame, err := ws.Read(ctx)
		if err != nil {
			return ws, err
		}
		address, message, err := ysync.CutAddress(frame)
		if err != nil {
			continue // a ping of the connection
		}
		messages, err := ysync.Hocuspocus{}.Parse(message, nil)
		if err != nil || len(messages) != 1 {
			return ws, fmt.Errorf("the server sent %x: %w", frame, err)
		}
		switch messages[0].Kind {
		case ysync.Step1:
			step2 := ysync.YWebsocket{}.AppendStep2(ysync.AppendAddress(nil, string(address)), c.answer)
			if err := ws.Write(ctx, websocket.MessageBinary, step2); err != nil {
				return ws, err
			}
		case ysync.SyncStatus:
			in++
		}
		select {
		case err := <-failed:
			return ws, err
		default:
		}
	}
	return ws, nil
}

func coldName(i int) string { return fmt.Sprintf("cold/%06d", i) }

// TestColdSync lets the clients of many documents come back to a server that has just started. It builds no engine for
// them, and its heap does not grow with the documents; the control, with cold sync off, builds one for each.
func TestColdSync(t *testing.T) {
	n := coldDocuments()
	c := newReturning(t)
	d, dir := newDisk(), t.TempDir()
	onDisk := func(o *Options) { o.Storage.Dir, o.Storage.FS = dir, nil }
	s := startServer(t, d, hooks{}, onDisk)
	var writing sync.WaitGroup
	for i := range n {
		writing.Go(func() { mustStore(t, s.Server, coldName(i), c.log...) })
		if i%64 == 63 {
			writing.Wait()
		}
	}
	writing.Wait()
	atRest(t, s.Server)
	s.stop()
	grown := make(map[bool]int64)
	for _, run := range []struct {
		name   string
		engine bool
	}{{"cold, first time", false}, {"cold, again", false}, {"with engines", true}} {
		s := startServer(t, d, hooks{loadAlways: run.engine}, func(o *Options) {
			onDisk(o)
			o.Limits.MessagesPerSecond, o.Limits.BytesPerSecond, o.Limits.OpenWithin = -1, -1, 10*time.Minute
		})
		before := heap()
		began := time.Now()
		var clients sync.WaitGroup
		sockets := make([]*websocket.Conn, (n+99)/100)
		for i := range sockets {
			clients.Go(func() {
				var err error
				if sockets[i], err = c.comeBack(s, 100*i, min(100*i+100, n)); err != nil {
					t.Errorf("documents %d to %d: %v", 100*i, 100*i+99, err)
				}
			})
		}
		clients.Wait()
		took := time.Since(began)
		grown[run.engine] = (heap() - before) / int64(n)
		stats := s.Stats()
		t.Logf("%s: %d documents in %v, %d engines, %d logs merged, heap %+d bytes a document", run.name, n, took.Round(time.Millisecond), stats.Loads, stats.Merges, grown[run.engine])
		if want := map[bool]uint64{true: uint64(n)}[run.engine]; stats.Loads != want {
			t.Errorf("%s: %d engines were built, want %d", run.name, stats.Loads, want)
		}
		if stats.Updates != 0 {
			t.Errorf("%s: %d updates were logged, want none", run.name, stats.Updates)
		}
		for _, ws := range sockets {
			if ws != nil {
				_ = ws.CloseNow()
			}
		}
		s.stop()
	}
	if grown[true]-grown[false] < 10_000 {
		t.Errorf("a document costs %d bytes cold and %d with an engine: cold sync saves nothing", grown[false], grown[true])
	}
}

// atRest waits until the store has nothing to tidy up from what was written, which would be timed with what comes then.
func atRest(t *testing.T, s *Server) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for last := int64(-1); time.Now().Before(deadline); time.Sleep(500 * time.Millisecond) {
		now := s.Stats().Storage.Compactions
		if now == last {
			return
		}
		last = now
	}
}

// heap returns the bytes that are in use.
func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
