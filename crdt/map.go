package crdt

import (
	"fmt"
	"iter"
)

// Map is a shared map from strings to values and shared types. Each key is by
// itself: of the values that replicas set at once the one of the highest client
// id wins everywhere.
type Map struct{ shared }

// Map returns the root type of that name as a map, creating it if need be. It
// panics if the name was declared as another type before.
func (d *Doc) Map(name string) *Map { return d.declare(name, KindMap).(*Map) }

// current returns the item that holds the value of a key, nil if there is none.
func (s shared) current(key string) *item {
	k, ok := s.d.keyNumbers[string(wtf8(key))]
	if !ok {
		return nil
	}
	if r := s.b.get(k); r != 0 {
		if it := s.d.item(r); !it.deleted() {
			return it
		}
	}
	return nil
}

// value returns the value of a key and whether it is set.
func (s shared) value(key string) (any, bool) {
	it := s.current(key)
	if it == nil {
		return nil, false
	}
	return s.d.contentAt(it, it.len-1), true
}

// entries returns the keys that have a value, in the order of their first
// integration by this replica.
func (d *Doc) entries(b *branch) []keyed {
	out := make([]keyed, 0, len(b.keys))
	for _, k := range b.keys {
		if !d.item(k.item).deleted() {
			out = append(out, k)
		}
	}
	return out
}

// names returns the names of the keys that have a value, in the same order.
func (s shared) names() []string {
	var out []string
	for _, k := range s.d.entries(s.b) {
		out = append(out, s.d.keyNames[k.key])
	}
	return out
}

// set makes an item the current value of a key.
func (s shared) set(tx *Tx, key string, fill func(*item)) {
	k := s.d.internKey(wtf8(key))
	tx.insert(s.b, s.b.get(k), 0, k, fill)
}

func (s shared) setValue(tx *Tx, key string, v any) error {
	if err := s.edit(tx); err != nil {
		return err
	}
	packed, err := packValue(v)
	if err == nil {
		err = s.fits(packed)
	}
	if err == nil {
		err = s.d.limits.checkName(key)
	}
	if err != nil {
		return fmt.Errorf("set key %q of %s: %w", key, s.d.where(s.b), err)
	}
	s.set(tx, key, func(it *item) { tx.put(it, packed) })
	return nil
}

func (s shared) remove(tx *Tx, key string) error {
	if err := s.edit(tx); err != nil {
		return err
	}
	if k, ok := s.d.keyNumbers[string(wtf8(key))]; ok {
		if r := s.b.get(k); r != 0 {
			tx.delete(r)
		}
	}
	return nil
}

// Len returns the number of keys that have a value, in O(keys) (Yjs: size).
func (m *Map) Len() int {
	n := 0
	for _, k := range m.b.keys {
		if !m.d.item(k.item).deleted() {
			n++
		}
	}
	return n
}

// Has reports whether a key has a value.
func (m *Map) Has(key string) bool { return m.current(key) != nil }

// All yields the keys that have a value with their values, in the order of
// Keys. The map must not be changed meanwhile (Yjs: entries).
func (m *Map) All() iter.Seq2[string, any] {
	return func(yield func(string, any) bool) {
		for _, k := range m.d.entries(m.b) {
			it := m.d.item(k.item)
			if !yield(m.d.keyNames[k.key], m.d.contentAt(it, it.len-1)) {
				return
			}
		}
	}
}

// Keys returns the keys that have a value, in the order in which this replica
// first saw them.
func (m *Map) Keys() []string { return m.names() }

// Get returns the value of a key, or a shared type such as *Text, and whether
// it is set.
func (m *Map) Get(key string) (any, bool) { return m.value(key) }

// Set sets the value of a key. It takes what Array.Insert takes, Undefined and
// BigInt too. The error wraps ErrValue for what is no value.
func (m *Map) Set(tx *Tx, key string, v any) error { return m.setValue(tx, key, v) }

// Delete removes a key; nothing happens if it is not set.
func (m *Map) Delete(tx *Tx, key string) error { return m.remove(tx, key) }

// Clear removes all keys.
func (m *Map) Clear(tx *Tx) error {
	if err := m.edit(tx); err != nil {
		return err
	}
	for _, k := range m.d.entries(m.b) {
		tx.delete(k.item)
	}
	return nil
}

func (m *Map) setType(tx *Tx, key string, kind TypeKind, name string) (Type, error) {
	if err := m.edit(tx); err != nil {
		return nil, err
	}
	err := m.fitsType(name)
	if err == nil {
		err = m.d.limits.checkName(key)
	}
	if err != nil {
		return nil, fmt.Errorf("set key %q of %s: %w", key, m.d.where(m.b), err)
	}
	var b *branch
	m.set(tx, key, func(it *item) { b = m.d.putType(it, kind, name) })
	return m.d.handle(b), nil
}

// SetText sets a key to an empty text and returns it.
func (m *Map) SetText(tx *Tx, key string) (*Text, error) {
	t, err := m.setType(tx, key, KindText, "")
	if err != nil {
		return nil, err
	}
	return t.(*Text), nil
}

// SetArray sets a key to an empty array and returns it.
func (m *Map) SetArray(tx *Tx, key string) (*Array, error) {
	t, err := m.setType(tx, key, KindArray, "")
	if err != nil {
		return nil, err
	}
	return t.(*Array), nil
}

// SetMap sets a key to an empty map and returns it.
func (m *Map) SetMap(tx *Tx, key string) (*Map, error) {
	t, err := m.setType(tx, key, KindMap, "")
	if err != nil {
		return nil, err
	}
	return t.(*Map), nil
}

// SetXML sets a key to an empty XML type of the given kind and returns it: an
// *XMLElement, *XMLFragment, *XMLText or *XMLHook. name is that of the element
// or hook.
func (m *Map) SetXML(tx *Tx, key string, kind TypeKind, name string) (Type, error) {
	if kind < KindXMLElement || kind > KindXMLText {
		return nil, fmt.Errorf("%w: %v put into %s where XML is wanted", ErrKind, kind, m.d.where(m.b))
	}
	return m.setType(tx, key, kind, name)
}

// attributes are the named values that texts and XML elements carry beside
// their content.
type attributes struct{ of shared }

// HasAttribute reports whether an attribute is set.
func (a attributes) HasAttribute(name string) bool { return a.of.current(name) != nil }

// Attribute returns an attribute and whether it is set.
func (a attributes) Attribute(name string) (any, bool) { return a.of.value(name) }

// Attributes returns all attributes. They may be any value: a string mostly,
// but also a number, an object or a shared type.
func (a attributes) Attributes() map[string]any {
	out := make(map[string]any)
	for _, n := range a.of.names() {
		out[n], _ = a.of.value(n)
	}
	return out
}

// SetAttribute sets an attribute to a value, which may be whatever Map.Set
// takes.
func (a attributes) SetAttribute(tx *Tx, name string, v any) error { return a.of.setValue(tx, name, v) }

// RemoveAttribute removes an attribute; nothing happens if it is not set.
func (a attributes) RemoveAttribute(tx *Tx, name string) error { return a.of.remove(tx, name) }
