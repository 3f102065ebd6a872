package trace

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func TestGeneratedIsSound(t *testing.T) {
	for seed := range uint64(20) {
		trace := Generated(seed, 3000)
		got, err := trace.TextAfter(3000)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if got != trace.End {
			t.Errorf("seed %d: replayed text differs from the end content", seed)
		}
		if strings.ContainsRune(got, utf8.RuneError) {
			t.Errorf("seed %d: a patch cut a surrogate pair", seed)
		}
		if !strings.ContainsAny(got, "🙂🧵") || trace.Patches() <= 3000 {
			t.Errorf("seed %d: no wide characters or no transaction of several patches", seed)
		}
		if diff := cmp.Diff(trace, Generated(seed, 3000)); diff != "" {
			t.Errorf("seed %d: a second run differs:\n%s", seed, diff)
		}
	}
	if cmp.Equal(Generated(1, 100), Generated(2, 100)) {
		t.Error("two seeds give the same history")
	}
}

func TestBufferRefusesOutside(t *testing.T) {
	b := NewBuffer("a🙂")
	for _, c := range []struct{ index, deleted int }{{-1, 0}, {0, -1}, {4, 0}, {0, 4}, {3, 1}, {1, 1 << 62}} {
		if err := b.Splice(c.index, c.deleted, "x"); err == nil {
			t.Errorf("Splice(%d, %d): no error", c.index, c.deleted)
		}
	}
	if got := b.String(); got != "a🙂" {
		t.Errorf("text after refusals = %q", got)
	}
}

// logged is a replica that keeps the names of the transactions it has, and checks that causes come before effects.
type logged struct {
	agent int
	next  int
	has   []string
	edits map[string][]string // what each transaction's author had, by its name; shared by all replicas
}

func (l *logged) Edit([]Patch) ([]byte, error) {
	name := string(rune('a'+l.agent)) + string(rune('0'+l.next))
	l.next++
	l.edits[name] = append([]string(nil), l.has...)
	l.has = append(l.has, name)
	return []byte(name), nil
}

func (l *logged) Apply(update []byte) error {
	for _, has := range l.has {
		if has == string(update) {
			return errors.New("it came twice")
		}
	}
	l.has = append(l.has, string(update))
	return nil
}

func concurrentTrace(t *testing.T, json string) *Trace {
	t.Helper()
	trace, err := Read("t", pack(t, json))
	if err != nil {
		t.Fatal(err)
	}
	return trace
}

func TestReplayDeliversWhatWasSeen(t *testing.T) {
	trace := concurrentTrace(t, `{"txns":[
		{"agent":0,"parents":[],"patches":[]},
		{"agent":1,"parents":[],"patches":[]},
		{"agent":0,"parents":[0],"patches":[]},
		{"agent":1,"parents":[0,1],"patches":[]},
		{"agent":2,"parents":[2,3],"patches":[]},
		{"agent":0,"parents":[2],"patches":[]}]}`)
	edits := map[string][]string{}
	replicas, err := trace.Replay(func(agent int) (Replica, error) { return &logged{agent: agent, edits: edits}, nil })
	if err != nil {
		t.Fatal(err)
	}
	want := map[string][]string{"a0": nil, "b0": nil, "a1": {"a0"}, "b1": {"b0", "a0"}, "c0": {"a0", "b0", "a1", "b1"}, "a2": {"a0", "a1"}}
	if diff := cmp.Diff(want, edits); diff != "" {
		t.Error("seen before each edit (-want +got):\n" + diff)
	}
	for agent, r := range replicas {
		if got := len(r.(*logged).has); got != 6 {
			t.Errorf("replica of agent %d has %d transactions at the end, want 6", agent, got)
		}
	}
}

func TestReplayRefusesToGoBack(t *testing.T) {
	trace := concurrentTrace(t, `{"txns":[
		{"agent":0,"parents":[],"patches":[]},
		{"agent":0,"parents":[],"patches":[]}]}`)
	_, err := trace.Replay(func(agent int) (Replica, error) { return &logged{agent: agent, edits: map[string][]string{}}, nil })
	if err == nil || !strings.Contains(err.Error(), "went back") {
		t.Errorf("error = %v, want one that says that the agent went back", err)
	}
}
