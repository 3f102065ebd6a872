package crdt_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/weftsync/weft/bench/trace"
	"github.com/weftsync/weft/crdt"
)

// author is one author's replica while an editing history is replayed through
// the engine's own editing.
type author struct {
	doc  *crdt.Doc
	text *crdt.Text
}

func openAuthor(tr *trace.Trace, agent int) (trace.Replica, error) {
	// Where two type at one place at once the lower client id comes first, and
	// the end of a concurrent history was recorded with ids in agent order.
	doc := crdt.New(crdt.Options{ClientID: uint64(agent) + 1})
	a := &author{doc: doc, text: doc.Text("text")}
	if tr.Start == "" {
		return a, nil
	}
	_, err := doc.Update(func(tx *crdt.Tx) error { return a.text.Insert(tx, 0, tr.Start) })
	return a, err
}

func (a *author) Edit(patches []trace.Patch) ([]byte, error) {
	return a.doc.Update(func(tx *crdt.Tx) error {
		for _, p := range patches {
			if err := a.text.Delete(tx, p.Index, p.Deleted); err != nil {
				return err
			}
			if p.Inserted == "" {
				continue
			}
			if err := a.text.Insert(tx, p.Index, p.Inserted); err != nil {
				return err
			}
		}
		return nil
	})
}

func (a *author) Apply(update []byte) error {
	_, err := a.doc.ApplyUpdate(update)
	return err
}

// TestTraces replays editing histories and expects the recorded end, in the
// text of every author and in a document that was loaded from each.
func TestTraces(t *testing.T) {
	t.Run("generated", func(t *testing.T) { replay(t, trace.Generated(1, 2000)) })
	paths, err := trace.Real()
	if errors.Is(err, trace.ErrNoTraces) {
		t.Logf("0 real histories replayed: %v", err)
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	done := 0
	for _, path := range paths {
		name := strings.TrimSuffix(filepath.Base(path), ".json.gz")
		t.Run(name, func(t *testing.T) {
			tr, err := trace.Load(path)
			if err != nil {
				t.Fatal(err)
			}
			replay(t, tr)
			done++
		})
	}
	t.Logf("%d real histories replayed", done)
	if done == 0 {
		t.Error("the folder of histories held none that could be replayed")
	}
}

func replay(t *testing.T, tr *trace.Trace) {
	replicas, err := tr.Replay(func(agent int) (trace.Replica, error) { return openAuthor(tr, agent) })
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range replicas {
		a := r.(*author)
		sameText(t, "replica of agent "+string(rune('0'+i)), a.text.String(), tr.End)
		loaded := crdt.New(crdt.Options{})
		update := encodeState(t, a.doc, nil)
		if _, err := loaded.ApplyUpdate(update); err != nil {
			t.Fatal(err)
		}
		sameText(t, "loaded document", loaded.Text("text").String(), tr.End)
		sameUpdate(t, "encoded state of the loaded document", encodeState(t, loaded, nil), update)
	}
	t.Logf("%d transactions, %d authors", len(tr.Txns), len(replicas))
}

// sameText compares long texts and shows where they part.
func sameText(t *testing.T, what, got, want string) {
	t.Helper()
	if got == want {
		return
	}
	at := 0
	for at < len(got) && at < len(want) && got[at] == want[at] {
		at++
	}
	around := func(s string) string { return s[max(0, at-30):min(len(s), at+30)] }
	t.Errorf("text of the %s parts at byte %d of %d (want %d bytes)\n got …%q…\nwant …%q…", what, at, len(got), len(want), around(got), around(want))
}
