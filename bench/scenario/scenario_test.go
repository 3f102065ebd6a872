package scenario

import (
	"context"
	"errors"
	"net"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/weftsync/weft/bench/load"
	"github.com/weftsync/weft/bench/relay/relaytest"
	"github.com/weftsync/weft/bench/target"
	"github.com/weftsync/weft/bench/trace"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// liars is a host of relays in this process. What they have kept outlives a kill.
type liars struct {
	t    testing.TB
	liar *relaytest.Liar
}

func (h *liars) Start(ctx context.Context) (Instance, error) { return h.Again(ctx) }

func (h *liars) Again(context.Context) (Instance, error) {
	return &living{liar: h.liar, server: httptest.NewServer(h.liar)}, nil
}

type living struct {
	liar   *relaytest.Liar
	server *httptest.Server
	ended  bool
}

func (l *living) Address() string             { return l.server.URL + "/" }
func (l *living) Meter() load.Meter           { return nil }
func (l *living) RSS() (int64, error)         { return target.RSS(os.Getpid()) }
func (l *living) Died() error                 { return nil }
func (l *living) Holds() (target.Held, error) { return target.Held{Goroutines: -1}, nil }
func (l *living) Stop() error                 { return l.Kill() }

func (l *living) Kill() error {
	if !l.ended {
		l.ended = true
		l.liar.Die()
		l.server.Close()
	}
	return nil
}

var storing = Peer{Name: "relay that stores", Dialect: load.YWebsocket, Stores: true}

func value(t testing.TB, r *Result, name string) float64 {
	t.Helper()
	for _, m := range r.Rows[0].Metrics {
		if m.Name == name {
			return m.Value
		}
	}
	t.Fatalf("no %q in %+v", name, r)
	return 0
}

func carryOut(t testing.TB, name string, p Peer, h Host) *Result {
	t.Helper()
	s, err := Find(name)
	if err != nil {
		t.Fatal(err)
	}
	return s.Run(t.Context(), p, h, Options{Quick: true, Seed: 1, Soak: 2 * time.Second})
}

// A server that tells authors that their edits are safe, and stores them later, is found out by a kill; one that stores
// first is not.
func TestKillFindsWhatWasOnlyTold(t *testing.T) {
	for _, c := range []struct {
		forget time.Duration
		lies   bool
	}{{0, false}, {400 * time.Millisecond, true}} {
		r := carryOut(t, "kill", storing, &liars{t, &relaytest.Liar{Forget: c.forget}})
		if !r.OK() || r.Gap != "" || len(r.Rows) != 1 {
			t.Fatalf("%+v", r)
		}
		lost, told := value(t, r, "lost"), value(t, r, "told")
		if told < 1000 || (lost > 0) != c.lies {
			t.Errorf("stored after %v: %.0f of %.0f are lost", c.forget, lost, told)
		}
		if span := value(t, r, "typing lost"); c.lies && (span <= 0 || span > 20) {
			t.Errorf("stored after %v: %.3f s of typing are lost", c.forget, span)
		}
	}
}

// one is a scenario of a single small row.
var one = Scenario{Name: "one", run: func(ctx context.Context, r *run) error {
	row, err := r.hold(ctx, "small", load.Plan{Documents: 2, Editors: 3, Authors: 2, Stay: true}, load.Phase{Rate: 100, Hold: 500 * time.Millisecond, Patience: 2 * time.Second})
	if err == nil {
		row.latencies(row.Phases[0].Propagation)
	}
	return r.keep(ctx, row, err)
}}

func TestFaultsAreMarked(t *testing.T) {
	honest := one.Run(t.Context(), storing, &liars{t, &relaytest.Liar{}}, Options{Seed: 1})
	if !honest.OK() || len(honest.Rows) != 1 || len(honest.Rows[0].Converged) != 1 || !honest.Rows[0].Converged[0].OK() {
		t.Errorf("an honest relay: %+v", honest)
	}
	dropping := &relaytest.Liar{Lie: func(index, receiver int, _ []byte) (int, time.Duration) {
		if index == 40 && receiver == 2 {
			return 0, 0
		}
		return 1, 0
	}}
	r := one.Run(t.Context(), storing, &liars{t, dropping}, Options{Seed: 1})
	if r.OK() || !strings.Contains(strings.Join(r.Rows[0].Faults, " "), "lost") {
		t.Errorf("a relay that drops: %+v", r)
	}
}

func relayBinary(t testing.TB) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "relay")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "github.com/weftsync/weft/bench/cmd/relay").CombinedOutput(); err != nil {
		t.Fatalf("build the relay: %v\n%s", err, out)
	}
	return binary
}

// relayPeer is the relay as a process, started with more arguments.
func relayPeer(t testing.TB, args ...string) Peer {
	place := Place{Root: t.TempDir(), Relay: relayBinary(t)}
	return place.relay(Peer{Name: PlainRelay}, args...)
}

func TestPortInUse(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	_, port, err := net.SplitHostPort(taken.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	p := relayPeer(t, "--port", port)
	r := one.Run(t.Context(), p, Processes(p, t.TempDir(), nil), Options{Seed: 1})
	if r.OK() || !strings.Contains(r.Failure, "address already in use") || len(r.Rows) != 1 || r.Rows[0].Gap == "" || len(r.Rows[0].Metrics) != 0 {
		t.Errorf("%+v", r)
	}
}

// A server that dies while it is measured is no server with small figures.
func TestServerThatDies(t *testing.T) {
	p := relayPeer(t)
	dying := Scenario{Name: "dying", run: func(ctx context.Context, r *run) error {
		if err := r.start(ctx); err != nil {
			return err
		}
		s, err := r.open(ctx, r.plan(load.Plan{Documents: 1, Editors: 2, Authors: 1}))
		if err != nil {
			return err
		}
		defer s.Close()
		row := Row{Label: "dying"}
		result, err := r.phase(ctx, s, load.Phase{Rate: 100, Hold: time.Second, Patience: 100 * time.Millisecond, At: 200 * time.Millisecond, Do: func() error {
			return syscall.Kill(r.live.(process).PID(), syscall.SIGKILL)
		}})
		row.of(s.Plan, result)
		return r.keep(ctx, row, err)
	}}
	r := dying.Run(t.Context(), p, Processes(p, t.TempDir(), nil), Options{Seed: 1})
	if r.OK() || !strings.Contains(r.Failure, "ended by itself") || !strings.Contains(strings.Join(r.Rows[0].Faults, " "), "lost") {
		t.Errorf("%+v", r)
	}
}

func TestWhatCannotBeMeasured(t *testing.T) {
	missing := Place{Root: t.TempDir(), Weft: "/none", Relay: "/none", Node: "/none"}.Peers()
	for _, p := range missing {
		if !errors.Is(p.Missing, ErrMissing) {
			t.Errorf("%s: missing = %v", p.Name, p.Missing)
		}
	}
	named := func(name string) Peer {
		return missing[slices.IndexFunc(missing, func(p Peer) bool { return p.Name == name })]
	}
	for name, r := range map[string]*Result{
		"not installed":    carryOut(t, "fan-out", named(Weft), Processes(named(Weft), t.TempDir(), nil)),
		"no event streams": carryOut(t, "viewers", named(Hocus), Running("http://127.0.0.1:1/")),
		"stores nothing":   carryOut(t, "kill", named(PlainRelay), Running("http://127.0.0.1:1/")),
		"has not started":  carryOut(t, "idle", named(Weft), Running("http://127.0.0.1:1/")),
	} {
		if !strings.Contains(r.Gap, name) || r.Failure != "" {
			t.Errorf("want a gap with %q: %+v", name, r)
		}
	}
}

// TestWhatPeersAreFor: a quick run leaves out what another column says already, and no peer is for a scenario that does not
// exist.
func TestWhatPeersAreFor(t *testing.T) {
	for _, p := range (Place{}).Peers() {
		for _, name := range slices.Concat(p.Only, p.NotInBrief) {
			if _, err := Find(name); err != nil {
				t.Errorf("%s: %v", p.Name, err)
			}
		}
		brief, full := 0, 0
		for _, s := range All() {
			if p.IsFor(s.Name, false) {
				brief++
			}
			if p.IsFor(s.Name, true) {
				full++
			}
		}
		if want := map[string][2]int{WeftCollab: {6, 13}, SlowWeft: {3, 3}}[p.Name]; want != [2]int{} && want != [2]int{brief, full} {
			t.Errorf("%s is for %d scenarios in a quick run and %d in a full one, want %v", p.Name, brief, full, want)
		} else if want == [2]int{} && brief+full != 2*len(All()) {
			t.Errorf("%s is for %d and %d scenarios, want all", p.Name, brief, full)
		}
	}
}

func TestHistoryIsCut(t *testing.T) {
	h, err := NewHistory(trace.Generated(1, 300))
	if err != nil {
		t.Fatal(err)
	}
	c, err := h.cut(100)
	if err != nil {
		t.Fatal(err)
	}
	whole := append([][]byte{c.base}, c.missed...)
	if err := errors.Join(c.check(whole, false), c.check(c.missed, true)); err != nil {
		t.Error(err)
	}
	if c.check(whole[:len(whole)-1], false) == nil || c.check(c.missed[1:], true) == nil {
		t.Error("an update is not there, and that is no error")
	}
	if _, err := h.cut(300); err == nil {
		t.Error("cut before its beginning: no error")
	}
}

func TestNamesAreKnown(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range All() {
		if s.Name == "" || s.Title == "" || s.About == "" || s.run == nil || seen[s.Name] {
			t.Errorf("%+v", s)
		}
		seen[s.Name] = true
	}
	if _, err := Find("none"); err == nil {
		t.Error("a scenario that is not there: no error")
	}
}
