package crdt

import "weak"

// encodings are the encoded states of a document that did not change since, in
// each format, for as long as the garbage collector leaves them.
type encodings struct {
	stamp  uint32 // of the transaction after which they were made
	states [v2 + 1]weak.Pointer[[]byte]
}

// remembered returns the encoded state if nothing has changed since it was made.
func (d *Doc) remembered(f format) []byte {
	if d.encodings == nil || d.encodings.stamp != d.stamp || d.current != nil {
		return nil
	}
	if p := d.encodings.states[f].Value(); p != nil {
		return *p
	}
	return nil
}

// remember keeps an encoded state.
func (d *Doc) remember(f format, state []byte) {
	if d.current != nil {
		return
	}
	if d.encodings == nil || d.encodings.stamp != d.stamp {
		d.encodings = &encodings{stamp: d.stamp}
	}
	d.encodings.states[f] = weak.Make(&state)
}
