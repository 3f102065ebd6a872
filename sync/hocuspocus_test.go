package sync_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/weftsync/weft/crdt/crdttest"
	"github.com/weftsync/weft/crdt/lib0"
	ysync "github.com/weftsync/weft/sync"
)

// addressed is what a server keeps for one address in these tests: a session and what it holds.
type addressed struct {
	session ysync.Session
	held    [][]byte
}

// TestHocuspocusConversations feeds what real providers of each version sent to sessions, grants write to whoever asks
// except by the token "bad", and compares what the sessions ask for.
func TestHocuspocusConversations(t *testing.T) {
	everything := []string{
		"a authenticate by token 746f6b", "a send authenticated", "a send awareness",
		"a send step 1", "a send step 2 00", "a apply awareness 010100027b7d", "a apply step 2 0000 1",
		"a apply update 01010100040107636f6e74656e7402686900 1",
		"a apply awareness 010101177b2275736572223a7b226e616d65223a22416461227d7d", "a relay 70696e67",
		"b/c authenticate by token 746f6b", "b/c send authenticated", "b/c send awareness",
		"b/c send step 1", "b/c send step 2 00", "b/c apply awareness 010200027b7d", "b/c apply step 2 0000 1",
		"b/c apply awareness 010201046e756c6c", "b/c detach",
	}
	second := append(everything[:len(everything):len(everything)], "b/c hold awareness 0108010202046e756c6c")
	want := map[string][]string{
		"provider 2": second, "provider 3": everything, "provider 4": everything,
		"no token": {
			"a authenticate by step 1", "a hold step 1 00000100", "a send authenticated", "a send awareness",
			"a send step 1", "a send step 2 00", "a apply awareness 010100027b7d", "a apply step 2 0000 1",
		},
		"late token": { // no status for the edit that came before the step 1
			"a hold update 00020e010101002801016d016b017d0100", "a authenticate by token 746f6b", "a send authenticated", "a send awareness",
			"a apply update 010101002801016d016b017d0100", "a send step 1", "a send step 2 010101",
			"a apply awareness 010100027b7d", "a apply step 2 0000 1",
		},
		"sessions": {
			"a authenticate by token 746f6b", "a send authenticated", "a send awareness",
			"a:session authenticate by token 746f6b", "a:session send authenticated", "a:session send awareness",
			"a send step 1", "a send step 2 00", "a apply awareness 010100027b7d",
			"a:session send step 1", "a:session send step 2 00", "a:session apply awareness 010200027b7d",
			"a apply step 2 0000 1", "a:session apply step 2 0000 1",
			"a:session apply update 01010200040107636f6e74656e74017800 1",
		},
		"denied": {"a authenticate by token 626164"},
	}
	got := make(map[string][]string)
	for name, frames := range conversationsIn(t, "testdata/hocuspocus.txt") {
		sessions := make(map[string]*addressed)
		for _, c := range frames {
			if c.fromClient {
				got[name] = append(got[name], follow(t, sessions, c.frame)...)
			}
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("steps (-want +got):\n%s", diff)
	}
}

// follow does what a server does with one frame, and describes it.
func follow(t *testing.T, sessions map[string]*addressed, frame []byte) (said []string) {
	t.Helper()
	address, message, err := ysync.CutAddress(frame)
	if err != nil {
		t.Fatalf("%x: %v", frame, err)
	}
	document, session, refusal := ysync.ParseAddress(address)
	if refusal != nil {
		t.Fatalf("%x: %v", frame, refusal)
	}
	if session != "" {
		document += ":" + session
	}
	a := sessions[string(address)]
	if a == nil {
		a = &addressed{session: ysync.NewSession(ysync.Hocuspocus{})}
		sessions[string(address)] = a
	}
	var carryOut func(steps []ysync.Step, err error)
	carryOut = func(steps []ysync.Step, err error) {
		if err != nil {
			t.Fatalf("%x: %v", frame, err)
		}
		for _, step := range steps {
			words := strings.TrimSpace(fmt.Sprintf("%s %s %x", document, describe(step), step.Payload))
			if step.Acks > 0 {
				words = fmt.Sprint(words, " ", step.Acks)
			}
			said = append(said, words)
			switch step.Act {
			case ysync.Hold:
				a.held = append(a.held, step.Payload)
			case ysync.Detach:
				delete(sessions, string(address))
			}
		}
		for _, step := range steps {
			if step.Act != ysync.Authenticate {
				continue
			}
			if string(step.Payload) == "bad" {
				_ = a.session.End(ysync.Refuse(ysync.CodeForbidden, "no"))
			} else {
				carryOut(a.session.Open(ysync.Write))
			}
			held := a.held
			a.held = nil
			for _, message := range held {
				carryOut(a.session.Receive(message, nil))
			}
		}
	}
	carryOut(a.session.Receive(message, nil))
	return said
}

// TestHocuspocusFramesAreTheServersOwn encodes again what the recorded server sent.
func TestHocuspocusFramesAreTheServersOwn(t *testing.T) {
	seen := make(map[string]int)
	for name, frames := range conversationsIn(t, "testdata/hocuspocus.txt") {
		for _, c := range frames {
			if c.fromClient {
				continue
			}
			address, message, err := ysync.CutAddress(c.frame)
			if err != nil {
				t.Fatal(err)
			}
			steps, err := ysync.Hocuspocus{}.Parse(message, nil)
			if err != nil || len(steps) != 1 {
				t.Fatalf("%s: %x: got %d messages, %v", name, c.frame, len(steps), err)
			}
			got := ysync.AppendAddress(nil, string(address))
			switch m := steps[0]; {
			case m.Kind == ysync.SyncStatus:
				got = ysync.Hocuspocus{}.AppendSyncStatus(got, true)
			case m.Kind == ysync.Auth && string(m.Payload) == "read-write":
				got = ysync.Hocuspocus{}.AppendAuthenticated(got, ysync.Write)
			case m.Kind == ysync.Auth:
				got = ysync.Hocuspocus{}.AppendDenied(got, string(m.Payload))
			default:
				got = append(got, encode(ysync.YWebsocket{}, m)...)
			}
			if !bytes.Equal(got, c.frame) {
				t.Errorf("%s: got %x, want %x", name, got, c.frame)
			}
			seen[steps[0].Kind.String()]++
		}
	}
	for _, k := range []ysync.Kind{ysync.Step1, ysync.Step2, ysync.Auth, ysync.SyncStatus} {
		if seen[k.String()] == 0 {
			t.Errorf("no %s in the recorded conversations: the comparison proves nothing about it", k)
		}
	}
}

func TestHocuspocusRefusesBadMessages(t *testing.T) {
	tests := []struct {
		name    string
		message []byte
		reason  string
	}{
		{"empty", nil, "no message"},
		{"unknown type", []byte{11}, "unknown message type 11"},
		{"ping with an address", []byte{9}, "unknown message type 9"},
		{"unknown sync type", []byte{0, 3, 0}, "unknown message type 0 3"},
		{"unknown auth type", []byte{2, 3, 0}, "unknown message type 2 3"},
		{"length lies", []byte{0, 2, 200, 1, 0}, "update at byte 0"},
		{"token cut off", []byte{2, 0, 5, 'a'}, "token at byte 0"},
		{"token not UTF-8", []byte{2, 0, 1, 0xff}, "token at byte 0"},
		{"version cut off", []byte{2, 0, 1, 'a', 9, '4'}, "version at byte 0"},
		{"trailing bytes", []byte{0, 2, 2, 0, 0, 9}, "1 bytes follow the update message"},
		{"a second message", []byte{3, 3}, "1 bytes follow the query awareness message"},
		{"authenticated by a client", []byte{2, 2, 1, 'x'}, "does not send auth"},
		{"denied by a client", []byte{2, 1, 1, 'x'}, "does not send auth"},
		{"sync reply", []byte{4, 2, 2, 0, 0}, "does not send sync reply"},
		{"broadcast stateless", []byte{6, 1, 'x'}, "does not send broadcast stateless"},
		{"sync status", []byte{8, 1}, "does not send sync status"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := openedHocuspocus(t, ysync.Admin)
			steps, err := s.Receive(tt.message, nil)
			expectRefusal(t, err, ysync.CodeMalformed, tt.reason)
			if len(steps) != 0 || s.Level() != ysync.None {
				t.Errorf("got %d steps and level %s after a refusal, want nothing", len(steps), s.Level())
			}
		})
	}
}

// openedHocuspocus returns a session of level l that has been authorised by a token.
func openedHocuspocus(t testing.TB, l ysync.Level) *ysync.Session {
	t.Helper()
	s := ysync.NewSession(ysync.Hocuspocus{})
	expectSteps(t, &s, []byte{2, 0, 1, 't'}, "authenticate by token")
	steps, err := s.Open(l)
	if got := words(steps); err != nil || got != "send authenticated, send awareness" {
		t.Fatalf("open: got %s, %v", got, err)
	}
	return &s
}

// words describes steps, with the sync statuses that they are owed.
func words(steps []ysync.Step) string {
	var all []string
	for _, step := range steps {
		text := describe(step)
		if step.Acks > 0 {
			text = fmt.Sprint(text, " ", step.Acks)
		}
		if step.Unasked {
			text += " unasked"
		}
		all = append(all, text)
	}
	return strings.Join(all, ", ")
}

// expectSteps feeds one message and compares what the session asks for.
func expectSteps(t testing.TB, s *ysync.Session, message []byte, want string) []ysync.Step {
	t.Helper()
	steps, err := s.Receive(message, nil)
	if got := words(steps); err != nil || got != want {
		t.Fatalf("%x: got %q, %v, want %q", message, got, err, want)
	}
	return steps
}

// The messages of the tests below.
var (
	hStep1  = []byte{0, 0, 1, 0}
	hStep2  = []byte{0, 1, 2, 0, 0}
	hUpdate = []byte{0, 2, 2, 0, 0}
	hToken  = []byte{2, 0, 1, 't'}
	hClose  = []byte{7}
)

// TestOneStatusForEachFrame plays a provider's counter beside a session: startSync sets it to 1, an update adds one, a
// status takes one away. What the session owes has to bring it to 0, and never below.
func TestOneStatusForEachFrame(t *testing.T) {
	s := openedHocuspocus(t, ysync.Write)
	expectSteps(t, s, hStep1, "send step 1, send step 2")
	expectSteps(t, s, hUpdate, "apply update 1")
	expectSteps(t, s, hStep2, "apply step 2 1")
	expectSteps(t, s, hUpdate, "apply update 1")
	expectSteps(t, s, hStep1, "send step 1, send step 2")
	expectSteps(t, s, hStep1, "send step 1, send step 2")
	expectSteps(t, s, hStep2, "apply step 2 1")
	expectSteps(t, s, hStep2, "apply step 2 1")
}

// TestReadOnlyAndRaised: what a reader changes is rejected, one by one; when its level is raised, the server asks for
// it, and the answer to that is owed what was rejected, and nothing of its own.
func TestReadOnlyAndRaised(t *testing.T) {
	s := openedHocuspocus(t, ysync.Read)
	expectSteps(t, s, hStep1, "send step 1, send step 2")
	step := expectSteps(t, s, hStep2, "apply known step 2 1")[0]
	if !s.Rejected(step) {
		t.Error("a step 2 that a reader may not make is not answered")
	}
	rejected := expectSteps(t, s, hUpdate, "reject update")[0]
	if !s.Rejected(rejected) {
		t.Error("an update of a reader is not answered")
	}
	expectSteps(t, s, []byte{5, 1, 'x'}, "")
	expectSteps(t, s, []byte{1, 1, 0}, "")
	steps, err := s.Open(ysync.Write)
	if got := words(steps); err != nil || got != "send authenticated, send step 1" {
		t.Fatalf("raise: got %q, %v", got, err)
	}
	if again := s.Resync(); again != nil {
		t.Errorf("got a second step 1 while the first is unanswered: %v", again)
	}
	expectSteps(t, s, hUpdate, "apply update 1")
	full := expectSteps(t, s, hStep2, "apply step 2 2 unasked")[0]
	if s.Rejected(full) {
		t.Error("a step 2 that nobody asked for is answered")
	}
	if got := words(s.Resync()); got != "send step 1" {
		t.Errorf("after the disk refused it: got %q, want another step 1", got)
	}
	expectSteps(t, s, hStep2, "apply step 2 2 unasked")
	if got := words(s.Resync()); got != "" {
		t.Errorf("with nothing rejected: got %q, want nothing", got)
	}
}

// TestAStep1VoidsWhatWasRejected: a provider that starts over counts from 1.
func TestAStep1VoidsWhatWasRejected(t *testing.T) {
	s := openedHocuspocus(t, ysync.Read)
	expectSteps(t, s, hStep1, "send step 1, send step 2")
	expectSteps(t, s, hUpdate, "reject update")
	if _, err := s.Open(ysync.Write); err != nil {
		t.Fatal(err)
	}
	expectSteps(t, s, hStep1, "send step 1, send step 2")
	expectSteps(t, s, hStep2, "apply step 2 1")
	expectSteps(t, s, hStep2, "apply step 2 unasked")
	expectSteps(t, s, hStep2, "apply step 2 1")
}

// TestParked: a refused session drops what comes, until a token opens it again; then the server asks for what it lacks
// and sends what the peer may lack.
func TestParked(t *testing.T) {
	s := openedHocuspocus(t, ysync.Write)
	expectSteps(t, s, hStep1, "send step 1, send step 2")
	expectSteps(t, s, hStep2, "apply step 2 1")
	_, err := s.Receive([]byte{42}, nil)
	expectRefusal(t, err, ysync.CodeMalformed, "unknown message type 42")
	if s.IsOpen() || s.Waiting() {
		t.Error("a refused session is open or waits")
	}
	for _, message := range [][]byte{hStep1, hStep2, hUpdate, {1, 1, 0}, {42}, nil, {8, 1}} {
		expectSteps(t, s, message, "")
	}
	expectSteps(t, s, hToken, "authenticate by token")
	steps, err := s.Open(ysync.Write)
	if got := words(steps); err != nil || got != "send authenticated, send awareness, send step 1, send step 2" {
		t.Fatalf("open again: got %q, %v", got, err)
	}
	expectSteps(t, s, hUpdate, "apply update 1")
	expectSteps(t, s, hStep2, "apply step 2 1 unasked") // for the update that was dropped
	expectSteps(t, s, hClose, "detach")
}

// TestParkedWithAClaimUnderWay: the answer to a step 1 from before must not be taken for the answer to the one after.
func TestParkedWithAClaimUnderWay(t *testing.T) {
	s := openedHocuspocus(t, ysync.Write)
	expectSteps(t, s, hStep1, "send step 1, send step 2")
	_ = s.End(ysync.Refuse(ysync.CodeUnauthorized, "expired"))
	expectSteps(t, s, hUpdate, "")
	if _, err := s.Open(ysync.Write); err != nil {
		t.Fatal(err)
	}
	expectSteps(t, s, hStep2, "apply step 2 unasked")
	expectSteps(t, s, hStep2, "apply step 2 2 unasked")
}

func TestHocuspocusWaits(t *testing.T) {
	s := ysync.NewSession(ysync.Hocuspocus{})
	expectSteps(t, &s, hUpdate, "hold update")
	expectSteps(t, &s, []byte{1, 1, 0}, "hold awareness")
	expectSteps(t, &s, hStep1, "authenticate by step 1, hold step 1")
	expectSteps(t, &s, hStep1, "hold step 1")
	steps := expectSteps(t, &s, append(append([]byte{2, 0, 1, 't', 6}, "12.0.1"...), 1, 2, 3), "authenticate by token")
	if got := steps[0].Provider; got != 12 {
		t.Errorf("got version %d of the provider, want 12", got)
	}
	expectSteps(t, &s, hClose, "detach")
	_, err := s.Receive([]byte{8, 1}, nil)
	expectRefusal(t, err, ysync.CodeMalformed, "sync status")
}

func TestAddresses(t *testing.T) {
	for address, want := range map[string][2]string{
		"a": {"a", ""}, "a/b": {"a/b", ""}, "a\x00s1": {"a", "s1"}, "ü\x00日本": {"ü", "日本"},
		strings.Repeat("n", 255) + "\x00" + strings.Repeat("s", 64): {strings.Repeat("n", 255), strings.Repeat("s", 64)},
	} {
		document, session, refusal := ysync.ParseAddress([]byte(address))
		if refusal != nil || document != want[0] || session != want[1] {
			t.Errorf("%q: got %q, %q, %v", address, document, session, refusal)
		}
		if len(address) > ysync.MaxAddressBytes {
			t.Errorf("%q is longer than the longest address", address)
		}
	}
	for _, address := range []string{
		"", "\x00", "\x00s", "a\x00", "a\x00s\x00t", "a//b", "../a", "a\nb", "\xff", "a\x00\xff",
		strings.Repeat("n", 256), "a\x00" + strings.Repeat("s", 65), strings.Repeat("x", 10<<10),
	} {
		if _, _, refusal := ysync.ParseAddress([]byte(address)); refusal == nil || refusal.Code != ysync.CodeMalformed {
			t.Errorf("%.20q: got %v, want it refused", address, refusal)
		}
	}
	for _, frame := range [][]byte{nil, {5, 'a'}, {0x80}, {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f}} {
		_, _, err := ysync.CutAddress(frame)
		expectRefusal(t, err, ysync.CodeMalformed, "address")
	}
}

// TestDialectsAreToldApart by the first frame of each recorded connection.
func TestDialectsAreToldApart(t *testing.T) {
	n := 0
	for file, want := range map[string]bool{"testdata/conversations.txt": false, "testdata/hocuspocus.txt": true} {
		for name, frames := range conversationsIn(t, file) {
			first := make(map[string]bool)
			for _, c := range frames {
				if !c.fromClient || first[c.client] {
					continue
				}
				first[c.client] = true
				n++
				if got := ysync.IsHocuspocus(c.frame); got != want {
					t.Errorf("%s: %s: got Hocuspocus %t, want %t", file, name, got, want)
				}
			}
		}
	}
	if n < 10 {
		t.Errorf("only %d connections were looked at", n)
	}
}

// FuzzHocuspocus checks that no frame makes the decoder or a session in any phase panic or allocate out of proportion,
// and that what it yields is written back as it was.
func FuzzHocuspocus(f *testing.F) {
	for _, frames := range conversationsIn(f, "testdata/hocuspocus.txt") {
		for _, c := range frames {
			f.Add(c.frame)
		}
	}
	f.Fuzz(func(t *testing.T, frame []byte) {
		address, message, err := ysync.CutAddress(frame)
		if err != nil {
			expectFitting(t, err)
			return
		}
		if _, _, refusal := ysync.ParseAddress(address); refusal != nil {
			expectFitting(t, refusal)
		}
		waits := ysync.NewSession(ysync.Hocuspocus{})
		for _, s := range []*ysync.Session{&waits, openedHocuspocus(t, ysync.Read), openedHocuspocus(t, ysync.Write)} {
			for range 2 { // the second time it may be parked
				var steps []ysync.Step
				if got, most := crdttest.Allocated(func() { steps, err = s.Receive(message, nil) }), uint64(2*len(frame)+16<<10); got > most {
					t.Errorf("%d bytes allocate %d, want at most %d", len(frame), got, most)
				}
				if err != nil {
					expectFitting(t, err)
				}
				if len(steps) > 2 {
					t.Errorf("got %d steps for one message", len(steps))
				}
			}
		}
		messages, err := ysync.Hocuspocus{}.Parse(message, nil)
		if err != nil || len(messages) != 1 {
			return
		}
		switch m := messages[0]; m.Kind {
		case ysync.Step1, ysync.Step2, ysync.Update, ysync.Awareness:
			if again := encode(ysync.YWebsocket{}, m); !bytes.Equal(again, message) && len(again) >= len(message) {
				t.Errorf("got %x back from %x: neither the same nor shorter", again, message)
			}
		}
	})
}

// expectFitting fails unless err is a refusal whose reason fits.
func expectFitting(t testing.TB, err error) {
	t.Helper()
	var r *ysync.Refusal
	if !errors.As(err, &r) || len(r.Reason) > ysync.MaxReasonBytes || !utf8.ValidString(r.Reason) {
		t.Fatalf("got error %v, want a refusal with a reason that fits", err)
	}
}

func BenchmarkReceiveAddressed(b *testing.B) {
	s := openedHocuspocus(b, ysync.Write)
	frame := lib0.AppendBytes([]byte{1, 'd', 0, 2}, bytes.Repeat([]byte{1}, 30))
	steps := make([]ysync.Step, 0, 4)
	b.ReportAllocs()
	for b.Loop() {
		_, message, _ := ysync.CutAddress(frame)
		steps, _ = s.Receive(message, steps[:0])
	}
}
