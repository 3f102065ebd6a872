package load

import (
	"errors"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/weftsync/weft/bench/engine"
	"github.com/weftsync/weft/bench/trace"
	"github.com/weftsync/weft/bench/updates"
	"github.com/weftsync/weft/crdt/lib0"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const author = 7

// history returns the updates of a small history and its text.
func history(t testing.TB, txns int) (*updates.Log, string) {
	t.Helper()
	generated := trace.Generated(3, txns)
	log, err := engine.Updates(generated, author)
	if err != nil {
		t.Fatal(err)
	}
	return log, generated.End
}

func newRun(t testing.TB, l lie) *Run {
	t.Helper()
	log, text := history(t, 400)
	n := log.Len()
	return &Run{
		Server: startRelay(t, l), Document: "a/b", Root: engine.Root, Updates: log, Client: author, Text: text, Readers: 3,
		Phases:   []Phase{{Name: "slow", Updates: 100, Rate: 2000}, {Name: "fast", Updates: n - 100}},
		Patience: 20 * time.Second,
	}
}

func TestRunMeasuresAnHonestServer(t *testing.T) {
	run := newRun(t, lie{})
	progress := map[string]int{}
	run.Progress = func(phase string, reached, total int) { progress[phase] = total - reached }
	got, err := run.Do(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !got.Convergence.OK() || got.Convergence.Checked != 4 {
		t.Errorf("convergence = %+v, want 4 of 4 and the server", got.Convergence)
	}
	if len(got.Phases) != 2 {
		t.Fatalf("%d phases, want 2", len(got.Phases))
	}
	for _, p := range got.Phases {
		if p.ToAll.Count != p.Updates || p.Echo.Count != p.Updates || p.ToAll.P50 <= 0 || p.ToAll.Max < p.ToAll.P99 {
			t.Errorf("phase %s: latencies %+v, echo %+v for %d updates", p.Name, p.ToAll, p.Echo, p.Updates)
		}
		if p.Frames != 3*p.Updates || p.Messages != 3*p.Updates {
			t.Errorf("phase %s: %d frames with %d messages, want %d", p.Name, p.Frames, p.Messages, 3*p.Updates)
		}
		if p.ReceivedBytes != 3*p.SentBytes {
			t.Errorf("phase %s: received %d bytes, sent %d", p.Name, p.ReceivedBytes, p.SentBytes)
		}
		if left, ok := progress[p.Name]; !ok || left != 0 {
			t.Errorf("phase %s: the last progress left %d", p.Name, left)
		}
	}
	if took := got.Phases[0].Took; took < 45*time.Millisecond {
		t.Errorf("100 updates at 2000/s took %v", took)
	}
}

func TestRunFollowsMergedUpdates(t *testing.T) {
	run := newRun(t, lie{merge: 4})
	run.Phases = []Phase{{Name: "fast", Updates: run.Updates.Len() / 4 * 4}}
	run.Updates = run.Updates.Slice(run.Phases[0].Updates)
	run.Text = textOf(t, run.Updates)
	got, err := run.Do(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if p := got.Phases[0]; p.Messages != 3*p.Updates/4 {
		t.Errorf("%d messages for %d updates merged by 4", p.Messages, p.Updates)
	}
}

func textOf(t testing.TB, log *updates.Log) string {
	t.Helper()
	doc, err := engine.ApplyAll(log)
	if err != nil {
		t.Fatal(err)
	}
	return doc.RootString(engine.Root)
}

// A server that lies is caught, with a word on what is wrong.
func TestRunCatchesLies(t *testing.T) {
	one := func(update []byte) [][]byte { return [][]byte{appendSync(nil, syncUpdate, update)} }
	cases := map[string]struct {
		lie  lie
		want string
	}{
		"drops one update for one reader": {lie{frames: func(index, conn int, update []byte) ([][]byte, bool) {
			if index == 150 && conn == 2 {
				return nil, false
			}
			return one(update), false
		}}, "reader"},
		"drops the last update for everybody": {lie{frames: func(index, _ int, update []byte) ([][]byte, bool) {
			if index == 399 {
				return nil, false
			}
			return one(update), false
		}}, "did not arrive in time"},
		"ends a connection": {lie{frames: func(index, conn int, update []byte) ([][]byte, bool) {
			return one(update), index == 150 && conn == 1
		}}, "reader"},
		"sends a damaged update": {lie{frames: func(index, _ int, update []byte) ([][]byte, bool) {
			if index == 150 {
				return one(update[:len(update)-1]), false
			}
			return one(update), false
		}}, "follow an update"},
		"sends a message of an unknown kind": {lie{frames: func(index, _ int, update []byte) ([][]byte, bool) {
			return append(one(update), []byte{99}), false
		}}, "message of kind 99"},
		"refuses": {lie{frames: func(index, _ int, update []byte) ([][]byte, bool) {
			return [][]byte{lib0.AppendString([]byte{messageAuth, 0}, "not today")}, false
		}}, "not today"},
		"changes what was typed for one reader": {lie{frames: func(index, conn int, update []byte) ([][]byte, bool) {
			return one(changeLetter(update, conn == 3)), false
		}}, "the text is another"},
		"has another text itself": {lie{text: func(text string) string { return text + "!" }}, "the server's document"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			run := newRun(t, c.lie)
			run.Patience = time.Second
			_, err := run.Do(t.Context())
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error = %v, want one with %q", err, c.want)
			}
		})
	}
}

// changeLetter returns the update with each e that is content made an f.
func changeLetter(update []byte, really bool) []byte {
	changed := append([]byte(nil), update...)
	if i := strings.LastIndex(string(changed), "\x01e\x00"); really && i >= 0 {
		changed[i+1] = 'f'
	}
	return changed
}

// A stall delays every update that was meant to be sent meanwhile, and every one of them says so.
func TestRunHidesNoStall(t *testing.T) {
	const stall = 200 * time.Millisecond
	stalled := false
	run := newRun(t, lie{frames: func(index, _ int, update []byte) ([][]byte, bool) {
		if index == 10 && !stalled {
			stalled = true
			time.Sleep(stall) // the stall itself is what is tested
		}
		return [][]byte{appendSync(nil, syncUpdate, update)}, false
	}})
	run.Phases = []Phase{{Name: "open loop", Updates: 400, Rate: 1000}}
	got, err := run.Do(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	p := got.Phases[0]
	if p.ToAll.Max < stall*9/10 {
		t.Errorf("longest = %v, want at least the stall of %v", p.ToAll.Max, stall)
	}
	// Half of the updates are meant to be sent while the server stands still, a quarter of all before half of that
	// time is over.
	if p.ToAll.P95 < stall/2 {
		t.Errorf("p95 = %v, want at least half of the stall of %v", p.ToAll.P95, stall)
	}
}

func TestRunRefusesWhatItCannotDo(t *testing.T) {
	for name, change := range map[string]func(*Run){
		"more updates than there are": func(r *Run) { r.Phases[1].Updates = 1 << 20 },
		"no updates":                  func(r *Run) { r.Phases[0].Updates = 0 },
		"no phases":                   func(r *Run) { r.Phases = nil },
		"no readers":                  func(r *Run) { r.Readers = 0 },
		"another client":              func(r *Run) { r.Client = 8 },
		"no server":                   func(r *Run) { r.Server = "http://127.0.0.1:1" },
	} {
		run := newRun(t, lie{})
		change(run)
		if got, err := run.Do(t.Context()); err == nil {
			t.Errorf("%s: %+v, want an error", name, got)
		}
	}
}

func TestRunRefusesADocumentThatIsNotNew(t *testing.T) {
	run := newRun(t, lie{})
	if _, err := run.Do(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := run.Do(t.Context()); err == nil || !strings.Contains(err.Error(), "not new") {
		t.Errorf("error = %v, want one that says that the document is not new", err)
	}
}

var errMeter = errors.New("the meter is broken")

type brokenMeter struct{ begin, end error }

func (m brokenMeter) Begin() error        { return m.begin }
func (m brokenMeter) End() (Usage, error) { return Usage{}, m.end }

func TestRunPassesTheMetersErrorsOn(t *testing.T) {
	for _, m := range []brokenMeter{{begin: errMeter}, {end: errMeter}} {
		run := newRun(t, lie{})
		run.Meter = m
		if _, err := run.Do(t.Context()); !errors.Is(err, errMeter) {
			t.Errorf("error = %v, want the meter's", err)
		}
	}
}
