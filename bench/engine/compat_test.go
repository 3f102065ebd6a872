package engine

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"github.com/weftsync/weft/bench/peers"
	"github.com/weftsync/weft/bench/trace"
	"github.com/weftsync/weft/bench/updates"
	"github.com/weftsync/weft/bench/yjs/yjstest"
	"github.com/weftsync/weft/crdt"
)

// client needs five bytes, as the random ids of real clients mostly do.
const client = 3_141_592_653

// histories returns generated ones and what there is of the real ones, each cut to its first n transactions.
func histories(t testing.TB, n int) []*trace.Trace {
	t.Helper()
	all := []*trace.Trace{trace.Generated(1, n), trace.Generated(2, n)}
	paths, err := trace.Real()
	if err != nil && !errors.Is(err, trace.ErrNoTraces) {
		t.Fatal(err)
	}
	t.Logf("%d real histories", len(paths))
	for _, path := range paths {
		h, err := trace.Load(path)
		if err != nil {
			t.Fatal(err)
		}
		if h.Concurrent {
			continue
		}
		cut := min(n, len(h.Txns))
		end, err := h.TextAfter(cut)
		if err != nil {
			t.Fatal(err)
		}
		h.Txns, h.End = h.Txns[:cut], end
		all = append(all, h)
	}
	return all
}

// Typed into our engine and into Yjs, a history gives the same updates, byte for byte.
func TestUpdatesEqualThoseOfYjs(t *testing.T) {
	n := yjstest.Node(t)
	for _, h := range histories(t, 5_000) {
		want, err := n.Updates(t.Context(), h, client)
		if err != nil {
			t.Fatal(err)
		}
		got, err := Updates(h, client)
		if err != nil {
			t.Fatal(err)
		}
		if got.Len() != want.Len() {
			t.Errorf("%s: %d updates, Yjs makes %d", h.Name, got.Len(), want.Len())
			continue
		}
		for i := range want.Len() {
			if !bytes.Equal(got.At(i), want.At(i)) {
				t.Errorf("%s: update %d is\n%x, Yjs makes\n%x", h.Name, i, got.At(i), want.At(i))
				break
			}
		}
		t.Logf("%s: %d updates are equal", h.Name, want.Len())
	}
}

// A document that took in the updates one by one encodes to the same bytes as one that loaded its encoding, and what
// it forwards of each update is the update itself.
func TestServeForwardsWhatItGot(t *testing.T) {
	for _, h := range histories(t, 3_000) {
		log, err := Updates(h, client)
		if err != nil {
			t.Fatal(err)
		}
		doc := crdt.New(crdt.Options{})
		for i, u := range log.All() {
			applied, err := doc.ApplyUpdate(u)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(applied.Update, u) {
				t.Fatalf("%s: update %d is forwarded as %x, came as %x", h.Name, i, applied.Update, u)
			}
		}
		lived := encode(t, doc)
		loaded, err := Load(lived)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(encode(t, loaded), lived) {
			t.Errorf("%s: loaded and encoded again it differs", h.Name)
		}
		if err := CheckText(loaded, h); err != nil {
			t.Error(err)
		}
	}
}

func encode(t testing.TB, doc *crdt.Doc) []byte {
	t.Helper()
	update, err := doc.EncodeStateAsUpdate(nil)
	if err != nil {
		t.Fatal(err)
	}
	return update
}

// replica is one author of a concurrent history.
type replica struct {
	doc  *crdt.Doc
	text *crdt.Text
}

func (r replica) Edit(patches []trace.Patch) ([]byte, error) { return Edit(r.doc, r.text, patches) }

func (r replica) Apply(update []byte) error {
	_, err := r.doc.ApplyUpdate(update)
	return err
}

// A concurrent history ends as it says when client ids ascend in the order of the agents, and otherwise when they do
// not: the second is the control that shows that concurrency really occurs.
func TestConcurrentHistoryConverges(t *testing.T) {
	h, err := trace.Named("friendsforever")
	if errors.Is(err, trace.ErrNoTraces) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	for name, ids := range map[string][]uint64{"ascending": {1, 2}, "descending": {2, 1}} {
		replicas, err := h.Replay(func(agent int) (trace.Replica, error) {
			doc := crdt.New(crdt.Options{ClientID: ids[agent]})
			return replica{doc, doc.Text(Root)}, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		first, second := replicas[0].(replica).doc, replicas[1].(replica).doc
		if first.RootString(Root) != second.RootString(Root) || !bytes.Equal(encode(t, first), encode(t, second)) {
			t.Errorf("%s: the replicas differ", name)
		}
		if equal := first.RootString(Root) == h.End; equal != (name == "ascending") {
			t.Errorf("%s: text equals the end content: %v", name, equal)
		}
	}
}

// Every row measures something on a small history and refuses to measure a wrong one.
func TestRows(t *testing.T) {
	h := trace.Generated(1, 2_000)
	log, err := Updates(h, client)
	if err != nil {
		t.Fatal(err)
	}
	sizes := peers.Sizes{Items: 500, Batch: 50, Clients: 30, Merge: 1_000}
	for _, row := range Rows() {
		s := &Subject{Trace: h, Updates: log, Client: client, Sizes: sizes}
		for range 2 {
			sample, err := row.Measure(s)
			if err != nil || sample.Value <= 0 {
				t.Errorf("row %s: %+v, error %v", row.Name, sample, err)
			}
		}
		if row.Operations != nil && row.Operations(s) <= 0 {
			t.Errorf("row %s spans %d operations", row.Name, row.Operations(s))
		}
	}
	wrong := *h
	wrong.End += "!"
	broken := &updates.Log{}
	broken.Append([]byte{1})
	for _, name := range []string{"local", "local-update", "remote", "remote-serve", "load", "load-v2", "memory-loaded", "memory-lived"} {
		i := slices.IndexFunc(Rows(), func(r Row) bool { return r.Name == name })
		if _, err := Rows()[i].Measure(&Subject{Trace: &wrong, Updates: log, Client: client, Sizes: sizes}); err == nil {
			t.Errorf("row %s on a history with a wrong end: no error", name)
		}
		if name == "local" || name == "local-update" {
			continue
		}
		if _, err := Rows()[i].Measure(&Subject{Trace: h, Updates: broken, Client: client, Sizes: sizes}); err == nil {
			t.Errorf("row %s on a damaged update: no error", name)
		}
	}
}
