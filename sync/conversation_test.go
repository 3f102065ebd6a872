package sync_test

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	ysync "github.com/weftsync/weft/sync"
)

// captured is one frame of a recorded conversation.
type captured struct {
	fromClient bool
	client     string
	frame      []byte
}

// conversations reads testdata/conversations.txt, which testdata/capture.mjs recorded from real providers.
func conversations(t testing.TB) map[string][]captured {
	t.Helper()
	return conversationsIn(t, "testdata/conversations.txt")
}

// conversationsIn reads a file of recorded conversations.
func conversationsIn(t testing.TB, path string) map[string][]captured {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	all := make(map[string][]captured)
	name := ""
	for lines := bufio.NewScanner(file); lines.Scan(); {
		line := lines.Text()
		if title, ok := strings.CutPrefix(line, "# "); ok {
			name, _, _ = strings.Cut(title, ":")
			continue
		}
		fields := strings.Fields(line)
		if len(fields) != 3 || name == "" {
			t.Fatalf("conversation %q: bad line %q", name, line)
		}
		frame, err := hex.DecodeString(fields[2])
		if err != nil {
			t.Fatalf("conversation %q: %v", name, err)
		}
		all[name] = append(all[name], captured{fields[0] == "C", fields[1], frame})
	}
	return all
}

// TestConversations feeds what real clients sent to sessions and compares what the sessions ask for.
func TestConversations(t *testing.T) {
	want := map[string][]string{
		"join": {
			"1 send step 2 00", "1 apply awareness 010100027b7d", "1 apply step 2 0000",
		},
		"edit": {
			"1 send step 2 00", "1 apply awareness 010100027b7d", "1 apply step 2 0000",
			"2 send step 2 00", "2 apply awareness 010200027b7d", "2 apply step 2 0000",
			"1 apply update 01010100040107636f6e74656e740768c3a9f09f988000",
			"2 apply update 000101010001",
		},
		"late": {
			"1 send step 2 00", "1 apply awareness 010100027b7d", "1 apply step 2 0000",
			"1 apply update 010101002801016d016b0175037d01787e00",
			"3 send step 2 010301", "3 apply awareness 010300027b7d",
			"3 apply step 2 01010300080101610177017800",
		},
		"presence": {
			"1 send step 2 00", "1 apply awareness 010100027b7d", "1 apply step 2 0000",
			"2 send step 2 00", "2 apply awareness 010200027b7d", "2 apply step 2 0000",
			"1 apply awareness 010101177b2275736572223a7b226e616d65223a22416461227d7d",
			"2 apply awareness 010101177b2275736572223a7b226e616d65223a22416461227d7d",
			"2 apply awareness 0102010c7b22637572736f72223a347d",
			"1 apply awareness 0102010c7b22637572736f72223a347d",
			"1 apply awareness 010102046e756c6c",
			"2 apply awareness 010102046e756c6c",
		},
		"reconnect": {
			"1 send step 2 00", "1 apply awareness 010100027b7d", "1 apply step 2 0000",
			"1 apply awareness 010100046e756c6c",
			"1 send step 2 010104", "1 apply awareness 010100027b7d",
			"1 apply step 2 01010100040107636f6e74656e74046177617900",
		},
	}
	got := make(map[string][]string)
	for name, frames := range conversations(t) {
		sessions := make(map[string]*ysync.Session)
		for _, c := range frames {
			if !c.fromClient {
				continue
			}
			s := sessions[c.client]
			if s == nil {
				s = opened(t, ysync.Write)
				sessions[c.client] = s
			}
			steps, err := s.Receive(c.frame, nil)
			if err != nil {
				t.Fatalf("%s: %x: %v", name, c.frame, err)
			}
			for _, step := range steps {
				got[name] = append(got[name], fmt.Sprintf("%s %s %x", c.client, describe(step), step.Payload))
			}
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("steps (-want +got):\n%s", diff)
	}
}

// TestFramesAreTheServersOwn encodes again what the recorded server sent: the frames of this package are byte for byte
// those of y-protocols.
func TestFramesAreTheServersOwn(t *testing.T) {
	var d ysync.YWebsocket
	seen := make(map[ysync.Kind]int)
	for name, frames := range conversations(t) {
		for _, c := range frames {
			steps, err := d.Parse(c.frame, nil)
			if err != nil || len(steps) != 1 {
				t.Fatalf("%s: %x: got %d messages, %v", name, c.frame, len(steps), err)
			}
			got := encode(d, steps[0])
			if !bytes.Equal(got, c.frame) {
				t.Errorf("%s: got %x, want %x", name, got, c.frame)
			}
			seen[steps[0].Kind]++
		}
	}
	for _, k := range []ysync.Kind{ysync.Step1, ysync.Step2, ysync.Update, ysync.Awareness} {
		if seen[k] == 0 {
			t.Errorf("no %s in the recorded conversations: the comparison proves nothing about it", k)
		}
	}
}

// encode writes one message as a frame.
func encode(d ysync.YWebsocket, m ysync.Step) []byte {
	switch m.Kind {
	case ysync.Step1:
		return d.AppendStep1(nil, m.Payload)
	case ysync.Step2:
		return d.AppendStep2(nil, m.Payload)
	case ysync.Update:
		return d.AppendUpdate(nil, m.Payload)
	case ysync.Awareness:
		return d.AppendAwareness(nil, m.Payload)
	case ysync.Auth:
		return d.AppendDenied(nil, string(m.Payload))
	}
	return []byte{3}
}

// describe names a step in the words of the tables.
func describe(s ysync.Step) string {
	switch s.Act {
	case ysync.SendStep1:
		return "send step 1"
	case ysync.SendStep2:
		return "send step 2"
	case ysync.Apply:
		return "apply " + s.Kind.String()
	case ysync.ApplyKnown:
		return "apply known " + s.Kind.String()
	case ysync.ApplyAwareness:
		return "apply awareness"
	case ysync.SendAwareness:
		return "send awareness"
	case ysync.Reject:
		return "reject " + s.Kind.String()
	case ysync.Authenticate:
		return "authenticate by " + s.Kind.String()
	case ysync.SendAuthenticated:
		return "send authenticated"
	case ysync.Hold:
		return "hold " + s.Kind.String()
	case ysync.Relay:
		return "relay"
	case ysync.Detach:
		return "detach"
	}
	return fmt.Sprintf("act %d", s.Act)
}

// opened returns a session of level l that is past its first steps.
func opened(t testing.TB, l ysync.Level) *ysync.Session {
	t.Helper()
	s := ysync.NewSession(ysync.YWebsocket{})
	steps, err := s.Open(l)
	if err != nil || len(steps) != 2 || steps[0].Act != ysync.SendStep1 || steps[1].Act != ysync.SendAwareness {
		t.Fatalf("open: got %v, %v, want a step 1 and awareness", steps, err)
	}
	return &s
}
