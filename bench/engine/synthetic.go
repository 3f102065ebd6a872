package engine

import (
	"fmt"

	"github.com/weftsync/weft/crdt"
)

// Random returns the source of positions that bench/peers uses too: each call gives a number from 0 up to, not
// including, below.
func Random(seed uint32) func(below int) int {
	return func(below int) int {
		seed = seed*1664525 + 1013904223
		return int(uint64(seed) * uint64(below) >> 32)
	}
}

// A Scatter is a text into which single characters are inserted at random positions, a transaction each.
type Scatter struct {
	doc  *crdt.Doc
	text *crdt.Text
	next func(below int) int
}

// NewScatter returns a text with the given number of characters, inserted at random positions.
func NewScatter(items int) (*Scatter, error) {
	doc := crdt.New(crdt.Options{ClientID: 1})
	s := &Scatter{doc: doc, text: doc.Text(Root), next: Random(1)}
	return s, s.Insert(items)
}

// Insert inserts n more.
func (s *Scatter) Insert(n int) error {
	for range n {
		at := s.next(s.text.Len() + 1)
		if _, err := s.doc.Update(func(tx *crdt.Tx) error { return s.text.Insert(tx, at, "x") }); err != nil {
			return fmt.Errorf("insert at %d of %d: %w", at, s.text.Len(), err)
		}
	}
	return nil
}

// Prepend returns a text made by inserting n characters at its start, a transaction each.
func Prepend(n int) (*crdt.Text, error) {
	doc := crdt.New(crdt.Options{ClientID: 1})
	text := doc.Text(Root)
	for range n {
		if _, err := doc.Update(func(tx *crdt.Tx) error { return text.Insert(tx, 0, "x") }); err != nil {
			return nil, fmt.Errorf("prepend: %w", err)
		}
	}
	return text, nil
}

// A Crowd is a document to which many clients have contributed one map entry each.
type Crowd struct {
	doc *crdt.Doc
	m   *crdt.Map
}

// NewCrowd returns a document known to the given number of clients, and edited by one more.
func NewCrowd(clients int) (*Crowd, error) {
	doc := crdt.New(crdt.Options{ClientID: uint64(clients) + 1})
	for client := 1; client <= clients; client++ {
		one := crdt.New(crdt.Options{ClientID: uint64(client)})
		update, err := one.Update(func(tx *crdt.Tx) error {
			return one.Map("m").Set(tx, fmt.Sprint("k", client), client)
		})
		if err != nil {
			return nil, fmt.Errorf("set by client %d: %w", client, err)
		}
		if _, err := doc.ApplyUpdate(update); err != nil {
			return nil, fmt.Errorf("apply the update of client %d: %w", client, err)
		}
	}
	return &Crowd{doc: doc, m: doc.Map("m")}, nil
}

// Set sets the same key n times, a transaction each, and fails unless the last value is there.
func (c *Crowd) Set(n int) error {
	for i := range n {
		if _, err := c.doc.Update(func(tx *crdt.Tx) error { return c.m.Set(tx, "x", i) }); err != nil {
			return fmt.Errorf("set: %w", err)
		}
	}
	if got, ok := c.m.Get("x"); n > 0 && (!ok || got != float64(n-1)) {
		return fmt.Errorf("set: the value is %v, want %d", got, n-1)
	}
	return nil
}

func (s *Subject) randomInsert() (Sample, error) {
	if s.scatter == nil {
		var err error
		if s.scatter, err = NewScatter(s.Sizes.Items); err != nil {
			return Sample{}, err
		}
	}
	sample, err := timed(func() error { return s.scatter.Insert(s.Sizes.Batch) })
	return sample.each(s.Sizes.Batch), err
}

func (s *Subject) prepend() (Sample, error) {
	var text *crdt.Text
	sample, err := timed(func() (err error) {
		text, err = Prepend(s.Sizes.Items)
		return err
	})
	if err == nil && text.Len() != s.Sizes.Items {
		err = fmt.Errorf("the text has %d units, want %d", text.Len(), s.Sizes.Items)
	}
	return sample.each(s.Sizes.Items), err
}

func (s *Subject) mapSet() (Sample, error) {
	if s.crowd == nil {
		var err error
		if s.crowd, err = NewCrowd(s.Sizes.Clients); err != nil {
			return Sample{}, err
		}
	}
	sample, err := timed(func() error { return s.crowd.Set(s.Sizes.Batch) })
	return sample.each(s.Sizes.Batch), err
}
