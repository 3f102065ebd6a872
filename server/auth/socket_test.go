package auth

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/coder/websocket"

	"github.com/weftsync/weft/crdt"
	"github.com/weftsync/weft/crdt/lib0"
	ysync "github.com/weftsync/weft/sync"
)

// patience is how long a test waits for what has to happen soon. It only passes when a test fails.
const patience = 20 * time.Second

// socket is a WebSocket of a client that reads when it is told to.
type socket struct {
	t  *testing.T
	ws *websocket.Conn
}

// dial opens a WebSocket with a token in the query, or, if that is set, in a subprotocol. It returns nil when the upgrade
// itself is refused, which happens to a token that is too long for HTTP.
func dial(t *testing.T, address, path, query, protocol string) *socket {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	options := &websocket.DialOptions{}
	if protocol != "" {
		options.Subprotocols = []string{"weft", "token." + protocol}
	}
	target := strings.Replace(address, "http", "ws", 1) + path
	if query != "" {
		target += "?" + url.Values{"token": {query}}.Encode()
	}
	ws, answer, err := websocket.Dial(ctx, target, options)
	if err != nil {
		if answer == nil || answer.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
			t.Errorf("dial: %v", err)
		}
		return nil
	}
	ws.SetReadLimit(-1)
	return &socket{t, ws}
}

// send sends a frame. An error shows when something is read.
func (s *socket) send(frame []byte) {
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	_ = s.ws.Write(ctx, websocket.MessageBinary, frame)
}

// next returns the next frame that is no keep-alive, or how the socket was closed.
func (s *socket) next() ([]byte, error) {
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	for {
		_, frame, err := s.ws.Read(ctx)
		if !bytes.Equal(frame, ysync.YWebsocket{}.AppendKeepAlive(nil)) {
			return frame, err
		}
	}
}

// close ends the socket without a word.
func (s *socket) close() { _ = s.ws.CloseNow() }

// expectClose reads the end of the socket: nothing but a close with a code and a part of a reason.
func (s *socket) expectClose(code ysync.Code, want string) {
	s.t.Helper()
	frame, err := s.next()
	var closed websocket.CloseError
	if !errors.As(err, &closed) || closed.Code != websocket.StatusCode(code) || !strings.Contains(closed.Reason, want) {
		s.t.Errorf("got frame %x and %v, want it closed with %d and %q", frame, err, code, want)
	}
}

// expectFrame reads a frame that has to be that.
func (s *socket) expectFrame(what string, want []byte) {
	s.t.Helper()
	if frame, err := s.next(); err != nil || !bytes.Equal(frame, want) {
		s.t.Errorf("got %x and %v, want %s: %x", frame, err, what, want)
	}
}

// expectReason reads a frame that says that permission is denied, behind an address if there is one.
func (s *socket) expectReason(address []byte, want string) {
	s.t.Helper()
	frame, err := s.next()
	denied := []byte{2, 0}
	if address != nil {
		denied = append(bytes.Clone(address), 2, 1)
	}
	if err != nil || !bytes.HasPrefix(frame, denied) || !bytes.Contains(frame, []byte(want)) {
		s.t.Errorf("got %q and %v, want permission denied for %q with %q", frame, err, address, want)
	}
}

// What clients say.
var (
	step1          = ysync.YWebsocket{}.AppendStep1(nil, []byte{0})
	queryAwareness = []byte{3}
	somebody       = ysync.YWebsocket{}.AppendAwareness(nil, []byte{1, 7, 1, 2, '{', '}'}) // client 7, clock 1
)

// textUpdate returns an update that writes text.
func textUpdate(t *testing.T, text string) []byte {
	t.Helper()
	doc := crdt.New(crdt.Options{})
	update, err := doc.Update(func(tx *crdt.Tx) error { return doc.Text("content").Insert(tx, 0, text) })
	if err != nil {
		t.Fatal(err)
	}
	return update
}

// canBeProtocol says whether a token can stand in a header as a subprotocol.
var canBeProtocol = regexp.MustCompile(`^[A-Za-z0-9._-]+$`)

// TestBadTokensOnSockets sends the whole table over live connections: in the dialect of y-websocket by query and by
// subprotocol, in that of Hocuspocus in the frame for it, and as a viewer. Each is told why it is refused and gets not one
// byte more; what it sends along changes nothing; somebody in the same document notices nothing; the log has one line for
// each, and no piece of a token.
func TestBadTokensOnSockets(t *testing.T) {
	defer http.DefaultClient.CloseIdleConnections()
	front, logged := newServer(t, newJWT(t, allPublic(t)...))
	good := signed(t, testKeys()[ES256], goodPayload(nil))
	safe, evil := textUpdate(t, "safe"), ysync.YWebsocket{}.AppendUpdate(nil, textUpdate(t, "evil"))
	bystander := dial(t, front, "/sync/notes", good, "")
	defer bystander.close()
	bystander.send(step1)
	bystander.expectFrame("a step 1", step1)
	bystander.expectFrame("a step 2", ysync.YWebsocket{}.AppendStep2(nil, []byte{0, 0}))
	bystander.send(ysync.YWebsocket{}.AppendUpdate(nil, safe))
	bystander.expectFrame("the echo", ysync.YWebsocket{}.AppendUpdate(nil, safe))
	bystander.send(somebody)
	bystander.send(queryAwareness)
	bystander.expectFrame("its awareness", somebody)

	refusals := 0
	tokens := badTokens(t)
	for i, tt := range tokens {
		t.Run(tt.name, func(t *testing.T) {
			refusals += refusedByPath(t, front, tt, evil) + refusedByFrame(t, front, tt, evil, i) + refusedViewer(t, front, tt)
		})
		bystander.send(queryAwareness)
		bystander.expectFrame("the answer and nothing before it", somebody)
	}
	status, body := request(t, "GET", front+"/api/documents/notes", good, ways["header"])
	if status != http.StatusOK || !strings.Contains(body, "safe") || strings.Contains(body, "evil") {
		t.Errorf("afterwards the document is: %d %q, want what it was", status, body)
	}
	everything := logged.String()
	if got := strings.Count(everything, `"msg":"refused"`); got != refusals {
		t.Errorf("%d refusals are in the log, want %d", got, refusals)
	}
	shown := piecesOf(everything)
	for _, tt := range append(tokens, badToken{token: good}) {
		shown.expectNone(t, tt.token)
	}
}

// refusedByPath brings a token as y-websocket does, and returns how many refusals there have been. By query it is closed
// with the code; who then comes again, by subprotocol, is told by a message and kept on the line.
func refusedByPath(t *testing.T, front string, tt badToken, evil []byte) (refusals int) {
	t.Helper()
	s := dial(t, front, "/sync/notes", tt.token, "")
	if s == nil {
		return 0 // net/http does not read that much
	}
	defer s.close()
	s.send(step1)
	s.send(evil)
	s.expectClose(tt.code, tt.want)
	if !canBeProtocol.MatchString(tt.token) {
		return 1
	}
	again := dial(t, front, "/sync/notes", "", tt.token)
	defer again.close()
	again.send(step1)
	again.send(evil)
	again.expectReason(nil, tt.want)
	return 1
}

// refusedByFrame brings a token as Hocuspocus does, with a step 1 and an update behind it, and returns how many refusals
// there have been. The document is refused and the socket stays.
func refusedByFrame(t *testing.T, front string, tt badToken, evil []byte, i int) (refusals int) {
	t.Helper()
	s := dial(t, front, "/collab", "", "")
	defer s.close()
	address := ysync.AppendAddress(nil, fmt.Sprint("notes\x00", i))
	say := func(message []byte) { s.send(append(bytes.Clone(address), message...)) }
	say(lib0.AppendString([]byte{2, 0}, tt.token))
	if len(tt.token) >= 1<<20 { // more than may be said before authorisation
		s.expectClose(ysync.CodeTooLarge, "larger than")
		return 1
	}
	say(step1)
	say(evil)
	want := tt.want
	if !utf8.ValidString(tt.token) { // the frame is malformed, and nobody is asked about it
		want = "not valid UTF-8"
	}
	s.expectReason(address, want)
	say(lib0.AppendString([]byte{2, 0}, "another")) // nothing came between, and the socket is alive
	s.expectReason(address, "1 parts")
	return 2
}

// refusedViewer brings a token as an EventSource does. The stream says why it ends, and nothing else.
func refusedViewer(t *testing.T, front string, tt badToken) (refusals int) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, front+"/view/notes", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept", "text/event-stream")
	ways["query"](r, tt.token)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	stream, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	if answer.StatusCode == http.StatusRequestHeaderFieldsTooLarge {
		return 0
	}
	var events []string
	for line := range strings.Lines(string(stream)) {
		if name, ok := strings.CutPrefix(line, "event: "); ok {
			events = append(events, strings.TrimSpace(name))
		}
	}
	reason, err := json.Marshal(tt.want)
	if err != nil {
		t.Fatal(err)
	}
	if len(events) != 1 || events[0] != "refused" || !bytes.Contains(stream, fmt.Appendf(nil, `"code":%d`, tt.code)) ||
		!bytes.Contains(stream, reason[1:len(reason)-1]) {
		t.Errorf("got the stream %q, want it refused with %d and %q", stream, tt.code, tt.want)
	}
	expectNoToken(t, string(stream), tt.token)
	return 1
}
