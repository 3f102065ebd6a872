package scenario

import (
	"errors"
	"fmt"

	"github.com/weftsync/weft/bench/engine"
	"github.com/weftsync/weft/bench/trace"
	"github.com/weftsync/weft/bench/updates"
	"github.com/weftsync/weft/crdt"
)

// A History is a long document: everything that its one author did.
type History struct {
	Name    string
	updates *updates.Log
}

// historian is the client id of its author.
const historian = 3_141_592_653

// NewHistory makes the updates of a history with our engine, which a test of package engine holds to be those of Yjs.
func NewHistory(t *trace.Trace) (*History, error) {
	if t.Concurrent || t.Start != "" {
		return nil, fmt.Errorf("%s is concurrent, or begins with a text", t.Name)
	}
	log, err := engine.Updates(t, historian)
	if err != nil {
		return nil, fmt.Errorf("make the updates of %s: %w", t.Name, err)
	}
	return &History{Name: t.Name, updates: log}, nil
}

// A cut is a history up to a point, and what comes behind it.
type cut struct {
	base   []byte   // the document so far, as one update
	vector []byte   // its state vector
	missed [][]byte // the updates behind it
	doc    *crdt.Doc
	text   string // at the end
}

// cut parts a history before its last n updates.
func (h *History) cut(n int) (*cut, error) {
	if h == nil {
		return nil, errors.New("there is no history")
	}
	all := h.updates.All()
	if n >= len(all) {
		return nil, fmt.Errorf("%s has %d updates, want more than %d", h.Name, len(all), n)
	}
	c := &cut{missed: all[len(all)-n:], doc: crdt.New(crdt.Options{})}
	for _, u := range all[:len(all)-n] {
		if _, err := c.doc.ApplyUpdate(u); err != nil {
			return nil, fmt.Errorf("replay %s: %w", h.Name, err)
		}
	}
	var err error
	if c.base, err = c.doc.EncodeStateAsUpdate(nil); err != nil {
		return nil, err
	}
	c.vector = c.doc.EncodeStateVector()
	whole, err := engine.Load(c.base)
	if err != nil {
		return nil, err
	}
	for _, u := range c.missed {
		if _, err := whole.ApplyUpdate(u); err != nil {
			return nil, fmt.Errorf("replay %s: %w", h.Name, err)
		}
	}
	c.text = whole.RootString(engine.Root)
	return c, nil
}

// check fails unless what was received, on top of the document at the cut or of nothing, is the whole document.
func (c *cut) check(received [][]byte, onTop bool) error {
	doc := crdt.New(crdt.Options{})
	if onTop {
		received = append([][]byte{c.base}, received...)
	}
	for _, u := range received {
		if _, err := doc.ApplyUpdate(u); err != nil {
			return fmt.Errorf("apply what the server sent: %w", err)
		}
	}
	if got := doc.RootString(engine.Root); got != c.text {
		return fmt.Errorf("the server sent a text of %d bytes, want %d, or another of that length", len(got), len(c.text))
	}
	return nil
}
