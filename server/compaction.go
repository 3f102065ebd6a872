package server

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"runtime/debug"

	"github.com/weftsync/weft/crdt"
	"github.com/weftsync/weft/storage"
)

// MergeLog is the storage.Merge of this server: it builds a document from its log beside the room, encodes it, deleted
// content left out and everything that waits for its base included, and builds a second one from what it encoded. Only if
// both are the same document in every respect that a peer or a reader can see does it return the state. It takes the time
// and the memory of two loads.
func MergeLog(_ context.Context, name string, load func(func(storage.Entry) error) error) (state []byte, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the engine failed on the log: %v\n%s", p, debug.Stack())
		}
	}()
	doc := newEngine()
	err = load(func(e storage.Entry) error {
		if _, err := doc.ApplyUpdate(e.Update); err != nil {
			return &storage.CorruptError{Document: name, Seq: e.Seq, Reason: err.Error()}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if state, err = doc.EncodeStateAsUpdate(nil); err != nil {
		return nil, fmt.Errorf("encode the document: %w", err)
	}
	if doc.Stats().Pending > 0 {
		if doc, state, err = settleState(doc, state); err != nil {
			return nil, err
		}
	}
	if err := verifyState(doc, state); err != nil {
		return nil, fmt.Errorf("verify the state: %w", err)
	}
	return state, nil
}

// settleRounds bounds how often what waits is tried again.
const settleRounds = 16

// settleState makes the state in which nothing waits any more whose base is there. A document, as in Yjs, tries what waits
// again only when the clock that it asked for first arrives; one that is built from its state tries all of it. So the
// state of such a document is that of one that knows more, and this one is that one. It has to know all that doc knows.
func settleState(doc *crdt.Doc, state []byte) (*crdt.Doc, []byte, error) {
	at := doc
	for range settleRounds {
		next := newEngine()
		if _, err := next.ApplyUpdate(state); err != nil {
			return nil, nil, fmt.Errorf("decode the state: %w", err)
		}
		again, err := next.EncodeStateAsUpdate(nil)
		if err != nil {
			return nil, nil, fmt.Errorf("encode the document: %w", err)
		}
		settled := next.Snapshot().Equal(at.Snapshot()) && next.Stats().Pending == at.Stats().Pending
		if at, state = next, again; !settled {
			continue
		}
		if _, err := doc.ApplyUpdate(state); err != nil {
			return nil, nil, fmt.Errorf("apply the settled state: %w", err)
		}
		if !doc.Snapshot().Equal(at.Snapshot()) || !sameJSON(doc.JSON(), at.JSON()) {
			return nil, nil, errors.New("settling the state lost something")
		}
		return at, state, nil
	}
	return nil, nil, errors.New("what waits does not settle")
}

// verifyState reports how the document in state differs from doc.
func verifyState(doc *crdt.Doc, state []byte) error {
	other := newEngine()
	if _, err := other.ApplyUpdate(state); err != nil {
		return fmt.Errorf("decode it: %w", err)
	}
	again, err := other.EncodeStateAsUpdate(nil)
	switch {
	case err != nil:
		return fmt.Errorf("encode it again: %w", err)
	case !doc.Snapshot().Equal(other.Snapshot()):
		return errors.New("it knows other operations, or something else is deleted in it")
	case doc.Stats().Pending != other.Stats().Pending:
		return fmt.Errorf("%d structs wait in it instead of %d", other.Stats().Pending, doc.Stats().Pending)
	case !sameJSON(doc.JSON(), other.JSON()):
		return errors.New("it has another content")
	case !bytes.Equal(state, again):
		return errors.New("encoded again it is not the same")
	}
	return nil
}

// sameJSON compares two values in which keys may stand in another order, as they do when clients came in another order.
func sameJSON(a, b []byte) bool {
	if bytes.Equal(a, b) {
		return true
	}
	var values [2]any
	for i, text := range [][]byte{a, b} {
		d := json.NewDecoder(bytes.NewReader(text))
		d.UseNumber()
		if d.Decode(&values[i]) != nil {
			return false
		}
	}
	return reflect.DeepEqual(values[0], values[1])
}
