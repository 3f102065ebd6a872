package awareness_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weftsync/weft/awareness"
)

func TestExpire(t *testing.T) {
	s := awareness.New(awareness.Options{})
	at := func(seconds float64) time.Time { return start.Add(time.Duration(seconds * float64(time.Second))) }
	apply := func(seconds float64, entries ...entry) {
		t.Helper()
		if _, err := s.ApplyUpdate(encode(entries...), at(seconds)); err != nil {
			t.Fatal(err)
		}
	}
	expire := func(seconds float64, want ...uint64) {
		t.Helper()
		if got := s.Expire(at(seconds)); !slices.Equal(got, want) {
			t.Errorf("Expire after %v s = %v, want %v", seconds, got, want)
		}
	}
	apply(0, entry{3, 1, "{}"}, entry{1, 1, "{}"}, entry{2, 1, "{}"}, entry{4, 1, ""})
	expire(29.999)
	apply(15, entry{2, 2, "{}"}) // renewed
	apply(20, entry{1, 1, "{}"}) // said again at the same clock: not renewed
	expire(30, 1, 3)
	expire(30)
	apply(31, entry{3, 1, "{}"}) // too old to return with
	expire(44.999)
	expire(45, 2)
	expectClients(t, s, []entry{{1, 1, ""}, {2, 2, ""}, {3, 1, ""}, {4, 1, ""}})

	expire(299.999)
	if got := s.Stats().Known; got != 4 {
		t.Errorf("%d clocks are known before any is 5 minutes old, want 4", got)
	}
	expire(300) // client 4 left at the start
	expectClients(t, s, []entry{{1, 1, ""}, {2, 2, ""}, {3, 1, ""}})
	expire(330)
	expectClients(t, s, []entry{{2, 2, ""}})
	expire(345)
	expectClients(t, s, nil)
}

// A document that is full of clocks of those who left has room again when they are old enough, without waiting for Expire.
func TestForgottenClocksMakeRoom(t *testing.T) {
	s := awareness.New(awareness.Options{MaxClients: 3, ForgetAfter: time.Minute})
	mustApply(t, s, encode(entry{1, 1, ""}, entry{2, 1, ""}, entry{3, 1, `{}`}))
	for _, seconds := range []int{0, 30, 59} {
		if _, err := s.ApplyUpdate(encode(entry{4, 1, "{}"}), start.Add(time.Duration(seconds)*time.Second)); err == nil {
			t.Errorf("a fourth client came in after %d s", seconds)
		}
	}
	if _, err := s.ApplyUpdate(encode(entry{4, 1, "{}"}), start.Add(time.Minute)); err != nil {
		t.Errorf("after a minute: %v", err)
	}
	expectClients(t, s, []entry{{3, 1, `{}`}, {4, 1, "{}"}})
}

func TestRemove(t *testing.T) {
	s := awareness.New(awareness.Options{})
	mustApply(t, s, encode(entry{1, 4, "{}"}, entry{2, 5, "{}"}, entry{3, 6, ""}))
	if got := s.Remove(start, 9, 3, 2, 2); !slices.Equal(got, ids(2)) {
		t.Errorf("Remove = %v, want [2]", got)
	}
	expectClients(t, s, []entry{{1, 4, "{}"}, {2, 5, ""}, {3, 6, ""}})

	// What the server then tells the others takes the state from them, and nothing from a client that has said more.
	other := awareness.New(awareness.Options{})
	mustApply(t, other, encode(entry{2, 5, "{}"}))
	if got, want := mustApply(t, other, s.AppendUpdate(nil, 2)), (did{Removed: ids(2)}); !cmp.Equal(flat(got), want) {
		t.Errorf("the others saw %+v, want %+v", got, want)
	}
	ahead := awareness.New(awareness.Options{})
	mustApply(t, ahead, encode(entry{2, 6, "{}"}))
	if got := mustApply(t, ahead, s.AppendUpdate(nil, 2)); !got.IsZero() {
		t.Errorf("a later state gave way: %+v", got)
	}
}

// A client whose connection broke comes back with the clock that it had. It is invisible until it is told so.
func TestReturnAfterRemoval(t *testing.T) {
	const id = 42
	server, client := awareness.New(awareness.Options{}), awareness.New(awareness.Options{})
	for _, state := range []string{`{}`, `{"name":"Ada"}`} {
		if _, err := client.Set(id, []byte(state), start); err != nil {
			t.Fatal(err)
		}
	}
	mustApply(t, server, client.AppendUpdate(nil, id))
	server.Remove(start, id)

	back := mustApply(t, server, client.AppendUpdate(nil, id))
	if want := (did{Stale: ids(id)}); !cmp.Equal(flat(back), want) {
		t.Fatalf("the return did %+v, want %+v", back, want)
	}
	told := mustApply(t, client, server.AppendUpdate(nil, back.Stale...))
	if want := (did{Claimed: ids(id)}); !cmp.Equal(flat(told), want) {
		t.Fatalf("the client made %+v of it, want %+v", told, want)
	}
	again := mustApply(t, server, client.AppendUpdate(nil, told.Touched()...))
	if want := (did{Updated: ids(id), Changed: ids(id)}); !cmp.Equal(flat(again), want) {
		t.Errorf("the second return did %+v, want %+v", again, want)
	}
	if got, want := string(server.State(id)), `{"name":"Ada"}`; got != want {
		t.Errorf("state %s, want %s", got, want)
	}
}

func TestSetAndRenew(t *testing.T) {
	s := awareness.New(awareness.Options{})
	set := func(state string, seconds int, want did) {
		t.Helper()
		b := []byte(state)
		if state == "" {
			b = nil
		}
		got, err := s.Set(1, b, start.Add(time.Duration(seconds)*time.Second))
		if err != nil || !cmp.Equal(flat(got), want) {
			t.Errorf("Set(%q) = %+v, %v, want %+v", state, got, err, want)
		}
	}
	renew := func(seconds int, want ...uint64) {
		t.Helper()
		if got := s.Renew(start.Add(time.Duration(seconds) * time.Second)); !slices.Equal(got, want) {
			t.Errorf("Renew after %d s = %v, want %v", seconds, got, want)
		}
	}
	set(`{}`, 0, did{Added: ids(1)})
	expectClients(t, s, []entry{{1, 0, "{}"}})
	renew(14)
	set(`{"a":1}`, 14, did{Updated: ids(1), Changed: ids(1)})
	set(`{"a":1.0}`, 14, did{Updated: ids(1)})
	expectClients(t, s, []entry{{1, 2, `{"a":1.0}`}})
	mustApply(t, s, encode(entry{2, 1, "{}"}))
	renew(28)
	renew(29, 1)
	expectClients(t, s, []entry{{1, 3, `{"a":1.0}`}, {2, 1, "{}"}})
	if got := s.Expire(start.Add(time.Hour)); !slices.Equal(got, ids(2)) {
		t.Errorf("Expire = %v, want [2]: our own client does not expire", got)
	}
	set("", 3600, did{Removed: ids(1)})
	set("", 3600, did{Removed: ids(1)})
	renew(9000)
	if s.Expire(start.Add(100 * time.Hour)); s.Stats().Known != 1 {
		t.Error("the clock of our own client was forgotten")
	}
	set(`{}`, 9000, did{Added: ids(1)})
	expectClients(t, s, []entry{{1, 6, "{}"}})
	if got := s.Remove(start, 1); !slices.Equal(got, ids(1)) {
		t.Errorf("Remove = %v, want [1]", got)
	}
	expectClients(t, s, []entry{{1, 7, ""}})
}

// At the end of counting a clock stays where it is, for nobody could read a higher one; null still wins there.
func TestLastClock(t *testing.T) {
	s := awareness.New(awareness.Options{})
	mustApply(t, s, encode(entry{1, awareness.MaxClock, "{}"}))
	if _, err := s.Set(1, []byte(`{"a":1}`), start); err != nil {
		t.Fatal(err)
	}
	expectClients(t, s, []entry{{1, awareness.MaxClock, `{"a":1}`}})
	if got, want := mustApply(t, s, encode(entry{1, awareness.MaxClock, ""})), (did{Claimed: ids(1)}); !cmp.Equal(flat(got), want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	s.Remove(start, 1)
	expectClients(t, s, []entry{{1, awareness.MaxClock, ""}})
}
