package crdttest

import (
	"math"

	"github.com/weftsync/weft/crdt"
)

// Build describes a shared type that is filled before it is inserted;
// web/oracle/build.mjs says how.
type Build struct {
	Type   string      `json:"y"`
	Name   string      `json:"m,omitempty"`
	String any         `json:"s,omitempty"`
	Attrs  any         `json:"w,omitempty"`
	Delta  []DeltaStep `json:"d,omitempty"`
	List   []Part      `json:"l,omitempty"`
	Keys   []Part      `json:"e,omitempty"`
}

// Part is a value or a type in a Build.
type Part struct {
	Key   string `json:"m,omitempty"`
	Value any    `json:"v"`
	Build *Build `json:"t,omitempty"`
}

// DeltaStep is one step of a delta.
type DeltaStep struct {
	String any    `json:"s,omitempty"`
	Embed  any    `json:"e,omitempty"`
	Build  *Build `json:"t,omitempty"`
	Retain int    `json:"r,omitempty"`
	Delete int    `json:"x,omitempty"`
	Attrs  any    `json:"w,omitempty"`
}

func (p Part) value() any {
	if p.Build != nil {
		return p.Build.prelim()
	}
	return ScriptValue(p.Value)
}

// prelim returns the type that a Build describes.
func (b *Build) prelim() *crdt.Prelim {
	s, _ := ScriptValue(b.String).(string)
	var p *crdt.Prelim
	switch b.Type {
	case "t":
		p = crdt.NewText(s, markSet(b.Attrs)...)
	case "x":
		p = crdt.NewXMLText(s, markSet(b.Attrs)...)
	case "a":
		return crdt.NewArray(values(b.List)...)
	case "m":
		p = crdt.NewMap(nil)
	case "h":
		p = crdt.NewXMLHook(b.Name, nil)
	case "e":
		p = crdt.NewXMLElement(b.Name, nil, nodes(b.List)...)
	case "f":
		return crdt.NewXMLFragment(nodes(b.List)...)
	}
	if len(b.Delta) > 0 {
		p.ApplyDelta(deltaOf(b.Delta)...)
	}
	for _, k := range b.Keys {
		p.Set(k.Key, k.value())
	}
	return p
}

func values(parts []Part) []any {
	out := make([]any, len(parts))
	for i, p := range parts {
		out[i] = p.value()
	}
	return out
}

func nodes(parts []Part) []*crdt.Prelim {
	out := make([]*crdt.Prelim, len(parts))
	for i, p := range parts {
		out[i] = p.Build.prelim()
	}
	return out
}

// deltaOf returns the delta that a script describes.
func deltaOf(steps []DeltaStep) []crdt.DeltaOp {
	out := make([]crdt.DeltaOp, len(steps))
	for i, s := range steps {
		out[i] = crdt.DeltaOp{Retain: s.Retain, Delete: s.Delete}
		switch {
		case s.String != nil:
			out[i].Insert = ScriptValue(s.String)
		case s.Build != nil:
			out[i].Insert = s.Build.prelim()
		case s.Retain == 0 && s.Delete == 0:
			out[i].Insert = ScriptValue(s.Embed)
		}
		for _, a := range markSet(s.Attrs) {
			out[i].Attributes = a
		}
	}
	return out
}

// markSet returns formatting attributes, none for nil.
func markSet(v any) []crdt.Attrs {
	if v == nil {
		return nil
	}
	out := crdt.Attrs{}
	for _, f := range ScriptValue(v).(crdt.Object) {
		out[f.Key] = f.Value
	}
	return []crdt.Attrs{out}
}

// weight says how much a type holds, infinitely much if Yjs cannot copy it.
func weight(v any) float64 {
	switch t := v.(type) {
	case crdt.Subdoc:
		return math.Inf(1)
	case *crdt.XMLText:
		return weight(&t.Text)
	case *crdt.Text:
		n := float64(1 + t.Len())
		for _, op := range t.Delta() {
			n += whole(op.Insert) - 1
		}
		return n
	case *crdt.XMLHook:
		n := 1.0
		for _, e := range t.All() {
			n += whole(e)
		}
		return n
	case *crdt.Map:
		n := 1.0
		for _, e := range t.All() {
			n += weight(e)
		}
		return n
	case *crdt.Array:
		return 1 + weightOf(t.ToSlice())
	case *crdt.XMLFragment:
		return 1 + weightOf(t.ToSlice())
	case *crdt.XMLElement:
		n := 1 + weightOf(t.ToSlice())
		for _, a := range t.Attributes() {
			n += whole(a)
		}
		return n
	}
	return 1
}

func weightOf(list []any) float64 {
	n := 0.0
	for _, v := range list {
		n += weight(v)
	}
	return n
}

// whole is the weight of what is copied as it is.
func whole(v any) float64 {
	switch v.(type) {
	case crdt.Type, crdt.Subdoc:
		return math.Inf(1)
	}
	return 1
}

// cloneOf returns a copy of another type of the document, nil if Yjs could not
// make one or it is not small.
func cloneOf(d *crdt.Doc, op Op) *crdt.Prelim {
	root := op.From
	if root == "" {
		root = op.Root
	}
	source := resolve(rootOf(d, root), op.Way)
	if weight(source) > 40 {
		return nil
	}
	return source.(crdt.Type).Clone()
}
