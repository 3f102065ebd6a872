package engine

import (
	"fmt"

	"github.com/weftsync/weft/bench/trace"
	"github.com/weftsync/weft/bench/updates"
	"github.com/weftsync/weft/crdt"
)

// Root is the name of the one root text in all histories.
const Root = "content"

// Edit applies the patches of one transaction to a text and returns its update. Patches that change nothing give nil.
func Edit(doc *crdt.Doc, text *crdt.Text, patches []trace.Patch) ([]byte, error) {
	return doc.Update(func(tx *crdt.Tx) error { return patch(tx, text, patches) })
}

func patch(tx *crdt.Tx, text *crdt.Text, patches []trace.Patch) error {
	for _, p := range patches {
		if p.Deleted > 0 {
			if err := text.Delete(tx, p.Index, p.Deleted); err != nil {
				return err
			}
		}
		if p.Inserted != "" {
			if err := text.Insert(tx, p.Index, p.Inserted); err != nil {
				return err
			}
		}
	}
	return nil
}

// ReplayLocal makes a document by the client and replays a sequential history in it, a transaction for each of the
// history's. Each update is handed to keep; that includes one for the start of the history, if that is not empty, and
// none for a transaction that changes nothing. If keep is nil no updates are made.
func ReplayLocal(t *trace.Trace, client uint64, keep func(update []byte)) (*crdt.Doc, error) {
	doc := crdt.New(crdt.Options{ClientID: client})
	text := doc.Text(Root)
	if t.Start != "" {
		if err := edit(doc, text, []trace.Patch{{Inserted: t.Start}}, keep); err != nil {
			return nil, fmt.Errorf("insert the start of trace %s: %w", t.Name, err)
		}
	}
	if err := editAll(doc, text, t, keep); err != nil {
		return nil, err
	}
	return doc, nil
}

func editAll(doc *crdt.Doc, text *crdt.Text, t *trace.Trace, keep func(update []byte)) error {
	for i := range t.Txns {
		if err := edit(doc, text, t.Txns[i].Patches, keep); err != nil {
			return fmt.Errorf("replay transaction %d of trace %s: %w", i, t.Name, err)
		}
	}
	return nil
}

// edit does one transaction, and makes its update only if somebody keeps it.
func edit(doc *crdt.Doc, text *crdt.Text, patches []trace.Patch, keep func(update []byte)) error {
	if keep == nil {
		return doc.Transact(func(tx *crdt.Tx) error { return patch(tx, text, patches) })
	}
	update, err := Edit(doc, text, patches)
	if err == nil && update != nil {
		keep(update)
	}
	return err
}

// Updates returns the updates of a sequential history as our own engine makes them.
func Updates(t *trace.Trace, client uint64) (*updates.Log, error) {
	l := &updates.Log{}
	doc, err := ReplayLocal(t, client, l.Append)
	if err != nil {
		return nil, err
	}
	return l, CheckText(doc, t)
}

// CheckText fails unless the document's text is the end of the history.
func CheckText(doc *crdt.Doc, t *trace.Trace) error {
	if got := doc.RootString(Root); got != t.End {
		return fmt.Errorf("replay trace %s: the text (%d bytes) is not the end of the history (%d bytes)", t.Name, len(got), len(t.End))
	}
	return nil
}

// ApplyAll takes updates in one by one, as a replica does.
func ApplyAll(l *updates.Log) (*crdt.Doc, error) {
	doc := crdt.New(crdt.Options{})
	for i := range l.Len() {
		if _, err := doc.ApplyUpdate(l.At(i)); err != nil {
			return nil, fmt.Errorf("apply update %d: %w", i, err)
		}
	}
	return doc, nil
}

// Serve takes updates in one by one and asks after each for all that a server needs: what to log and send on, and the
// new state vector. It returns how many bytes these had.
func Serve(l *updates.Log) (doc *crdt.Doc, bytes int, err error) {
	doc = crdt.New(crdt.Options{})
	for i := range l.Len() {
		applied, err := doc.ApplyUpdate(l.At(i))
		if err != nil {
			return nil, 0, fmt.Errorf("apply update %d: %w", i, err)
		}
		bytes += len(applied.Update) + len(doc.EncodeStateVector())
	}
	return doc, bytes, nil
}

// ample lets a document have as many structs as a hundred histories in one have; by default an update may not.
var ample = crdt.Limits{Structs: 100_000_000}

// Load builds a document from one update.
func Load(update []byte) (*crdt.Doc, error) {
	doc := crdt.New(crdt.Options{Limits: ample})
	if _, err := doc.ApplyUpdate(update); err != nil {
		return nil, fmt.Errorf("load: %w", err)
	}
	return doc, nil
}

// LoadV2 builds a document from one update in V2.
func LoadV2(update []byte) (*crdt.Doc, error) {
	doc := crdt.New(crdt.Options{Limits: ample})
	if _, err := doc.ApplyUpdateV2(update, crdt.WithoutUpdate()); err != nil {
		return nil, fmt.Errorf("load V2: %w", err)
	}
	return doc, nil
}
