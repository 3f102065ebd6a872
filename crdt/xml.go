package crdt

import (
	"fmt"
	"iter"
)

// xmlList is an XML node with children. Indexes count children.
type xmlList struct{ list }

// XMLFragment is a shared list of XML nodes without a tag of its own. Editors
// of the ProseMirror family keep their documents in one.
type XMLFragment struct{ xmlList }

// XMLElement is a shared XML element: a tag, attributes and children.
type XMLElement struct {
	xmlList
	attributes
}

// XMLText is a text inside XML; its formatting attributes become tags.
type XMLText struct{ Text }

// XMLHook is a place in XML that an application fills; it is a map.
type XMLHook struct{ Map }

// XMLFragment returns the root type of that name as an XML fragment, creating
// it if need be. It panics if the name was declared as another type before.
func (d *Doc) XMLFragment(name string) *XMLFragment {
	return d.declare(name, KindXMLFragment).(*XMLFragment)
}

// XMLElement returns the root type of that name as an XML element, creating it
// if need be. Its tag is UNDEFINED, as in Yjs. It panics if the name was
// declared as another type before.
func (d *Doc) XMLElement(name string) *XMLElement {
	return d.declare(name, KindXMLElement).(*XMLElement)
}

// XMLText returns the root type of that name as an XML text, creating it if
// need be. It panics if the name was declared as another type before.
func (d *Doc) XMLText(name string) *XMLText {
	return d.declare(name, KindXMLText).(*XMLText)
}

// Name returns the element's tag, as it was given.
func (e *XMLElement) Name() string { return e.b.tag() }

// Name returns the name of the hook.
func (h *XMLHook) Name() string { return h.b.tag() }

func (b *branch) tag() string {
	if b.item == 0 {
		return "UNDEFINED"
	}
	return b.name
}

// Child returns child i: an *XMLElement, *XMLText or *XMLHook. The error wraps
// ErrIndex. The cost is O(log n).
func (l xmlList) Child(i int) (any, error) { return l.at(i) }

// Children yields the children in order.
func (l xmlList) Children() iter.Seq[any] {
	return func(yield func(any) bool) { l.all(yield) }
}

// InsertElement inserts an empty element with the given tag at index and
// returns it.
func (l xmlList) InsertElement(tx *Tx, index int, tag string) (*XMLElement, error) {
	t, err := l.insertType(tx, index, KindXMLElement, tag)
	if err != nil {
		return nil, err
	}
	return t.(*XMLElement), nil
}

// InsertText inserts an empty text at index and returns it.
func (l xmlList) InsertText(tx *Tx, index int) (*XMLText, error) {
	t, err := l.insertType(tx, index, KindXMLText, "")
	if err != nil {
		return nil, err
	}
	return t.(*XMLText), nil
}

// InsertHook inserts an empty hook of the given name at index and returns it.
func (l xmlList) InsertHook(tx *Tx, index int, name string) (*XMLHook, error) {
	t, err := l.insertType(tx, index, KindXMLHook, name)
	if err != nil {
		return nil, err
	}
	return t.(*XMLHook), nil
}

// String returns the node as Yjs prints it: tags in lower case, attributes
// sorted, nothing escaped. It is no well-formed XML if the content is not.
func (l xmlList) String() string { return l.d.xmlString(l.b) }

// String returns the text with its formatting as tags, as Yjs prints it.
func (t *XMLText) String() string { return t.d.xmlString(t.b) }

// String says that it is a hook.
func (h *XMLHook) String() string { return fmt.Sprintf("hook %q", h.Name()) }
