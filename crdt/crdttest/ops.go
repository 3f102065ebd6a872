package crdttest

import (
	"fmt"
	"slices"

	"github.com/weftsync/weft/crdt"
)

// Run runs one operation of a transaction on a document.
func Run(d *crdt.Doc, tx *crdt.Tx, op Op) error { return runOp(d, tx, op) }

// runOp runs one operation of a transaction on an engine document. It does
// what web/oracle/ops.mjs does on a Yjs document, type by type.
func runOp(d *crdt.Doc, tx *crdt.Tx, op Op) error {
	switch t := resolve(rootOf(d, op.Root), op.Path).(type) {
	case *crdt.XMLText:
		return onText(&t.Text, tx, op)
	case *crdt.Text:
		return onText(t, tx, op)
	case *crdt.Array:
		return onArray(t, tx, op)
	case *crdt.XMLHook:
		return onMap(&t.Map, tx, op)
	case *crdt.Map:
		return onMap(t, tx, op)
	case *crdt.XMLFragment:
		return onXML(t, nil, tx, op)
	case *crdt.XMLElement:
		return onXML(t, t, tx, op)
	default:
		return fmt.Errorf("an operation on %T", t)
	}
}

// rootOf returns a root by name, declared as the first letter of it says.
func rootOf(d *crdt.Doc, name string) any {
	switch name[0] {
	case 't':
		return d.Text(name)
	case 'a':
		return d.Array(name)
	case 'm':
		return d.Map(name)
	case 'x':
		return d.XMLFragment(name)
	}
	panic(fmt.Sprintf("crdttest: root %q does not name a type", name))
}

func resolve(t any, path []int) any {
	for _, step := range path {
		inside := nestedIn(t)
		if len(inside) == 0 {
			break
		}
		t = inside[step%len(inside)]
	}
	return t
}

// nestedIn returns the shared types directly in a type, in the order of a list
// or of sorted keys.
func nestedIn(t any) []any {
	var all []any
	switch t := t.(type) {
	case *crdt.XMLText:
		return nestedIn(&t.Text)
	case *crdt.Text:
		for _, op := range t.Delta() {
			all = append(all, op.Insert)
		}
	case *crdt.Array:
		all = t.ToSlice()
	case *crdt.XMLHook:
		return nestedIn(&t.Map)
	case *crdt.Map:
		keys := t.Keys()
		slices.SortFunc(keys, compareUnits)
		for _, k := range keys {
			v, _ := t.Get(k)
			all = append(all, v)
		}
	case *crdt.XMLFragment:
		all = slices.Collect(t.Children())
	case *crdt.XMLElement:
		all = slices.Collect(t.Children())
	}
	return slices.DeleteFunc(all, func(v any) bool { _, ok := v.(crdt.Type); return !ok })
}

var typeKinds = map[string]crdt.TypeKind{
	"t": crdt.KindText, "a": crdt.KindArray, "m": crdt.KindMap, "e": crdt.KindXMLElement,
	"f": crdt.KindXMLFragment, "h": crdt.KindXMLHook, "x": crdt.KindXMLText,
}

// attrsOf returns the attributes of an operation, none if it has none.
func attrsOf(op Op) []crdt.Attrs { return markSet(op.Attrs) }

func stringOf(op Op) string {
	s, _ := ScriptValue(op.String).(string)
	return s
}

func onText(t *crdt.Text, tx *crdt.Tx, op Op) error {
	at := op.At % (t.Len() + 1)
	attrs := attrsOf(op)
	switch op.Kind {
	case "i":
		if s := stringOf(op); s != "" {
			return t.Insert(tx, at, s, attrs...)
		}
	case "d":
		if t.Len() > 0 {
			return t.Delete(tx, op.At%t.Len(), 1+op.Count%8)
		}
	case "f":
		format := crdt.Attrs{}
		if attrs != nil {
			format = attrs[0]
		}
		return t.Format(tx, at, 1+op.Count%8, format)
	case "e":
		return t.InsertEmbed(tx, at, ScriptValue(op.Value), attrs...)
	case "n":
		_, err := t.InsertType(tx, at, typeKinds[op.Type], op.Key, attrs...)
		return err
	case "s":
		return t.SetAttribute(tx, op.Key, ScriptValue(op.Value))
	case "u":
		return t.RemoveAttribute(tx, op.Key)
	case "b", "a":
		return t.InsertEmbed(tx, at, op.Build.prelim(), attrs...)
	case "p":
		return t.Insert(tx, t.Len(), stringOf(op))
	case "h":
		return t.Insert(tx, 0, stringOf(op))
	case "c":
		return t.Delete(tx, 0, t.Len())
	case "l":
		if p := cloneOf(t.Doc(), op); p != nil {
			return t.InsertEmbed(tx, at, p, attrs...)
		}
	case "r":
		if op.Count%4 == 0 {
			return t.ApplyDelta(tx, deltaOf(op.Delta), crdt.DropFinalNewline)
		}
		return t.ApplyDelta(tx, deltaOf(op.Delta))
	}
	return nil
}

// element returns a value as an array takes it: neither undefined nor bigint.
func element(v any) any {
	if n, ok := v.(crdt.BigInt); ok {
		return fmt.Sprint(int64(n))
	}
	if v == any(crdt.Undefined) {
		return nil
	}
	return v
}

func onArray(t *crdt.Array, tx *crdt.Tx, op Op) error {
	at := op.At % (t.Len() + 1)
	switch op.Kind {
	case "i":
		list, ok := ScriptValue(op.Value).([]any)
		if !ok || len(list) == 0 {
			list = []any{ScriptValue(op.Value)}
		}
		out := make([]any, len(list))
		for i, v := range list {
			out[i] = element(v)
		}
		return t.Insert(tx, at, out...)
	case "d":
		if t.Len() > 0 {
			from := op.At % t.Len()
			return t.Delete(tx, from, min(1+op.Count%4, t.Len()-from))
		}
	case "f":
		return t.Insert(tx, at, stringOf(op))
	case "e":
		return t.Insert(tx, at, element(ScriptValue(op.Value)))
	case "n":
		return insertType(t, tx, at, op)
	case "s", "r":
		return t.Insert(tx, t.Len(), element(ScriptValue(op.Value)))
	case "b", "a":
		return t.Insert(tx, at, op.Build.prelim())
	case "p":
		v := element(ScriptValue(op.Value))
		return t.Push(tx, v, op.Build.prelim(), v)
	case "h":
		v := element(ScriptValue(op.Value))
		return t.Unshift(tx, v, v)
	case "c":
		return t.Delete(tx, 0, t.Len())
	case "l":
		if p := cloneOf(t.Doc(), op); p != nil {
			return t.Insert(tx, at, p)
		}
	case "u":
		if t.Len() > 0 {
			return t.Delete(tx, op.At%t.Len(), 1)
		}
	case "o":
		return t.Insert(tx, at, subdocOf(op))
	}
	return nil
}

func insertType(t *crdt.Array, tx *crdt.Tx, at int, op Op) (err error) {
	switch op.Type {
	case "t":
		_, err = t.InsertText(tx, at)
	case "a":
		_, err = t.InsertArray(tx, at)
	case "m":
		_, err = t.InsertMap(tx, at)
	default:
		_, err = t.InsertXML(tx, at, typeKinds[op.Type], op.Key)
	}
	return err
}

func onMap(t *crdt.Map, tx *crdt.Tx, op Op) error {
	switch op.Kind {
	case "i", "f":
		return t.Set(tx, op.Key, stringOf(op))
	case "e", "s", "p", "h", "r":
		return t.Set(tx, op.Key, ScriptValue(op.Value))
	case "b", "a":
		return t.Set(tx, op.Key, op.Build.prelim())
	case "c":
		return t.Clear(tx)
	case "l":
		if p := cloneOf(t.Doc(), op); p != nil {
			return t.Set(tx, op.Key, p)
		}
	case "n":
		return setType(t, tx, op)
	case "d", "u":
		return t.Delete(tx, op.Key)
	case "o":
		return t.Set(tx, op.Key, subdocOf(op))
	}
	return nil
}

func setType(t *crdt.Map, tx *crdt.Tx, op Op) (err error) {
	switch op.Type {
	case "t":
		_, err = t.SetText(tx, op.Key)
	case "a":
		_, err = t.SetArray(tx, op.Key)
	case "m":
		_, err = t.SetMap(tx, op.Key)
	default:
		_, err = t.SetXML(tx, op.Key, typeKinds[op.Type], op.Key)
	}
	return err
}

func subdocOf(op Op) crdt.Subdoc {
	s := crdt.Subdoc{GUID: stringOf(op)}
	options, _ := ScriptValue(op.Value).(crdt.Object)
	for _, f := range options {
		switch f.Key {
		case "gc":
			s.KeepDeleted = f.Value == false
		case "autoLoad":
			s.AutoLoad = f.Value == true
		case "meta":
			s.Meta = f.Value
		}
	}
	return s
}

// xmlList is what fragments and elements have in common.
type xmlList interface {
	crdt.Type
	Len() int
	Child(i int) (any, error)
	Insert(tx *crdt.Tx, index int, nodes ...*crdt.Prelim) error
	InsertAfter(tx *crdt.Tx, child crdt.Type, nodes ...*crdt.Prelim) error
	Push(tx *crdt.Tx, nodes ...*crdt.Prelim) error
	Unshift(tx *crdt.Tx, nodes ...*crdt.Prelim) error
	Delete(tx *crdt.Tx, index, n int) error
	InsertElement(tx *crdt.Tx, index int, tag string) (*crdt.XMLElement, error)
	InsertText(tx *crdt.Tx, index int) (*crdt.XMLText, error)
	InsertHook(tx *crdt.Tx, index int, name string) (*crdt.XMLHook, error)
}

func insertXMLText(t xmlList, tx *crdt.Tx, at int, op Op) error {
	text, err := t.InsertText(tx, at)
	if err != nil || stringOf(op) == "" {
		return err
	}
	return text.Insert(tx, 0, stringOf(op), attrsOf(op)...)
}

func onXML(t xmlList, el *crdt.XMLElement, tx *crdt.Tx, op Op) error {
	at := op.At % (t.Len() + 1)
	switch op.Kind {
	case "i":
		return insertXMLText(t, tx, at, op)
	case "d":
		if t.Len() > 0 {
			from := op.At % t.Len()
			return t.Delete(tx, from, min(1+op.Count%4, t.Len()-from))
		}
	case "f":
		el, err := t.InsertElement(tx, at, op.Key)
		if err != nil {
			return err
		}
		return el.SetAttribute(tx, op.Key, stringOf(op))
	case "e":
		_, err := t.InsertElement(tx, at, op.Key)
		return err
	case "n":
		return insertXML(t, tx, at, op)
	case "b":
		return t.Insert(tx, at, op.Node.prelim())
	case "a":
		return insertAfter(t, tx, at, op)
	case "p":
		return t.Push(tx, op.Node.prelim(), op.Node.prelim())
	case "h":
		return t.Unshift(tx, op.Node.prelim())
	case "c":
		return t.Delete(tx, 0, t.Len())
	case "l":
		if p := cloneOf(t.Doc(), op); p != nil && p.Kind() >= crdt.KindXMLElement {
			return t.Insert(tx, at, p)
		}
	case "s", "r":
		if el == nil {
			return insertXMLText(t, tx, at, op)
		}
		return el.SetAttribute(tx, op.Key, ScriptValue(op.Value))
	case "u":
		if el != nil {
			return el.RemoveAttribute(tx, op.Key)
		}
		if t.Len() > 0 {
			return t.Delete(tx, op.At%t.Len(), 1)
		}
	}
	return nil
}

func insertXML(t xmlList, tx *crdt.Tx, at int, op Op) (err error) {
	switch op.Type {
	case "t", "x":
		_, err = t.InsertText(tx, at)
	case "m", "h":
		_, err = t.InsertHook(tx, at, op.Key)
	default:
		_, err = t.InsertElement(tx, at, op.Key)
	}
	return err
}

func insertAfter(t xmlList, tx *crdt.Tx, at int, op Op) error {
	if at == 0 {
		return t.InsertAfter(tx, nil, op.Node.prelim())
	}
	child, err := t.Child(at - 1)
	if err != nil {
		return err
	}
	return t.InsertAfter(tx, child.(crdt.Type), op.Node.prelim())
}
