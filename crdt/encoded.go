package crdt

import (
	"unsafe"
	"weak"
)

// encodings are the encoded states of a document that did not change since, in
// each format, for as long as somebody has the bytes.
type encodings struct {
	stamp  uint32 // of the transaction after which they were made
	states [v2 + 1]encoding
}

// encoding is an encoded state that does not keep its bytes alive.
type encoding struct {
	first weak.Pointer[byte]
	size  int
}

// remembered returns the encoded state if nothing has changed since it was made.
func (d *Doc) remembered(f format) []byte {
	if d.encodings == nil || d.encodings.stamp != d.stamp || d.current != nil {
		return nil
	}
	e := d.encodings.states[f]
	if first := e.first.Value(); first != nil {
		return unsafe.Slice(first, e.size)
	}
	return nil
}

// remember keeps an encoded state in mind, which is not empty.
func (d *Doc) remember(f format, state []byte) {
	if d.current != nil {
		return
	}
	if d.encodings == nil || d.encodings.stamp != d.stamp {
		d.encodings = &encodings{stamp: d.stamp}
	}
	d.encodings.states[f] = encoding{weak.Make(&state[0]), len(state)}
}
