package engine

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/weftsync/weft/bench/trace"
	"github.com/weftsync/weft/crdt"
)

// The roots of the rows of crdt-benchmarks that are no text.
const (
	listRoot = "list"
	mapRoot  = "map"
)

// alone is B1 on a text.
func (s *Subject) alone() (Sample, error) {
	return s.author(func(doc *crdt.Doc, keep func(update []byte)) error {
		text := doc.Text(Root)
		for i := range s.Script.Edits {
			if err := edit(doc, text, s.Script.Edits[i:i+1], keep); err != nil {
				return fmt.Errorf("edit %d: %w", i, err)
			}
		}
		return nil
	}, func(doc *crdt.Doc) string { return doc.RootString(Root) })
}

// numbers is B1 on an array.
func (s *Subject) numbers() (Sample, error) {
	splices := make([][]any, len(s.Script.Numbers))
	for i, n := range s.Script.Numbers {
		for _, v := range n.Values {
			splices[i] = append(splices[i], v)
		}
	}
	return s.author(func(doc *crdt.Doc, keep func(update []byte)) error {
		list := doc.Array(listRoot)
		for i, values := range splices {
			update, err := doc.Update(func(tx *crdt.Tx) error { return list.Insert(tx, s.Script.Numbers[i].Index, values...) })
			if err != nil {
				return fmt.Errorf("insert %d: %w", i, err)
			}
			keep(update)
		}
		return nil
	}, func(doc *crdt.Doc) string { return string(doc.RootJSON(listRoot)) })
}

// author times what one author does with the update of each transaction, and gives these to a reader afterwards.
func (s *Subject) author(work func(doc *crdt.Doc, keep func(update []byte)) error, read func(*crdt.Doc) string) (Sample, error) {
	author, reader := crdt.New(crdt.Options{ClientID: 1}), crdt.New(crdt.Options{ClientID: 2})
	var updates [][]byte
	sample, err := timed(func() error {
		return work(author, func(update []byte) { updates = append(updates, update) })
	})
	if err != nil {
		return sample, err
	}
	if err := applyEach(reader, updates); err != nil {
		return sample, err
	}
	if read(author) != s.Script.End || read(reader) != s.Script.End {
		return sample, errors.New("the author or the reader does not have what it has to be")
	}
	return sample, nil
}

func applyEach(doc *crdt.Doc, updates [][]byte) error {
	for i, update := range updates {
		if _, err := doc.ApplyUpdate(update); err != nil {
			return fmt.Errorf("apply update %d: %w", i, err)
		}
	}
	return nil
}

// both is B2.
func (s *Subject) both() (Sample, error) {
	var docs [2]*crdt.Doc
	var texts [2]*crdt.Text
	for i := range docs {
		docs[i] = crdt.New(crdt.Options{ClientID: uint64(i) + 1})
		texts[i] = docs[i].Text(Root)
	}
	start, err := Edit(docs[0], texts[0], []trace.Patch{{Inserted: s.Script.Start}})
	if err == nil {
		_, err = docs[1].ApplyUpdate(start)
	}
	if err != nil {
		return Sample{}, err
	}
	sample, err := timed(func() error {
		first, err := Edit(docs[0], texts[0], s.Script.First)
		if err != nil {
			return err
		}
		second, err := Edit(docs[1], texts[1], s.Script.Second)
		if err != nil {
			return err
		}
		if _, err := docs[1].ApplyUpdate(first); err != nil {
			return err
		}
		_, err = docs[0].ApplyUpdate(second)
		return err
	})
	if err != nil {
		return sample, err
	}
	if texts[0].String() != texts[1].String() || s.Script.Length > 0 && texts[0].Len() != s.Script.Length {
		err = fmt.Errorf("the texts of the two have %d and %d units, want %d", texts[0].Len(), texts[1].Len(), s.Script.Length)
	}
	return sample, err
}

// change is what one of many clients does in B3.
func (s *Script) change(doc *crdt.Doc, tx *crdt.Tx, i int) error {
	switch s.Kind {
	case "number":
		return doc.Map(mapRoot).Set(tx, "v", i)
	case "object":
		return doc.Map(mapRoot).Set(tx, "v", crdt.Object{{Key: "name", Value: strconv.Itoa(i)}, {Key: "address", Value: "here"}})
	case "string":
		return doc.Map(mapRoot).Set(tx, "v", strings.Repeat(strconv.Itoa(i), s.Clients))
	case "array":
		return doc.Array(listRoot).Insert(tx, 0, strconv.Itoa(i))
	case "text":
		return doc.Text(Root).Insert(tx, 0, strconv.Itoa(i))
	}
	return fmt.Errorf("no client does %q", s.Kind)
}

// many is B3.
func (s *Subject) many() (Sample, error) {
	updates := make([][]byte, s.Script.Clients)
	for i := range updates {
		doc := crdt.New(crdt.Options{ClientID: uint64(i) + 1})
		var err error
		if updates[i], err = doc.Update(func(tx *crdt.Tx) error { return s.Script.change(doc, tx, i) }); err != nil {
			return Sample{}, err
		}
	}
	doc, other := crdt.New(crdt.Options{}), crdt.New(crdt.Options{})
	sample, err := timed(func() error { return applyEach(doc, updates) })
	if err != nil {
		return sample, err
	}
	for i := len(updates); i > 0; i-- {
		if _, err := other.ApplyUpdate(updates[i-1]); err != nil {
			return sample, err
		}
	}
	one, err := doc.EncodeStateAsUpdate(nil)
	if err != nil {
		return sample, err
	}
	two, err := other.EncodeStateAsUpdate(nil)
	if err == nil && !bytes.Equal(one, two) {
		err = errors.New("the order in which they come matters")
	}
	return sample, err
}

// paper is B4.
func (s *Subject) paper() (Sample, error) {
	var doc *crdt.Doc
	sample, err := timed(func() (err error) {
		doc, err = Repeated(s.Trace, s.Script.Times)
		return err
	})
	if err == nil && doc.RootString(Root) != strings.Repeat(s.Trace.End, s.Script.Times) {
		err = errors.New("the text is not the end of the history, so often")
	}
	return sample, err
}

// Repeated returns a document in which a history that begins with nothing is replayed so often, each time at the start
// of the text.
func Repeated(t *trace.Trace, times int) (*crdt.Doc, error) {
	doc := crdt.New(crdt.Options{ClientID: 1})
	text := doc.Text(Root)
	for range times {
		if err := editAll(doc, text, t, nil); err != nil {
			return nil, err
		}
	}
	return doc, nil
}
