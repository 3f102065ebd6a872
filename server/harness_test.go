package server

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/coder/websocket"
	"go.uber.org/goleak"

	"github.com/weftsync/weft/awareness"
	"github.com/weftsync/weft/crdt"
	"github.com/weftsync/weft/storage"
	"github.com/weftsync/weft/storage/storagetest"
	ysync "github.com/weftsync/weft/sync"
)

// patience is how long a test waits for what has to happen soon. It only passes when a test fails.
const patience = 20 * time.Second

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		if built.dir != "" {
			_ = os.RemoveAll(built.dir) // what is left is the system's to clean
		}
		os.Exit(code)
	}))
}

// disk is a file system in memory whose syncs of the log can be held.
type disk struct {
	fs      vfs.FS
	mem     *vfs.MemFS
	mu      sync.Mutex
	held    chan struct{} // closed to let go; nil while nothing is held
	waiting chan struct{} // is sent to by each sync that is held
	fails   atomic.Bool   // syncs fail
}

// newDisk returns an empty disk.
func newDisk() *disk { return newDiskOn(vfs.NewMem()) }

// newDiskOn returns a disk with what mem holds.
func newDiskOn(mem *vfs.MemFS) *disk {
	d := &disk{mem: mem, waiting: make(chan struct{}, 1024)}
	d.fs = errorfs.Wrap(storagetest.Cloneable(mem), errorfs.InjectorFunc(func(op errorfs.Op) error {
		isSync := op.Kind == errorfs.OpFileSync || op.Kind == errorfs.OpFileSyncData || op.Kind == errorfs.OpFileSyncTo
		if !isSync || !strings.HasSuffix(op.Path, ".log") {
			return nil
		}
		d.mu.Lock()
		held := d.held
		d.mu.Unlock()
		if held != nil {
			d.waiting <- struct{}{}
			<-held
		}
		if d.fails.Load() {
			return errorfs.ErrInjected
		}
		return nil
	}))
	return d
}

// hold makes every sync of the log wait until the function that it returns is called.
func (d *disk) hold() (letGo func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	held := make(chan struct{})
	d.held = held
	return sync.OnceFunc(func() {
		d.mu.Lock()
		d.held = nil
		d.mu.Unlock()
		close(held)
	})
}

// logs collects what the server logs.
type logs struct {
	mu   sync.Mutex
	text strings.Builder
}

// Write appends to the log.
func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

// String returns everything logged so far.
func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// testServer is a server that listens.
type testServer struct {
	*Server
	url     string // with a slash at the end
	disk    *disk
	logs    *logs
	mayFail atomic.Bool // the store cannot be closed properly any more
	stop    func()      // shuts the server down; the end of the test does it otherwise
}

// startServer serves with everything allowed, in memory, unless change says otherwise.
func startServer(t testing.TB, d *disk, h hooks, change func(*Options)) *testServer {
	t.Helper()
	l := new(logs)
	o := Options{
		Storage: storage.Options{
			Dir: "data", FS: d.fs, ReserveBytes: -1,
			Fatal: func(err error) { t.Errorf("storage failed: %v", err) },
		},
		Authorizer: AllowAll(ysync.Write), Addr: "127.0.0.1:0", Drain: -1,
		Logger: slog.New(slog.NewJSONHandler(l, nil)),
	}
	if change != nil {
		change(&o)
	}
	s, err := newServer(o, h)
	if err != nil {
		t.Fatalf("make server: %v", err)
	}
	if err := s.Listen(); err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve() }()
	ts := &testServer{Server: s, url: "http://" + s.Addr().String() + "/", disk: d, logs: l}
	ts.stop = sync.OnceFunc(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := s.Shutdown(ctx); err != nil && !ts.mayFail.Load() {
			t.Errorf("shutdown: %v", err)
		}
		if err := <-served; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	t.Cleanup(ts.stop)
	return ts
}

// socketURL returns the WebSocket address of a path.
func (s *testServer) socketURL(path string) string {
	return strings.Replace(s.url, "http", "ws", 1) + path
}

// editor is a client in the y-websocket dialect with a document of its own, as a real provider behaves. What it receives
// can be waited for.
type editor struct {
	t    testing.TB
	ws   *websocket.Conn
	mu   sync.Mutex
	doc  *crdt.Doc
	seen *sync.Cond // broadcast after every frame

	present  *awareness.States
	step1s   [][]byte // state vectors that the server claimed
	step2s   int      // answers to our step 1s
	updates  [][]byte // that the server sent
	presence int      // awareness frames, keep-alives among them
	alive    int      // keep-alives
	denied   []string // reasons for which permission was denied
	frames   int
	ended    error // how the connection ended
}

// connect opens a connection and starts to read it. It says nothing yet.
func (s *testServer) connect(t testing.TB, path string, header http.Header) *editor {
	t.Helper()
	return editorOn(t, s.dial(t, path, header))
}

// dial opens a WebSocket.
func (s *testServer) dial(t testing.TB, path string, header http.Header) *websocket.Conn {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	ws, _, err := websocket.Dial(ctx, s.socketURL(path), &websocket.DialOptions{HTTPHeader: header})
	if err != nil {
		t.Fatalf("dial %s: %v", path, err)
	}
	return ws
}

// editorOn begins to read a connection.
func editorOn(t testing.TB, ws *websocket.Conn) *editor {
	t.Helper()
	ws.SetReadLimit(-1)
	e := &editor{t: t, ws: ws, doc: crdt.New(crdt.Options{}), present: awareness.New(awareness.Options{})}
	e.seen = sync.NewCond(&e.mu)
	go e.read()
	t.Cleanup(func() {
		_ = ws.CloseNow()
		e.await("the end of the connection", func() bool { return e.ended != nil })
	})
	return e
}

// knock connects and says the first thing that a provider says, by which the server knows how to talk to it.
func (s *testServer) knock(t testing.TB, path string) *editor {
	t.Helper()
	e := s.connect(t, path, nil)
	e.ask()
	return e
}

// join connects to a document and says what a provider says first.
func (s *testServer) join(t testing.TB, document string) *editor {
	t.Helper()
	e := s.connect(t, "sync/"+document, nil)
	e.sync()
	return e
}

// read takes in what the server sends, until the connection ends.
func (e *editor) read() {
	for {
		_, frame, err := e.ws.Read(context.Background())
		e.mu.Lock()
		if err != nil {
			e.ended = err
			e.seen.Broadcast()
			e.mu.Unlock()
			return
		}
		e.take(frame)
		e.seen.Broadcast()
		e.mu.Unlock()
	}
}

// take takes one frame in. The lock is held.
func (e *editor) take(frame []byte) {
	e.frames++
	messages, err := ysync.YWebsocket{}.Parse(frame, nil)
	if err != nil || len(messages) != 1 {
		e.t.Errorf("the server sent %x: %d messages, %v", frame, len(messages), err)
		return
	}
	switch m := messages[0]; m.Kind {
	case ysync.Step1:
		e.step1s = append(e.step1s, m.Payload)
		diff, err := e.doc.EncodeStateAsUpdate(m.Payload)
		if err != nil {
			e.t.Errorf("the server's state vector %x: %v", m.Payload, err)
			return
		}
		e.send(ysync.YWebsocket{}.AppendStep2(nil, diff))
	case ysync.Step2, ysync.Update:
		if _, err := e.doc.ApplyUpdate(m.Payload); err != nil {
			e.t.Errorf("the server's %s %x: %v", m.Kind, m.Payload, err)
		}
		if m.Kind == ysync.Step2 {
			e.step2s++
		} else {
			e.updates = append(e.updates, m.Payload)
		}
	case ysync.Awareness:
		e.presence++
		if len(m.Payload) == 1 && m.Payload[0] == 0 {
			e.alive++
		}
		if _, err := e.present.ApplyUpdate(m.Payload, time.Now()); err != nil {
			e.t.Errorf("the server's awareness %x: %v", m.Payload, err)
		}
	case ysync.Auth:
		e.denied = append(e.denied, string(m.Payload))
	default:
		e.t.Errorf("the server sent %s", m.Kind)
	}
}

// send sends a frame. An error shows as the end of the connection.
func (e *editor) send(frame []byte) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	_ = e.ws.Write(ctx, websocket.MessageBinary, frame)
}

// await waits until a condition on what was received holds. The lock is held while cond runs.
func (e *editor) await(what string, cond func() bool) {
	e.t.Helper()
	timeout := time.AfterFunc(patience, func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.seen.Broadcast()
	})
	defer timeout.Stop()
	deadline := time.Now().Add(patience)
	e.mu.Lock()
	defer e.mu.Unlock()
	for !cond() {
		if !time.Now().Before(deadline) {
			e.t.Fatalf("waited too long for %s (frames %d, step 2s %d, updates %d, ended %v)", what, e.frames, e.step2s, len(e.updates), e.ended)
		}
		e.seen.Wait()
	}
}

// sync sends a step 1 and waits for its step 2.
func (e *editor) sync() {
	e.t.Helper()
	want := e.ask()
	e.await("a step 2", func() bool { return e.step2s >= want || e.ended != nil })
	if err := e.end(); err != nil {
		e.t.Fatalf("the connection ended: %v", err)
	}
}

// ask sends a step 1 and returns how many step 2s there will be when it is answered, if none was under way.
func (e *editor) ask() int {
	e.mu.Lock()
	vector, want := e.doc.EncodeStateVector(), e.step2s+1
	e.mu.Unlock()
	e.send(ysync.YWebsocket{}.AppendStep1(nil, vector))
	return want
}

// end returns how the connection ended, nil while it has not.
func (e *editor) end() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.ended
}

// write inserts text at the end of the root "content" and sends it. It returns the update.
func (e *editor) write(text string) []byte {
	e.t.Helper()
	return e.edit(func(tx *crdt.Tx) error {
		content := e.doc.Text("content")
		return content.Insert(tx, content.Len(), text)
	})
}

// edit changes the document and sends the update.
func (e *editor) edit(fn func(tx *crdt.Tx) error) []byte {
	e.t.Helper()
	e.mu.Lock()
	update, err := e.doc.Update(fn)
	e.mu.Unlock()
	if err != nil {
		e.t.Fatalf("edit: %v", err)
	}
	e.send(ysync.YWebsocket{}.AppendUpdate(nil, update))
	return update
}

// text returns the root "content".
func (e *editor) text() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.doc.RootString("content")
}

// awaitText waits until the root "content" is text.
func (e *editor) awaitText(text string) {
	e.t.Helper()
	e.await("the text "+text, func() bool { return e.doc.RootString("content") == text })
}

// awaitClose waits for the end of the connection and checks its code and a part of its reason.
func (e *editor) awaitClose(code ysync.Code, part string) {
	e.t.Helper()
	e.await("the close", func() bool { return e.ended != nil })
	var closed websocket.CloseError
	if err := e.end(); !asClose(err, &closed) || closed.Code != websocket.StatusCode(code) || !strings.Contains(closed.Reason, part) {
		e.t.Errorf("got end %v, want code %d with %q", err, code, part)
	}
}

// asClose finds the close frame in an error.
func asClose(err error, into *websocket.CloseError) bool {
	for err != nil {
		if ce, ok := err.(websocket.CloseError); ok {
			*into = ce
			return true
		}
		u, ok := err.(interface{ Unwrap() error })
		if !ok {
			return false
		}
		err = u.Unwrap()
	}
	return false
}

// get makes a request and returns the answer with its body.
func (s *testServer) get(t testing.TB, method, path string, header map[string]string, body []byte) (*http.Response, string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, s.url+path, strings.NewReader(string(body)))
	if err != nil {
		t.Fatal(err)
	}
	for k, v := range header {
		r.Header.Set(k, v)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Do(r)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatalf("%s %s: read the body: %v", method, path, err)
	}
	return answer, string(text)
}
