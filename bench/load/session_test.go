package load

import (
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
