package suite

import (
	"bytes"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/weftsync/weft/bench/load"
	"github.com/weftsync/weft/bench/relay"
	"github.com/weftsync/weft/bench/scenario"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A server that runs already is measured as far as that goes, and what needs its process is a gap. It is not ended.
func TestTarget(t *testing.T) {
	server := httptest.NewServer(&relay.Relay{})
	defer server.Close()
	var out bytes.Buffer
	f := Flags{Target: server.URL + "/", Scenarios: []string{"connect-storm", "idle", "kill"}, Dialect: "y-websocket", Seed: 1, Data: t.TempDir()}
	got, err := Run(t.Context(), f, t.TempDir(), "", NewProgress(&out, true))
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Results) != 3 || len(got.Results[0].Rows) != 1 || !got.Results[0].OK() || got.Results[0].Gap != "" {
		t.Fatalf("%+v", got.Results)
	}
	for _, r := range got.Results[1:] {
		if !strings.Contains(r.Gap, "has not started") {
			t.Errorf("%s: gap %q, failure %q", r.Scenario, r.Gap, r.Failure)
		}
	}
	for _, want := range []string{"connect-storm, http", "until all are there", "gap: not possible"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("progress lacks %q:\n%s", want, &out)
		}
	}
}

func TestTargetElsewhere(t *testing.T) {
	f := Flags{Target: "http://192.0.2.1/", Scenarios: []string{"fan-out"}, Dialect: "hocuspocus", Path: "/collab", Data: t.TempDir()}
	got, err := Run(t.Context(), f, t.TempDir(), "", NewProgress(&bytes.Buffer{}, true))
	if err != nil || len(got.Results) != 1 || !strings.Contains(got.Results[0].Failure, "not on this machine") {
		t.Errorf("%+v, error %v", got, err)
	}
	peers, err := f.peers(scenario.Place{})
	if err != nil || len(peers) != 1 || peers[0].Dialect != load.Hocuspocus || peers[0].Path != "collab" {
		t.Errorf("%+v, error %v", peers, err)
	}
}

// TestASoakMayTakeItsTime: however long a soak is to go on, it is not ended for that, in a quick run neither.
func TestASoakMayTakeItsTime(t *testing.T) {
	for _, full := range []bool{false, true} {
		s := &suite{Flags: Flags{Full: full, Soak: 10 * time.Hour}}
		for _, sc := range scenario.All() {
			if within := s.within(sc); (within > s.Soak) != sc.Long || within > 12*time.Hour {
				t.Errorf("%s may take %s when a soak takes %s", sc.Name, within, s.Soak)
			}
		}
	}
}

func TestWhatIsNotKnown(t *testing.T) {
	for name, f := range map[string]Flags{
		`no scenario "x"`: {Scenarios: []string{"x"}},
		`no server "y"`:   {Peers: []string{"y"}},
		"make a folder":   {Data: filepath.Join(t.TempDir(), "none")},
	} {
		if _, err := Run(t.Context(), f, t.TempDir(), "", NewProgress(&bytes.Buffer{}, true)); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("error = %v, want one with %q", err, name)
		}
	}
	chosen, err := (&Flags{}).scenarios()
	if err != nil || len(chosen) != len(scenario.All())-1 {
		t.Errorf("%d scenarios by default, error %v; want all but soak", len(chosen), err)
	}
}

// Without a terminal there are lines, but not one for every look.
func TestProgressInLines(t *testing.T) {
	var out bytes.Buffer
	p := NewProgress(&out, false)
	for range 100 {
		p.Phase("a, b", load.Live{Phase: "c", Done: 0.5, PerSecond: 1234, P99: 5 * time.Millisecond, ToCome: 7})
	}
	p.End()
	if got := out.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, " 50 % a, b, c: 1234/s, p99 5ms, 7 to come") {
		t.Errorf("progress is %q", got)
	}
}
