package crdt

import "github.com/weftsync/weft/crdt/lib0"

// Op is one run of a delta: content and the attributes it has.
type Op struct {
	// Insert is a string, an embedded value, or an embedded shared type such as
	// *Map.
	Insert     any
	Attributes map[string]any // nil if there are none
}

// run is one run of a delta in the engine's terms: text, or else an item.
type run struct {
	text  []byte // WTF-8
	item  ref
	attrs attrList
}

// runs of formatted text, cut where Yjs cuts: at every format item and embed,
// whether or not the attributes differ.
func (d *Doc) eachRun(b *branch, f func(run)) {
	var attrs attrList
	var text []byte
	change := d.keyNumbers[changeAttribute]
	flush := func() {
		if len(text) > 0 {
			f(run{text: text, attrs: attrs})
			text = text[:0]
		}
	}
	for r := b.first; r != 0; {
		it := d.item(r)
		if !it.deleted() {
			switch it.kind() {
			case kindString:
				if change != 0 {
					attrs.remove(change) // Yjs takes it for its own, see DeltaBetween
				}
				text = d.appendWTF8(text, it)
			case kindType, kindEmbed:
				flush()
				f(run{item: r, attrs: attrs})
			case kindFormat:
				flush()
				attrs.apply(d.formatAttr(r))
			}
		}
		r = it.right
	}
	flush()
}

// Delta returns the text with its formatting and embedded objects, as runs in
// order. The cost is O(n).
func (t *Text) Delta() []Op {
	var out []Op
	t.d.eachRun(t.b, func(r run) {
		op := Op{Insert: any(validString(r.text))}
		if r.item != 0 {
			op.Insert = t.d.contentAt(t.d.item(r.item), 0)
		}
		if len(r.attrs) > 0 {
			op.Attributes = make(map[string]any, len(r.attrs))
			for _, a := range r.attrs {
				op.Attributes[t.d.keyNames[a.key]] = decodeValue(a.value)
			}
		}
		out = append(out, op)
	})
	return out
}

// DeltaJSON returns the delta as JSON, byte for byte as JavaScript's
// JSON.stringify writes Yjs's toDelta.
func (t *Text) DeltaJSON() []byte { return t.d.appendDelta(nil, t.b) }

func (d *Doc) appendDelta(dst []byte, b *branch) []byte {
	dst = append(dst, '[')
	first := true
	d.eachRun(b, func(r run) {
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = append(dst, `{"insert":`...)
		if r.item == 0 {
			dst = lib0.AppendJSONString(dst, r.text)
		} else {
			dst = d.appendContentJSON(dst, d.item(r.item), 0)
		}
		if len(r.attrs) > 0 {
			dst = append(dst, `,"attributes":`...)
			raw := lib0.AppendUint([]byte{lib0.TagObject}, uint64(len(r.attrs)))
			for _, a := range r.attrs {
				raw = append(lib0.AppendString(raw, d.keyNames[a.key]), a.value...)
			}
			dst, _ = lib0.AppendJSON(dst, lib0.OrderedObject(nil, raw))
		}
		dst = append(dst, '}')
	})
	return append(dst, ']')
}
