package load

import (
	"io"
	"net/http/httptest"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/weftsync/weft/bench/relay"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func startRelay(t testing.TB, r *relay.Relay) string {
	t.Helper()
	server := httptest.NewServer(r)
	t.Cleanup(server.Close)
	return server.URL + "/"
}

func open(t testing.TB, p Plan) *Session {
	t.Helper()
	s, err := Open(p)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	if _, err := s.Connect(t.Context(), 20*time.Second); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestHonestRelay(t *testing.T) {
	for _, batch := range []bool{false, true} {
		s := open(t, Plan{Server: startRelay(t, &relay.Relay{Batch: batch}), Prefix: "t", Documents: 4, Editors: 5, Authors: 3, Pattern: Typing, Seed: 1})
		r, err := s.Run(t.Context(), Phase{Name: "a", Rate: 100, Cursors: 20, Hold: time.Second})
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Complete(); err != nil {
			t.Errorf("batch %v: %v", batch, err)
		}
		// Nobody waits for the last cursors.
		if r.Delivered != 4*r.Sent || r.Sent < 900 || r.CursorsDelivered == 0 || r.CursorsDelivered > 4*r.CursorsSent {
			t.Errorf("sent %d, delivered %d; cursors %d, %d", r.Sent, r.Delivered, r.CursorsSent, r.CursorsDelivered)
		}
		c, err := s.Check(t.Context())
		if err != nil || !c.OK() {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

// A message that is one update, as nearly all are, is taken in and timed without allocating, and so is an edit sent.
func TestMessagesDoNotAllocate(t *testing.T) {
	s := open(t, Plan{Server: startRelay(t, &relay.Relay{}), Prefix: "t", Documents: 1, Editors: 2, Authors: 1, Pattern: Typing, Seed: 1, Silent: true})
	if _, err := s.Run(t.Context(), Phase{Name: "warm", Rate: 500, Hold: 200 * time.Millisecond}); err != nil {
		t.Fatal(err)
	}
	const n = 1000
	c, a := s.documents[0].editors[1], s.documents[0].authors[0]
	if err := a.script.grow(a.sent + n + 2); err != nil {
		t.Fatal(err)
	}
	for range n + 1 {
		a.sent++
		a.meant = append(a.meant, s.clock())
	}
	payload := make([]byte, 0, 256)
	k := c.replica.of[0].next
	got := testing.AllocsPerRun(n, func() {
		payload = c.doc.speech.update(payload[:0], a.script.size(k))
		payload = a.script.append(payload, k, &a.id)
		k++
		if err := c.takePayload(payload); err != nil {
			t.Fatal(err)
		}
	})
	if got != 0 || c.replica.of[0].next != k {
		t.Errorf("%g allocations a message; %d of %d taken", got, c.replica.of[0].next, k)
	}
}

// Who goes offline, writes on and comes back ends up with everybody else, in both modes of absence.
func TestAbsences(t *testing.T) {
	for _, away := range []time.Duration{0, 300 * time.Millisecond} {
		s := open(t, Plan{Server: startRelay(t, &relay.Relay{}), Prefix: "t", Documents: 3, Editors: 4, Authors: 4, Pattern: Bursts, Seed: 1})
		r, err := s.Run(t.Context(), Phase{Name: "absent", Rate: 20, Hold: 3 * time.Second, Absences: 1, Away: away, Patience: 30 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		c, err := s.Check(t.Context())
		if err != nil || !c.OK() || r.Lost > 0 || r.Returns == 0 {
			t.Errorf("away %v: %+v, %v; %d lost, %d came back", away, c, err, r.Lost, r.Returns)
		}
		if away > 0 && r.Returned.Count == 0 {
			t.Errorf("away %v: nothing was written offline", away)
		}
	}
}

// Who is offline when a phase ends, or loses the connection between two, is there in the next.
func TestBackInTheNextPhase(t *testing.T) {
	s := open(t, Plan{Server: startRelay(t, &relay.Relay{}), Prefix: "t", Documents: 1, Editors: 3, Authors: 3, Pattern: Typing, Seed: 1})
	late := func() error {
		s.conns[0].fail(io.EOF)
		return nil
	}
	quiet := Phase{Name: "quiet", Hold: 50 * time.Millisecond, At: 49 * time.Millisecond, Do: late, Patience: 30 * time.Second}
	if _, err := s.Run(t.Context(), quiet); err != nil {
		t.Fatal(err)
	}
	if c := s.conns[0]; c.state != stateLive {
		t.Error("the phase ended before somebody who was to come back was there")
	}
	s.conns[1].fail(io.EOF)
	r, err := s.Run(t.Context(), Phase{Name: "next", Rate: 50, Hold: 500 * time.Millisecond, Patience: 30 * time.Second})
	if err != nil || r.Lost > 0 || r.Unacknowledged > 0 || r.Sent == 0 {
		t.Errorf("%d sent, %d lost, %d not acknowledged, error %v", r.Sent, r.Lost, r.Unacknowledged, err)
	}
	if c, err := s.Check(t.Context()); err != nil || !c.OK() {
		t.Errorf("%+v: %v", c, err)
	}
}

// Those who stop reading get everything afterwards.
func TestSlowReaders(t *testing.T) {
	s := open(t, Plan{Server: startRelay(t, &relay.Relay{}), Prefix: "t", Documents: 1, Editors: 5, Authors: 2, Slow: 2, Pattern: Paste, Seed: 1})
	r, err := s.Run(t.Context(), Phase{Name: "slow", Rate: 100, Hold: time.Second, Patience: 30 * time.Second})
	if err != nil || r.Lost > 0 {
		t.Fatalf("%d lost, error %v", r.Lost, err)
	}
	if slow := 2 * r.Sent; r.Propagation.Count != r.Delivered-slow {
		t.Errorf("%d timed of %d delivered, %d of them to those who were slow", r.Propagation.Count, r.Delivered, slow)
	}
	if c, err := s.Check(t.Context()); err != nil || !c.OK() {
		t.Errorf("%+v: %v", c, err)
	}
}
