package crdt

import "github.com/weftsync/weft/crdt/lib0"

// TextChange says what happened to a piece of text between two snapshots.
type TextChange string

// The changes of Text.DeltaBetween, in the words that Yjs uses.
const (
	TextAdded   TextChange = "added"
	TextRemoved TextChange = "removed"
)

// changeAttribute is the attribute that tells of changes.
const changeAttribute = "ychange"

// DeltaAt returns the text with its formatting and embedded objects as it was
// at a snapshot (Yjs: toDelta(snapshot)). What was deleted since and collected
// is missing. As in Yjs, text is not joined across places where the document's
// formatting changes. The cost is O(n + ranges of the snapshot · log n), n with
// all that was ever deleted.
//
// A snapshot that falls between the two halves of a surrogate pair turns both
// into U+FFFD, in the document too, as in Yjs. No snapshot of a document whose
// users type whole characters does.
func (t *Text) DeltaAt(s Snapshot) []Op {
	w := changeWalk{d: t.d, now: t.d.cutAt(s)}
	return w.run(t.b)
}

// DeltaBetween returns the text of both snapshots, with an attribute "ychange"
// on what was added after prev or removed by s (Yjs: toDelta(snapshot,
// prevSnapshot, computeYChange)). Formatting is that of s. Embedded objects
// and types take the attribute of the text before them, as in Yjs.
//
// describe returns the attribute's value for a piece, given its first
// operation, whose client is the author of the text; if it is nil the value is
// an Object with the change as "type". Pieces that follow one another are runs
// of their own, unless the value is an object that has the client id as "user"
// and the change as "type". The cost is that of DeltaAt.
func (t *Text) DeltaBetween(prev, s Snapshot, describe func(change TextChange, first ID) any) []Op {
	w := changeWalk{d: t.d, now: t.d.cutAt(s), describe: describe}
	w.before = t.d.cutAt(prev)
	if describe == nil {
		w.describe = func(change TextChange, _ ID) any { return Object{{"type", string(change)}} }
	}
	return w.run(t.b)
}

// StringAt returns the text without formatting and embedded objects as it was
// at a snapshot. See DeltaAt.
func (t *Text) StringAt(s Snapshot) string {
	m := t.d.cutAt(s)
	var out []byte
	for r := t.b.first; r != 0; {
		it := t.d.item(r)
		if it.kind() == kindString {
			eachPiece(it, []moment{m}, func(p *item) bool {
				if m.shows(p.client(), p.clock) {
					out = t.d.appendWTF8(out, p)
				}
				return true
			})
		}
		r = it.right
	}
	lib0.ReplaceSurrogates(out)
	return string(out)
}

// changeWalk goes through a text and gathers the delta of one or two moments.
type changeWalk struct {
	d        *Doc
	now      moment
	before   moment // nil if there is only one
	describe func(TextChange, ID) any

	ops     []Op
	text    []byte
	attrs   attrList
	change  any // value of the attribute ychange
	changed bool
}

func (w *changeWalk) run(b *branch) []Op {
	ms := []moment{w.now}
	if w.before != nil {
		ms = append(ms, w.before)
	}
	for r := b.first; r != 0; {
		it := w.d.item(r)
		switch it.kind() {
		case kindString:
			eachPiece(it, ms, func(p *item) bool { w.string(p); return true })
		case kindType, kindEmbed:
			if shown, was := w.visible(it); shown || was {
				w.flush()
				w.emit(w.d.contentAt(it, 0))
			}
		case kindFormat:
			if shown, _ := w.visible(it); shown {
				w.flush()
				w.format(r)
			}
		}
		r = it.right
	}
	w.flush()
	return w.ops
}

// visible reports whether a piece is visible now, and whether it was before.
func (w *changeWalk) visible(p *item) (now, before bool) {
	now = w.now.shows(p.client(), p.clock)
	return now, w.before != nil && w.before.shows(p.client(), p.clock)
}

func (w *changeWalk) string(p *item) {
	now, before := w.visible(p)
	switch {
	case !now && !before:
		return
	case !now:
		w.mark(TextRemoved, p)
	case w.before != nil && !before:
		w.mark(TextAdded, p)
	case w.changed && w.change != any(Undefined):
		w.flush()
		w.changed = false
	}
	w.text = w.d.appendWTF8(w.text, p)
}

// mark sets the attribute of a piece that changed, unless the one in force says
// the same.
func (w *changeWalk) mark(c TextChange, p *item) {
	first := *w.d.idOf(p, 0)
	if w.changed && saysSame(w.change, c, first.Client) {
		return
	}
	w.flush()
	w.change, w.changed = w.describe(c, first), true
}

// saysSame reports whether a value is an object that names the client and the
// change.
func saysSame(v any, c TextChange, client uint64) bool {
	get := func(string) (any, bool) { return nil, false }
	switch o := v.(type) {
	case Object:
		get = o.get
	case map[string]any:
		get = func(k string) (any, bool) { v, ok := o[k]; return v, ok }
	}
	user, _ := get("user")
	typ, _ := get("type")
	if t, ok := typ.(TextChange); ok {
		typ = string(t)
	}
	n, ok := number(user)
	return ok && n == float64(client) && typ == string(c)
}

// get returns a property of an object.
func (o Object) get(key string) (any, bool) {
	for _, f := range o {
		if f.Key == key {
			return f.Value, true
		}
	}
	return nil, false
}

// format applies a format item. Its attribute may be the one that tells of
// changes: nobody keeps users from using the name.
func (w *changeWalk) format(r ref) {
	a := w.d.formatAttr(r)
	if w.d.keyNames[a.key] != changeAttribute {
		w.attrs.apply(a)
		return
	}
	if w.changed = !isNull(a.value); w.changed {
		w.change = decodeValue(a.value)
	}
}

func (w *changeWalk) flush() {
	if len(w.text) > 0 {
		w.emit(validString(w.text))
		w.text = w.text[:0]
	}
}

func (w *changeWalk) emit(insert any) {
	op := Op{Insert: insert}
	if len(w.attrs) > 0 || w.changed {
		op.Attributes = make(map[string]any, len(w.attrs)+1)
		for _, a := range w.attrs {
			op.Attributes[w.d.keyNames[a.key]] = decodeValue(a.value)
		}
		if w.changed {
			op.Attributes[changeAttribute] = w.change
		}
	}
	w.ops = append(w.ops, op)
}
