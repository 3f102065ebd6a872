package crdt

import (
	"fmt"
	"iter"
)

// Array is a shared array of values and shared types. Indexes count elements.
// Of elements that two replicas insert at one place at once both stay, one
// replica's behind the other's.
type Array struct{ list }

// Array returns the root type of that name as an array, creating it if need
// be. It panics if the name was declared as another type before.
func (d *Doc) Array(name string) *Array { return d.declare(name, KindArray).(*Array) }

// Get returns element i: a value, or a shared type such as *Map. The error
// wraps ErrIndex. The cost is O(log n).
func (a *Array) Get(i int) (any, error) { return a.at(i) }

// All yields the elements in order with their indexes, in O(n). The array must
// not be changed meanwhile.
func (a *Array) All() iter.Seq2[int, any] {
	return func(yield func(int, any) bool) {
		i := -1
		a.all(func(v any) bool { i++; return yield(i, v) })
	}
}

// Insert inserts values at index, in the order given: all of them, or none on
// an error. It takes nil, booleans, numbers, strings, []byte, []any,
// map[string]any, Object, Subdoc and, for a shared type with its content,
// *Prelim; like Yjs it does not take Undefined and BigInt as elements. Elements
// that are read come back as what JavaScript would have: numbers as float64,
// objects as Object. The error wraps ErrIndex for an index past the end,
// ErrValue for what is no value.
func (a *Array) Insert(tx *Tx, index int, values ...any) error {
	packed, err := packValues(values, arrayElement)
	return a.insertValues(tx, index, packed, err)
}

// Push inserts values at the end. Other than Insert at the length it inserts
// behind deleted elements too, as in Yjs.
func (a *Array) Push(tx *Tx, values ...any) error {
	packed, err := packValues(values, arrayElement)
	if err := a.ready(tx, packed, err); err != nil {
		return err
	}
	tx.insertRun(a.b, a.b.last, 0, packed)
	return nil
}

// Unshift inserts values at the start.
func (a *Array) Unshift(tx *Tx, values ...any) error { return a.Insert(tx, 0, values...) }

// InsertText inserts an empty text at index and returns it.
func (a *Array) InsertText(tx *Tx, index int) (*Text, error) {
	t, err := a.insertType(tx, index, KindText, "")
	if err != nil {
		return nil, err
	}
	return t.(*Text), nil
}

// InsertArray inserts an empty array at index and returns it.
func (a *Array) InsertArray(tx *Tx, index int) (*Array, error) {
	t, err := a.insertType(tx, index, KindArray, "")
	if err != nil {
		return nil, err
	}
	return t.(*Array), nil
}

// InsertMap inserts an empty map at index and returns it.
func (a *Array) InsertMap(tx *Tx, index int) (*Map, error) {
	t, err := a.insertType(tx, index, KindMap, "")
	if err != nil {
		return nil, err
	}
	return t.(*Map), nil
}

// InsertXML inserts an empty XML type of the given kind at index and returns
// it: an *XMLElement, *XMLFragment, *XMLText or *XMLHook. name is that of the
// element or hook.
func (a *Array) InsertXML(tx *Tx, index int, kind TypeKind, name string) (Type, error) {
	if kind < KindXMLElement || kind > KindXMLText {
		return nil, fmt.Errorf("%w: %v put into %s where XML is wanted", ErrKind, kind, a.d.where(a.b))
	}
	return a.insertType(tx, index, kind, name)
}
