package crdt_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os/exec"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weftsync/weft/crdt"
	"github.com/weftsync/weft/crdt/lib0"
)

// people are the two replicas of web/oracle/users.mjs.
type people struct {
	t    testing.TB
	docs [2]*crdt.Doc
	data [2]*crdt.UserData
}

func newPeople(t testing.TB) *people {
	p := &people{t: t}
	for i := range p.docs {
		p.docs[i] = crdt.New(crdt.Options{ClientID: uint64(i + 1)})
		p.data[i] = crdt.NewUserData(p.docs[i].Map("users"))
	}
	return p
}

func (p *people) record(doc int, client uint64, name string, record func(*crdt.Tx) bool) {
	p.t.Helper()
	if _, err := p.data[doc].Record(client, name, record); err != nil {
		p.t.Fatal(err)
	}
}

func (p *people) insert(doc, at int, s string) []byte {
	p.t.Helper()
	return do(p.t, p.docs[doc], func(tx *crdt.Tx) error { return p.docs[doc].Text("t").Insert(tx, at, s) })
}

func (p *people) delete(doc, at, n int) []byte {
	p.t.Helper()
	return do(p.t, p.docs[doc], func(tx *crdt.Tx) error { return p.docs[doc].Text("t").Delete(tx, at, n) })
}

func (p *people) states() (out [2]string) {
	p.t.Helper()
	for i, d := range p.docs {
		state, err := d.EncodeStateAsUpdate(nil)
		if err != nil {
			p.t.Fatal(err)
		}
		out[i] = hex.EncodeToString(state)
	}
	return out
}

func (p *people) sync() {
	p.t.Helper()
	states := p.states()
	for i, d := range p.docs {
		state, err := hex.DecodeString(states[1-i])
		if err != nil {
			p.t.Fatal(err)
		}
		if _, err := d.ApplyUpdate(state); err != nil {
			p.t.Fatal(err)
		}
	}
}

// known is what both know of some clients and of the first client's text.
func (p *people) known() (out [2][]string) {
	for i, u := range p.data {
		for _, c := range []uint64{1, 2, 3, 11, 12} {
			name, _ := u.User(c)
			out[i] = append(out[i], name)
		}
		for clock := range uint64(12) {
			name, _ := u.Deleter(crdt.ID{Client: 1, Clock: clock})
			out[i] = append(out[i], name)
		}
	}
	return out
}

// TestOracleUserData does what web/oracle/users.mjs does in real Yjs.
func TestOracleUserData(t *testing.T) {
	cmd := exec.Command("node", "oracle/users.mjs")
	cmd.Dir = oracle(t).Web
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.Split(bytes.TrimSpace(out), []byte("\n"))
	p := newPeople(t)
	steps := []func(){
		func() { p.record(0, 1, "alice", nil) },
		func() { p.insert(0, 0, "hello world") },
		p.sync,
		func() { p.record(1, 2, "bob", nil) },
		func() { p.delete(0, 0, 2) },
		func() { p.delete(1, 8, 3) },
		func() { p.delete(1, 6, 1) },
		p.sync,
		p.sync,
		func() { p.record(0, 11, "carol", func(*crdt.Tx) bool { return false }) },
		func() { p.record(1, 12, "carol", func(tx *crdt.Tx) bool { return len(tx.Deleted()) > 0 }) },
		func() { p.delete(1, 0, 1) },
		p.sync,
		p.sync,
		p.sync,
		func() { p.delete(0, 1, 1) },
		p.sync,
	}
	if len(lines) != len(steps)+1 {
		t.Fatalf("Yjs took %d steps, want %d", len(lines)-1, len(steps))
	}
	for i, step := range steps {
		step()
		var want [2]string
		if err := json.Unmarshal(lines[i], &want); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, p.states()); diff != "" {
			t.Fatalf("step %d: %s", i, diff)
		}
	}
	var want [2][]string
	if err := json.Unmarshal(lines[len(steps)], &want); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, p.known()); diff != "" {
		t.Error(diff)
	}
}

// What others put into the map of users is passed over if it is not of use.
func TestUserDataOfStrangers(t *testing.T) {
	d := crdt.New(crdt.Options{ClientID: 1})
	users := d.Map("users")
	data := crdt.NewUserData(users)
	deletes := lib0.AppendUint(lib0.AppendUint([]byte{1, 7, 1}, 3), 2)
	do(t, d, func(tx *crdt.Tx) error {
		user, err := users.SetMap(tx, "mallory")
		if err != nil {
			return err
		}
		ids, err := user.SetArray(tx, "ids")
		if err != nil {
			return err
		}
		ds, err := user.SetArray(tx, "ds")
		if err != nil {
			return err
		}
		if err := ids.Push(tx, "x", -1, 1.5, nil, 7, 1e300); err != nil {
			return err
		}
		if err := ds.Push(tx, "x", []byte{}, []byte{255, 255, 255, 255, 15}, deletes); err != nil {
			return err
		}
		return errors.Join(users.Set(tx, "text", "x"), users.Set(tx, "none", nil))
	})
	if _, err := data.Record(1, "text", nil); !errors.Is(err, crdt.ErrUser) {
		t.Errorf("a user that is a string: %v", err)
	}
	for _, u := range []*crdt.UserData{data, crdt.NewUserData(users)} {
		if name, ok := u.User(7); name != "mallory" || !ok {
			t.Errorf("client 7 is %q's", name)
		}
		for clock, want := range map[uint64]bool{2: false, 3: true, 4: true, 5: false, 1 << 40: false} {
			if _, ok := u.Deleter(crdt.ID{Client: 7, Clock: clock}); ok != want {
				t.Errorf("deleter of 7:%d is known: %v, want %v", clock, ok, want)
			}
		}
	}
}

// An update holds what was written down of it, and after Close nothing is.
func TestUserDataTravels(t *testing.T) {
	p := newPeople(t)
	p.record(0, 1, "alice", nil)
	p.insert(0, 0, "hello")
	p.sync()
	if _, err := p.docs[1].ApplyUpdate(p.delete(0, 1, 2)); err != nil {
		t.Fatal(err)
	}
	if name, ok := p.data[1].Deleter(crdt.ID{Client: 1, Clock: 5}); name != "alice" || !ok {
		t.Errorf("deleter is %q, %v: %v", name, ok, p.known())
	}
	p.data[0].Close()
	p.data[0].Close()
	p.delete(0, 0, 1)
	p.sync()
	if name, ok := p.data[1].Deleter(crdt.ID{Client: 1, Clock: 4}); ok {
		t.Errorf("%q deleted after Close", name)
	}
}
