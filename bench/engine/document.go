package engine

import (
	"errors"
	"fmt"
	"runtime"

	"github.com/weftsync/weft/crdt"
)

// A Document is a whole document as one update in each format, and what its text is.
type Document struct {
	V1, V2 []byte
	Root   string // that the text is in
	Text   string
}

// NewDocument encodes a document whose text is in the root [Root].
func NewDocument(doc *crdt.Doc) (*Document, error) {
	v1, err := doc.EncodeStateAsUpdate(nil)
	if err != nil {
		return nil, err
	}
	v2, err := doc.EncodeStateAsUpdateV2(nil)
	return &Document{V1: v1, V2: v2, Root: Root, Text: doc.RootString(Root)}, err
}

// ReadDocument makes a document of an update in V2. Its text is in the one root that it has.
func ReadDocument(v2 []byte) (*Document, error) {
	v1, err := crdt.ConvertUpdateV2ToV1(v2)
	if err != nil {
		return nil, fmt.Errorf("read a document: %w", err)
	}
	doc, err := LoadV2(v2)
	if err != nil {
		return nil, err
	}
	roots := doc.Roots()
	if len(roots) != 1 {
		return nil, fmt.Errorf("read a document: it has %d roots, want one", len(roots))
	}
	root := roots[0]
	return &Document{V1: v1, V2: v2, Root: root, Text: doc.RootString(root)}, nil
}

// Document returns the subject's whole document; that of a history is made once.
func (s *Subject) Document() (*Document, error) {
	if s.Whole != nil {
		return s.Whole, nil
	}
	doc, err := ApplyAll(s.Updates)
	if err == nil {
		s.Whole, err = NewDocument(doc)
	}
	if err == nil && s.Whole.Text != s.Trace.End {
		err = errors.New("the text is not the end of the history")
	}
	return s.Whole, err
}

func (s *Subject) load() (Sample, error) {
	return s.loaded(func(d *Document) (*crdt.Doc, error) { return Load(d.V1) })
}

func (s *Subject) loadV2() (Sample, error) {
	return s.loaded(func(d *Document) (*crdt.Doc, error) { return LoadV2(d.V2) })
}

func (s *Subject) loaded(load func(*Document) (*crdt.Doc, error)) (Sample, error) {
	whole, err := s.Document()
	if err != nil {
		return Sample{}, err
	}
	text := ""
	sample, err := timed(func() error {
		doc, err := load(whole)
		if err == nil {
			text = doc.RootString(whole.Root)
		}
		return err
	})
	if err == nil && text != whole.Text {
		err = fmt.Errorf("the text has %d bytes and is not the document's of %d", len(text), len(whole.Text))
	}
	return sample, err
}

func (s *Subject) encode() (Sample, error) {
	return s.encoded(func(doc *crdt.Doc) ([]byte, error) { return doc.EncodeStateAsUpdate(nil) }, false, func(d *Document) int { return len(d.V1) })
}

func (s *Subject) encodeAgain() (Sample, error) {
	return s.encoded(func(doc *crdt.Doc) ([]byte, error) { return doc.EncodeStateAsUpdate(nil) }, true, func(d *Document) int { return len(d.V1) })
}

func (s *Subject) encodeV2() (Sample, error) {
	return s.encoded(func(doc *crdt.Doc) ([]byte, error) { return doc.EncodeStateAsUpdateV2(nil) }, false, func(d *Document) int { return len(d.V2) })
}

// encoded measures a document that was never encoded before, so that no cache can help, or again one that was and has
// not changed since; somebody still has the bytes, as a server that has just sent them.
func (s *Subject) encoded(encode func(*crdt.Doc) ([]byte, error), again bool, want func(*Document) int) (Sample, error) {
	whole, err := s.Document()
	if err != nil {
		return Sample{}, err
	}
	doc, err := Load(whole.V1)
	var before, got []byte
	if err == nil && again {
		before, err = encode(doc)
	}
	if err != nil {
		return Sample{}, err
	}
	sample, err := timed(func() (err error) {
		got, err = encode(doc)
		return err
	})
	runtime.KeepAlive(before)
	if err == nil && len(got) != want(whole) {
		err = fmt.Errorf("encoded again it has %d bytes, before %d", len(got), want(whole))
	}
	return sample, err
}

func (s *Subject) merge() (Sample, error) {
	if s.Updates.Len() < s.Sizes.Merge {
		return Sample{}, fmt.Errorf("the history has only %d updates", s.Updates.Len())
	}
	return mergeOf(s.Updates.Slice(s.Sizes.Merge).All())
}

func (s *Subject) mergeAll() (Sample, error) { return mergeOf(s.Updates.All()) }

func mergeOf(some [][]byte) (Sample, error) {
	return timed(func() error {
		merged, err := crdt.MergeUpdates(some...)
		if err == nil && len(merged) == 0 {
			err = errors.New("merging gives nothing")
		}
		return err
	})
}

func (s *Subject) diff() (Sample, error) {
	whole, err := s.Document()
	if err != nil {
		return Sample{}, err
	}
	half, err := ApplyAll(s.Updates.Slice(s.Updates.Len() / 2))
	if err != nil {
		return Sample{}, err
	}
	vector := half.EncodeStateVector()
	return timed(func() error {
		diff, err := crdt.DiffUpdate(whole.V1, vector)
		if err == nil && (len(diff) == 0 || len(diff) >= len(whole.V1)) {
			err = fmt.Errorf("the difference of %d bytes has %d", len(whole.V1), len(diff))
		}
		return err
	})
}

func (s *Subject) vectorOfUpdate() (Sample, error) {
	whole, err := s.Document()
	if err != nil {
		return Sample{}, err
	}
	return timed(func() error {
		vector, err := crdt.StateVectorFromUpdate(whole.V1)
		if err == nil && len(vector) < 3 {
			err = fmt.Errorf("the state vector has %d bytes", len(vector))
		}
		return err
	})
}
