package load

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/weftsync/weft/bench/relay/relaytest"
)

// startLiar returns the address of a relay that tells this lie.
func startLiar(t testing.TB, l *relaytest.Liar) string {
	t.Helper()
	server := httptest.NewServer(l)
	t.Cleanup(func() {
		l.Die()
		server.Close()
	})
	return server.URL + "/"
}

// told carries out one phase against a relay, and returns everything that was found wrong. patience is how long what was
// sent may take: long where all of it comes, so that a busy machine is not taken for a liar.
func told(t *testing.T, l *relaytest.Liar, patience time.Duration) (PhaseResult, string) {
	t.Helper()
	s := open(t, Plan{Server: startLiar(t, l), Prefix: "t", Documents: 2, Editors: 4, Authors: 2, Pattern: Typing, Seed: 3, Stay: true})
	r, err := s.Run(t.Context(), Phase{Name: "lies", Rate: 400, Hold: time.Second, Patience: patience})
	var found []string
	for _, e := range []error{err, r.Complete(), checked(t, s)} {
		if e != nil {
			found = append(found, e.Error())
		}
	}
	return r, strings.Join(found, "\n")
}

func checked(t *testing.T, s *Session) error {
	t.Helper()
	_, err := s.Check(t.Context())
	return err
}

func TestHonestControl(t *testing.T) {
	r, found := told(t, &relaytest.Liar{}, time.Minute)
	if found != "" {
		t.Errorf("an honest relay: %s", found)
	}
	if r.Delivered != 3*r.Sent || r.Sent < 1000 || r.Propagation.Count != r.Delivered || r.Ack.Count != r.Sent {
		t.Errorf("sent %d, delivered %d, timed %d, acknowledged %d", r.Sent, r.Delivered, r.Propagation.Count, r.Ack.Count)
	}
}

// Each lie is found, by what it is.
func TestLiesAreFound(t *testing.T) {
	for name, c := range map[string]struct {
		liar *relaytest.Liar
		want []string
	}{
		"drops 1 in 1,000": {&relaytest.Liar{Lie: func(index, receiver int, _ []byte) (int, time.Duration) {
			if (4*index+receiver)%1000 == 500 {
				return 0, 0
			}
			return 1, 0
		}}, []string{"deliveries were lost", "lacks"}},
		"drops the last one": {&relaytest.Liar{Lie: func(index, receiver int, _ []byte) (int, time.Duration) {
			if index >= 600 && receiver == 3 {
				return 0, 0
			}
			return 1, 0
		}}, []string{"deliveries were lost"}},
		"sends 1 in 1,000 twice": {&relaytest.Liar{Lie: func(index, receiver int, _ []byte) (int, time.Duration) {
			if (4*index+receiver)%1000 == 500 {
				return 2, 0
			}
			return 1, 0
		}}, []string{"updates came twice"}},
		"changes a letter": {&relaytest.Liar{Change: func(index, receiver int, m []byte) []byte {
			if index > 300 && receiver == 2 && m[2] > 20 && m[4] == 1 {
				m = bytes.Clone(m)
				m[len(m)-2] ^= 0x20
			}
			return m
		}}, []string{"not what was typed"}},
		"sends what nobody sent": {&relaytest.Liar{Change: func(index, receiver int, m []byte) []byte {
			if index == 300 && receiver == 1 {
				return []byte{0, 2, 13, 1, 1, 5, 0, 4, 1, 1, 't', 3, 'x', 'y', 'z', 0}
			}
			return m
		}}, []string{"edits nothing here"}},
		"forgets what it was given": {&relaytest.Liar{Forget: time.Hour}, []string{"the server's copy"}},
	} {
		t.Run(name, func(t *testing.T) {
			if c.liar.Forget > 0 {
				c.liar.Forget = 0
				forgetful(t, c.want)
				return
			}
			_, found := told(t, c.liar, 2*time.Second)
			for _, want := range c.want {
				if !strings.Contains(found, want) {
					t.Errorf("found %q, want %q in it", found, want)
				}
			}
		})
	}
}

// forgetful checks a server whose copy of the documents is empty.
func forgetful(t *testing.T, want []string) {
	t.Helper()
	s := open(t, Plan{Server: startLiar(t, &relaytest.Liar{}), Prefix: "t", Documents: 2, Editors: 4, Authors: 2, Pattern: Typing, Seed: 3, Stay: true})
	if _, err := s.Run(t.Context(), Phase{Name: "lies", Rate: 200, Hold: 200 * time.Millisecond}); err != nil {
		t.Fatal(err)
	}
	s.Server = startLiar(t, &relaytest.Liar{})
	if err := checked(t, s); err == nil || !strings.Contains(err.Error(), want[0]) {
		t.Errorf("error = %v, want one with %q", err, want[0])
	}
}

// A relay that delays 5 % shows in the percentiles that it should show in, however busy this machine is.
func TestDelaysAreFound(t *testing.T) {
	const delay = time.Second
	r, found := told(t, &relaytest.Liar{Lie: func(index, receiver int, _ []byte) (int, time.Duration) {
		if (4*index+receiver)%20 == 7 {
			return 1, delay
		}
		return 1, 0
	}}, time.Minute)
	if found != "" {
		t.Errorf("what came late was not lost: %s", found)
	}
	if r.Propagation.P99 < delay || r.Propagation.Max < delay {
		t.Errorf("p99 = %v, max = %v, and 5 %% were delayed by %v", r.Propagation.P99, r.Propagation.Max, delay)
	}
}

// A stall delays every update that was meant to be sent meanwhile, and every one of them says so.
func TestNoStallIsHidden(t *testing.T) {
	const stall = 500 * time.Millisecond
	stalled := map[int]bool{}
	r, found := told(t, &relaytest.Liar{Lie: func(index, receiver int, _ []byte) (int, time.Duration) {
		if index == 100 && receiver == 0 && !stalled[index] {
			stalled[index] = true
			time.Sleep(stall) // the stall itself is what is tested
		}
		return 1, 0
	}}, time.Minute)
	if found != "" {
		t.Error(found)
	}
	// Each of the two documents stalls once, for half of the second in which it is edited: a third of all edits are meant
	// for the first half second of that at the least.
	if r.Propagation.Max < stall*9/10 || r.Propagation.P95 < stall/2 {
		t.Errorf("p95 = %v, max = %v, after a stall of %v", r.Propagation.P95, r.Propagation.Max, stall)
	}
}

// A server that refuses, ends connections or is none says so.
func TestWhatIsNoServer(t *testing.T) {
	refusing := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(refusing.Close)
	for name, c := range map[string]struct{ address, want string }{
		"nobody listens": {"http://127.0.0.1:1/", "refused"},
		"no WebSocket":   {refusing.URL + "/", "404"},
	} {
		s, err := Open(Plan{Server: c.address, Prefix: "t", Documents: 1, Editors: 2, Authors: 1, Pattern: Typing})
		if err != nil {
			t.Fatal(err)
		}
		_, err = s.Connect(t.Context(), 5*time.Second)
		s.Close()
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error = %v, want one with %q", name, err, c.want)
		}
	}
}
