package sync_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/weftsync/weft/crdt/crdttest"
	"github.com/weftsync/weft/crdt/lib0"
	ysync "github.com/weftsync/weft/sync"
)

func TestReceiveRefusesBadFrames(t *testing.T) {
	crowd := bytes.Repeat([]byte{3}, ysync.MaxMessagesPerFrame+1)
	tests := []struct {
		name   string
		frame  []byte
		code   ysync.Code
		reason string
	}{
		{"empty", nil, ysync.CodeMalformed, "empty"},
		{"unknown type", []byte{4}, ysync.CodeMalformed, "unknown message type 4"},
		{"unknown sync type", []byte{0, 3, 0}, ysync.CodeMalformed, "unknown message type 0 3"},
		{"unknown auth type", []byte{2, 1, 0}, ysync.CodeMalformed, "unknown message type 2 1"},
		{"type cut off", []byte{0x80}, ysync.CodeMalformed, "message type"},
		{"sync type missing", []byte{0}, ysync.CodeMalformed, "message type"},
		{"type past 2^53", []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f}, ysync.CodeMalformed, "message type"},
		{"length missing", []byte{0, 2}, ysync.CodeMalformed, "update at byte 0"},
		{"length lies", []byte{0, 2, 200, 1, 0}, ysync.CodeMalformed, "update at byte 0"},
		{"length lies hugely", []byte{0, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f}, ysync.CodeMalformed, "step 2 at byte 0"},
		{"awareness cut off", []byte{1, 5, 1}, ysync.CodeMalformed, "awareness at byte 0"},
		{"trailing garbage", []byte{0, 2, 2, 0, 0, 9}, ysync.CodeMalformed, "unknown message type 9 at byte 5"},
		{"second message cut off", []byte{3, 0, 2, 9}, ysync.CodeMalformed, "update at byte 1"},
		{"auth from a client", []byte{2, 0, 2, 'n', 'o'}, ysync.CodeMalformed, "does not send auth"},
		{"auth not UTF-8", []byte{2, 0, 1, 0xff}, ysync.CodeMalformed, "auth at byte 0"},
		{"too many messages", crowd, ysync.CodeTooLarge, "more than 1024"},
		{"text of another protocol", []byte(`{"hello":1}`), ysync.CodeMalformed, "unknown message type 123"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := opened(t, ysync.Admin)
			steps, err := s.Receive(tt.frame, nil)
			expectRefusal(t, err, tt.code, tt.reason)
			if len(steps) != 0 {
				t.Errorf("got %d steps of a refused frame, want none", len(steps))
			}
			_, again := s.Receive([]byte{0, 0, 1, 0}, nil)
			if !errors.Is(again, err) {
				t.Errorf("after the refusal: got %v, want %v", again, err)
			}
			if got := s.Level(); got != ysync.None {
				t.Errorf("level after the refusal: got %s, want none", got)
			}
		})
	}
}

func TestReceiveTakesSeveralMessages(t *testing.T) {
	var d ysync.YWebsocket
	frame := d.AppendStep1(nil, []byte{0})
	frame = d.AppendUpdate(frame, []byte{0, 0})
	frame = append(frame, 3)
	steps, err := opened(t, ysync.Write).Receive(frame, nil)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range steps {
		got = append(got, describe(s))
	}
	if want := "send step 2, apply update, send awareness"; strings.Join(got, ", ") != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestLevels(t *testing.T) {
	var d ysync.YWebsocket
	step1, step2 := d.AppendStep1(nil, []byte{0}), d.AppendStep2(nil, []byte{0, 0})
	update, presence := d.AppendUpdate(nil, []byte{0, 0}), d.AppendAwareness(nil, []byte{0})
	tests := []struct {
		level ysync.Level
		frame []byte
		want  string // the step, "" for none, or "refused"
	}{
		{ysync.Read, step1, "send step 2"},
		{ysync.Read, step2, "apply known step 2"},
		{ysync.Read, update, "refused"},
		{ysync.Read, presence, ""},
		{ysync.Read, []byte{3}, "send awareness"},
		{ysync.Presence, presence, "apply awareness"},
		{ysync.Presence, step2, "apply known step 2"},
		{ysync.Presence, update, "refused"},
		{ysync.Write, step2, "apply step 2"},
		{ysync.Write, update, "apply update"},
	}
	for _, tt := range tests {
		steps, err := opened(t, tt.level).Receive(tt.frame, nil)
		got := ""
		switch {
		case err != nil:
			expectRefusal(t, err, ysync.CodeForbidden, tt.level.String())
			got = "refused"
		case len(steps) == 1:
			got = describe(steps[0])
		}
		if got != tt.want {
			t.Errorf("%s, %x: got %q, want %q", tt.level, tt.frame, got, tt.want)
		}
	}
}

func TestNothingBeforeAuthorisation(t *testing.T) {
	s := ysync.NewSession(ysync.YWebsocket{})
	_, err := s.Receive([]byte{0, 0, 1, 0}, nil)
	expectRefusal(t, err, ysync.CodeUnauthorized, "before authorisation")
	if _, again := s.Open(ysync.Admin); !errors.Is(again, err) {
		t.Errorf("open after the refusal: got %v, want %v", again, err)
	}
}

func TestOpenWithoutALevel(t *testing.T) {
	for _, l := range []ysync.Level{ysync.None, ysync.Level(ysync.Levels)} {
		s := ysync.NewSession(ysync.YWebsocket{})
		_, err := s.Open(l)
		expectRefusal(t, err, ysync.CodeForbidden, "no access")
	}
}

func TestALoweredLevelActsOnTheNextFrame(t *testing.T) {
	s := opened(t, ysync.Write)
	update := ysync.YWebsocket{}.AppendUpdate(nil, []byte{0, 0})
	if _, err := s.Receive(update, nil); err != nil {
		t.Fatal(err)
	}
	if steps, err := s.Open(ysync.Read); err != nil || len(steps) != 0 {
		t.Fatalf("lower the level: got %v, %v, want nothing to do", steps, err)
	}
	_, err := s.Receive(update, nil)
	expectRefusal(t, err, ysync.CodeForbidden, "level read")
}

func TestReceiveAllocatesNothing(t *testing.T) {
	s := opened(t, ysync.Write)
	frame := ysync.YWebsocket{}.AppendUpdate(nil, []byte{0, 0})
	steps := make([]ysync.Step, 0, 4)
	if n := testing.AllocsPerRun(100, func() { steps, _ = s.Receive(frame, steps[:0]) }); n != 0 {
		t.Errorf("got %v allocations a frame, want 0", n)
	}
}

func TestKeepAlive(t *testing.T) {
	if got := hex.EncodeToString(ysync.YWebsocket{}.AppendKeepAlive(nil)); got != "010100" {
		t.Errorf("got %s, want 010100", got)
	}
}

func TestCutReason(t *testing.T) {
	tests := []struct {
		name, in string
		want     int // length of the result in bytes
	}{
		{"short", "no", 2},
		{"at the limit", strings.Repeat("a", 123), 123},
		{"one past it", strings.Repeat("a", 124), 123},
		{"a character across it", strings.Repeat("a", 122) + "é", 122},
		{"four bytes across it", strings.Repeat("a", 120) + "😀", 120},
		{"four bytes up to it", strings.Repeat("a", 119) + "😀", 123},
		{"not UTF-8", "ab\xffcd", 2},
	}
	for _, tt := range tests {
		got := ysync.CutReason(tt.in)
		if len(got) != tt.want || !strings.HasPrefix(tt.in, got) || !utf8.ValidString(got) {
			t.Errorf("%s: got %d bytes, %q, want %d", tt.name, len(got), got, tt.want)
		}
	}
}

func TestCheckName(t *testing.T) {
	good := []string{"a", "notes", "a/b/c", "...", "ü/日本", "a b", strings.Repeat("x", 255), "%2F", "a?b", "-"}
	for _, name := range good {
		if r := ysync.CheckName(name); r != nil {
			t.Errorf("%q: got %v, want it accepted", name, r)
		}
	}
	bad := map[string]string{
		"": "empty", "/": "empty segment", "a/": "empty segment", "/a": "empty segment", "a//b": "empty segment",
		".": `segment "."`, "a/..": `segment ".."`, "../a": `segment ".."`, "a/./b": `segment "."`,
		"a\x00b": "control", "a\nb": "control", "\u0085": "control", "\xff": "UTF-8", "a\xed\xa0\x80": "UTF-8",
		strings.Repeat("x", 256): "256 bytes",
	}
	for name, reason := range bad {
		r := ysync.CheckName(name)
		if r == nil || r.Code != ysync.CodeMalformed || !strings.Contains(r.Reason, reason) {
			t.Errorf("%q: got %v, want %q", name, r, reason)
		}
	}
}

func TestPermanentCodes(t *testing.T) {
	for _, c := range []ysync.Code{ysync.CodeMalformed, ysync.CodeUnauthorized, ysync.CodeForbidden, ysync.CodeNotFound, ysync.CodeConflict, ysync.CodeTooLarge} {
		if !c.Permanent() {
			t.Errorf("%d: got passing, want permanent", c)
		}
	}
	for _, c := range []ysync.Code{ysync.CodeRestart, ysync.CodeTryLater, ysync.CodeCorrupt, ysync.CodeUnavailable, ysync.CodeDiskFull, ysync.CodeSilent, ysync.CodeSlowDown} {
		if c.Permanent() {
			t.Errorf("%d: got permanent, want passing: y-websocket 3.1 would not come back", c)
		}
	}
}

// FuzzReceive checks that no frame makes a session panic, that what it yields lies inside the frame, and that each
// message that was read is written back as lib0 would have written it.
func FuzzReceive(f *testing.F) {
	for _, frames := range conversations(f) {
		for _, c := range frames {
			f.Add(c.frame)
		}
	}
	f.Add([]byte{3, 3, 2, 0, 1, 'x'})
	f.Fuzz(func(t *testing.T, frame []byte) {
		var d ysync.YWebsocket
		var messages []ysync.Step
		var err error
		if got, most := crdttest.Allocated(func() { messages, err = d.Parse(frame, nil) }), uint64(200*len(frame)+64<<10); got > most {
			t.Errorf("%d bytes allocate %d, want at most %d", len(frame), got, most)
		}
		if err != nil {
			var r *ysync.Refusal
			if !errors.As(err, &r) || len(r.Reason) > ysync.MaxReasonBytes || !utf8.ValidString(r.Reason) {
				t.Fatalf("got error %v, want a refusal with a reason that fits", err)
			}
			return
		}
		var again []byte
		for _, m := range messages {
			again = append(again, encode(d, m)...)
		}
		if !bytes.Equal(again, frame) && len(again) >= len(frame) {
			t.Fatalf("got %x back from %x: neither the same nor shorter", again, frame)
		}
		if len(messages) > ysync.MaxMessagesPerFrame {
			t.Fatalf("got %d messages", len(messages))
		}
	})
}

// expectRefusal fails unless err is a refusal with this code and a reason that holds part.
func expectRefusal(t testing.TB, err error, code ysync.Code, part string) {
	t.Helper()
	var r *ysync.Refusal
	if !errors.As(err, &r) {
		t.Fatalf("got %v, want a refusal", err)
	}
	if r.Code != code || !strings.Contains(r.Reason, part) {
		t.Errorf("got %v, want %d with %q", r, code, part)
	}
}

func BenchmarkReceive(b *testing.B) {
	s := opened(b, ysync.Write)
	frame := lib0.AppendBytes([]byte{0, 2}, bytes.Repeat([]byte{1}, 30))
	steps := make([]ysync.Step, 0, 4)
	b.ReportAllocs()
	for b.Loop() {
		steps, _ = s.Receive(frame, steps[:0])
	}
}
