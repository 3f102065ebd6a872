package crdt

import "fmt"

// Map is a shared map from strings to values and shared types.
type Map struct{ shared }

// Map returns the root type of that name as a map, creating it if need be. It
// panics if the name was declared as another type before.
func (d *Doc) Map(name string) *Map { return &Map{shared{d, d.declare(name, KindMap)}} }

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

// names returns the keys that have a value, in the order of their first
// integration by this replica.
func (s shared) names() []string {
	var out []string
	for _, k := range s.b.keys {
		if !s.d.item(k.item).deleted() {
			out = append(out, s.d.keyNames[k.key])
		}
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
	packed, err := packValues([]any{v}, func(any) error { return nil })
	if err != nil {
		return err
	}
	s.set(tx, key, func(it *item) { s.d.putValue(it, packed[0]) })
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

// Len returns the number of keys that have a value, in O(keys).
func (m *Map) Len() int { return len(m.names()) }

// Keys returns the keys that have a value, in the order in which this replica
// first saw them.
func (m *Map) Keys() []string { return m.names() }

// Get returns the value of a key, or a shared type such as *Text, and whether
// it is set.
func (m *Map) Get(key string) (any, bool) { return m.value(key) }

// Set sets the value of a key. It takes what Array.Insert takes, Undefined and
// BigInt too. Of concurrent values that of the highest client id wins.
func (m *Map) Set(tx *Tx, key string, v any) error { return m.setValue(tx, key, v) }

// Delete removes a key; nothing happens if it is not set.
func (m *Map) Delete(tx *Tx, key string) error { return m.remove(tx, key) }

func (m *Map) setType(tx *Tx, key string, kind TypeKind, name string) (*branch, error) {
	if err := m.edit(tx); err != nil {
		return nil, err
	}
	var b *branch
	m.set(tx, key, func(it *item) { b = m.d.putType(it, kind, name) })
	return b, nil
}

// SetText sets a key to an empty text and returns it.
func (m *Map) SetText(tx *Tx, key string) (*Text, error) {
	b, err := m.setType(tx, key, KindText, "")
	if err != nil {
		return nil, err
	}
	return newText(m.d, b), nil
}

// SetArray sets a key to an empty array and returns it.
func (m *Map) SetArray(tx *Tx, key string) (*Array, error) {
	b, err := m.setType(tx, key, KindArray, "")
	if err != nil {
		return nil, err
	}
	return &Array{list{shared{m.d, b}}}, nil
}

// SetMap sets a key to an empty map and returns it.
func (m *Map) SetMap(tx *Tx, key string) (*Map, error) {
	b, err := m.setType(tx, key, KindMap, "")
	if err != nil {
		return nil, err
	}
	return &Map{shared{m.d, b}}, nil
}

// SetXML sets a key to an empty XML type of the given kind and returns it: an
// *XMLElement, *XMLFragment, *XMLText or *XMLHook. name is that of the element
// or hook.
func (m *Map) SetXML(tx *Tx, key string, kind TypeKind, name string) (any, error) {
	if kind < KindXMLElement || kind > KindXMLText {
		return nil, fmt.Errorf("crdt: %v is not an XML type", kind)
	}
	b, err := m.setType(tx, key, kind, name)
	if err != nil {
		return nil, err
	}
	return m.d.handle(b), nil
}

// attributes are the named values that texts and XML elements carry beside
// their content.
type attributes struct{ of shared }

// Attribute returns an attribute and whether it is set.
func (a attributes) Attribute(name string) (any, bool) { return a.of.value(name) }

// Attributes returns all attributes.
func (a attributes) Attributes() map[string]any {
	out := make(map[string]any)
	for _, n := range a.of.names() {
		out[n], _ = a.of.value(n)
	}
	return out
}

// SetAttribute sets an attribute to a value.
func (a attributes) SetAttribute(tx *Tx, name string, v any) error { return a.of.setValue(tx, name, v) }

// RemoveAttribute removes an attribute; nothing happens if it is not set.
func (a attributes) RemoveAttribute(tx *Tx, name string) error { return a.of.remove(tx, name) }
