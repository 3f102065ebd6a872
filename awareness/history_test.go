package awareness_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/weftsync/weft/awareness"
)

// history is what web/fixtures/awareness.mjs wrote down while it played on real y-protocols.
type history struct {
	IDs   []string // each replica's own client
	Start int64    // in milliseconds
	First []known  // what each replica knows at the start
	Steps []step
}

// known is the clock and the state of every client that a replica knows, by id.
type known map[string]struct {
	Clock uint64
	State string
}

type step struct {
	Replica int
	Now     int64 // in milliseconds
	Do      string
	State   string   // set
	IDs     []string // remove, encode
	Update  string   // encode, modify, apply
	Result  string   // modify
	Events  []event
	Knows   known
}

// event is one emission of Awareness: 'update', or 'change'.
type event struct {
	Change                  bool
	Added, Updated, Removed []string
}

// TestHistories replays the histories that are kept with the source.
func TestHistories(t *testing.T) {
	data, err := os.ReadFile("testdata/histories.json")
	if err != nil {
		t.Fatalf("read histories: %v", err)
	}
	replayAll(t, data, 10)
}

// TestHistoriesFresh replays histories that y-protocols plays now, from a seed that is new each time.
func TestHistoriesFresh(t *testing.T) {
	const script, installed = "../web/fixtures/awareness.mjs", "../web/node_modules/y-protocols"
	if _, err := os.Stat(installed); err != nil {
		if os.Getenv("WEFT_NEED_NODE") != "" {
			t.Fatalf("WEFT_NEED_NODE is set and %s is not there: run make web-deps", installed)
		}
		t.Skipf("%s is not there: run make web-deps", installed)
	}
	seed := time.Now().UnixNano() % 1e9
	if kept := os.Getenv("WEFT_AWARENESS_SEED"); kept != "" {
		var err error
		if seed, err = strconv.ParseInt(kept, 10, 64); err != nil {
			t.Fatalf("WEFT_AWARENESS_SEED: %v", err)
		}
	}
	t.Logf("WEFT_AWARENESS_SEED=%d", seed)
	cmd := exec.Command("node", script, "--seed", strconv.FormatInt(seed, 10), "--histories", "200")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("play histories: %v", err)
	}
	replayAll(t, out, 200)
}

// replayAll replays the histories in data, at least so many.
func replayAll(t *testing.T, data []byte, least int) {
	var file struct{ Histories []history }
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatalf("decode histories: %v", err)
	}
	if len(file.Histories) < least {
		t.Fatalf("got %d histories, want at least %d", len(file.Histories), least)
	}
	did := make(map[string]int)
	for i, h := range file.Histories {
		t.Run(fmt.Sprint(i), func(t *testing.T) { replay(t, h, did) })
	}
	for _, what := range []string{"set", "remove", "check", "encode", "modify", "apply"} {
		if did[what] == 0 {
			t.Errorf("no history did %q: nothing was tested", what)
		}
	}
	t.Logf("steps: %v", did)
}

// replay does what the history did and stops at the first difference.
func replay(t *testing.T, h history, did map[string]int) {
	// Clocks are not forgotten here: y-protocols keeps them for ever.
	options := awareness.Options{ForgetAfter: 1000 * time.Hour}
	replicas := make([]*awareness.States, len(h.IDs))
	for i, id := range h.IDs {
		replicas[i] = awareness.New(options)
		if _, err := replicas[i].Set(parseID(t, id), []byte("{}"), time.UnixMilli(h.Start)); err != nil {
			t.Fatal(err)
		}
		expectKnown(t, replicas[i], h.First[i])
	}
	for i, s := range h.Steps {
		did[s.Do]++
		t.Logf("step %d: replica %d at %d: %s %s%s%v", i, s.Replica, s.Now, s.Do, s.State, s.Update, s.IDs)
		replica := replicas[s.Replica]
		got := s.run(t, replica, parseID(t, h.IDs[s.Replica]))
		expectEvents(t, got, s.Events)
		expectKnown(t, replica, s.Knows)
		if t.Failed() {
			return
		}
	}
}

// run does the step and returns what changed, one Change for each that y-protocols would have emitted.
func (s step) run(t *testing.T, replica *awareness.States, own uint64) []awareness.Change {
	now := time.UnixMilli(s.Now)
	ids := make([]uint64, len(s.IDs))
	for i, id := range s.IDs {
		ids[i] = parseID(t, id)
	}
	update := parseHex(t, s.Update)
	var change awareness.Change
	var err error
	switch s.Do {
	case "set":
		state := []byte(s.State)
		if s.State == "null" {
			state = nil
		}
		change, err = replica.Set(own, state, now)
	case "remove":
		change.Removed = replica.Remove(now, ids...)
	case "check":
		return []awareness.Change{{Updated: replica.Renew(now)}, {Removed: replica.Expire(now)}}
	case "encode":
		if got := replica.AppendUpdate(nil, ids...); !bytes.Equal(got, update) {
			t.Errorf("AppendUpdate(%v) = %x, want %x", ids, got, update)
		}
	case "modify":
		got, err := awareness.Modify(update, awareness.Options{}, stamp)
		if want := parseHex(t, s.Result); err != nil || !bytes.Equal(got, want) {
			t.Errorf("Modify(%x) = %x, %v, want %x", update, got, err, want)
		}
	case "apply":
		change, err = replica.ApplyUpdate(update, now)
	default:
		t.Fatalf("unknown step %q", s.Do)
	}
	if err != nil {
		t.Errorf("%s: %v", s.Do, err)
	}
	return []awareness.Change{change}
}

// stamp replaces a state by the number of its keys.
func stamp(_ uint64, state []byte) ([]byte, error) {
	if state == nil {
		return nil, nil
	}
	var fields map[string]any
	if err := json.Unmarshal(state, &fields); err != nil {
		return nil, err
	}
	return fmt.Appendf(nil, `{"stamped":%d}`, len(fields)), nil
}

// expectEvents compares what changed with what Awareness emitted. The order of ids within a list is not compared:
// y-protocols lists those of a timeout by age of acquaintance, and calls of our own ids removed.
func expectEvents(t *testing.T, changes []awareness.Change, want []event) {
	t.Helper()
	var got []event
	for _, c := range changes {
		removed := slices.Concat(c.Removed, c.Claimed)
		if len(c.Added)+len(c.Changed())+len(removed) > 0 {
			got = append(got, event{true, sortedText(c.Added), sortedText(c.Changed()), sortedText(removed)})
		}
		if len(c.Added)+len(c.Updated)+len(removed) > 0 {
			got = append(got, event{false, sortedText(c.Added), sortedText(c.Updated), sortedText(removed)})
		}
	}
	for _, e := range want {
		slices.Sort(e.Added)
		slices.Sort(e.Updated)
		slices.Sort(e.Removed)
	}
	if g, w := fmt.Sprint(got), fmt.Sprint(want); g != w {
		t.Errorf("events {change added updated removed}: got %s, want %s", g, w)
	}
}

// expectKnown compares all that a replica knows.
func expectKnown(t *testing.T, s *awareness.States, want known) {
	t.Helper()
	if got := s.Stats().Known; got != len(want) {
		t.Errorf("%d clients are known, want %d", got, len(want))
	}
	live, size := 0, 0
	for id, w := range want {
		id := parseID(t, id)
		clock, ok := s.Clock(id)
		state := "null"
		if got := s.State(id); got != nil {
			state = string(got)
			live++
			size += len(got)
		}
		if !ok || clock != w.Clock || state != w.State {
			t.Errorf("client %d: got clock %d (known: %v) and %s, want %d and %s", id, clock, ok, state, w.Clock, w.State)
		}
	}
	if got := s.Stats(); got.Live != live || s.Len() != live || got.Bytes != size {
		t.Errorf("Stats = %+v, want %d live and %d bytes", got, live, size)
	}
}

// UnmarshalJSON reads a history's pair of clock and state.
func (k *known) UnmarshalJSON(data []byte) error {
	var pairs map[string][2]any
	if err := json.Unmarshal(data, &pairs); err != nil {
		return err
	}
	*k = make(known, len(pairs))
	for id, pair := range pairs {
		entry := (*k)[id]
		entry.Clock, entry.State = uint64(pair[0].(float64)), pair[1].(string)
		(*k)[id] = entry
	}
	return nil
}

func sortedText(ids []uint64) []string {
	text := make([]string, 0, len(ids))
	for _, id := range ids {
		text = append(text, strconv.FormatUint(id, 10))
	}
	slices.Sort(text)
	return text
}

func parseID(t *testing.T, s string) uint64 {
	t.Helper()
	id, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		t.Fatalf("parse id: %v", err)
	}
	return id
}

func parseHex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatalf("parse hex: %v", err)
	}
	return b
}
