package crdt

import (
	"cmp"
	"slices"
)

// Event says how a transaction changed a type. Its methods tell the present
// state from the one before the transaction, so they are to be called by
// observers and not later; then they panic (Yjs: YEvent).
type Event struct {
	// Target is the type that changed, such as *Text.
	Target Type

	tx      *Tx
	b       *branch
	current *branch // whose observer is called
	change  int32   // number in tx.changes
	path    []any

	delta   []DeltaOp
	hasKeys bool
	hasList bool
	keys    map[string]KeyChange
}

// Tx returns the transaction.
func (e *Event) Tx() *Tx { return e.tx }

// CurrentTarget returns the type whose observer is called: Target, or one that
// it lies in; nil for a root that nobody declared.
func (e *Event) CurrentTarget() Type { return e.tx.d.handle(e.current) }

// Path returns the way from CurrentTarget to Target: a string for a key, an int
// for an index.
func (e *Event) Path() []any {
	if e.path == nil {
		e.path = e.tx.d.pathTo(e.current, e.b)
	}
	return e.path
}

// pathTo returns the keys and indexes that lead from one branch to another in
// it. The cost is O(log n) for each step.
func (d *Doc) pathTo(from, to *branch) []any {
	path := []any{}
	for b := to; b != from && b.item != 0; {
		it := d.item(b.item)
		parent := d.branches[it.parent]
		if k := it.key(); k != 0 {
			path = append(path, d.keyNames[k])
		} else {
			path = append(path, int(d.indexOf(parent, b.item)))
		}
		b = parent
	}
	slices.Reverse(path)
	return path
}

// ListChanged reports whether elements, text or children changed.
func (e *Event) ListChanged() bool { return e.changed().list }

// changed returns what the transaction noted of the target.
func (e *Event) changed() change {
	if e.tx.calling == nil || e.tx.calling.queue == nil {
		panic("crdt: an event is read after its observer has returned")
	}
	return e.tx.changes[e.change]
}

// KeysChanged returns the keys or attributes that were written or deleted, in
// that order, whether or not their value is another one now.
func (e *Event) KeysChanged() []string {
	e.changed()
	var out []string
	seen := map[uint32]bool{}
	for _, k := range e.tx.keysOf(e.change) {
		if !seen[k.key] {
			seen[k.key] = true
			out = append(out, e.tx.d.keyNames[k.key])
		}
	}
	return out
}

// keysOf returns the keys that changed of a branch, in the order in which they
// did. The first call sorts them all.
func (tx *Tx) keysOf(change int32) []changedKey {
	of := func(a, b changedKey) int { return cmp.Compare(a.change, b.change) }
	if !tx.keysSorted {
		slices.SortStableFunc(tx.keys, of)
		tx.keysSorted = true
	}
	from, _ := slices.BinarySearchFunc(tx.keys, change, func(k changedKey, c int32) int { return cmp.Compare(k.change, c) })
	to := from
	for to < len(tx.keys) && tx.keys[to].change == change {
		to++
	}
	return tx.keys[from:to]
}

// Action says what became of a key.
type Action string

// The actions, named as in Yjs.
const (
	ActionAdd    Action = "add"
	ActionUpdate Action = "update"
	ActionDelete Action = "delete"
)

// KeyChange is what became of a key.
type KeyChange struct {
	Action Action
	Old    any // the value before, nil if there was none
}

// Keys returns what became of the keys or attributes (Yjs: YEvent.keys). A
// shared type that was the old value is deleted, and must not be edited.
func (e *Event) Keys() map[string]KeyChange {
	if e.hasKeys {
		return e.keys
	}
	e.keys = map[string]KeyChange{}
	for _, name := range e.KeysChanged() {
		if c, ok := e.keyChange(e.b.get(e.tx.d.keyNumbers[name])); ok {
			e.keys[name] = c
		}
	}
	e.hasKeys = true
	return e.keys
}

// keyChange compares the current item of a key with the one before the
// transaction.
func (e *Event) keyChange(r ref) (KeyChange, bool) {
	tx, d := e.tx, e.tx.d
	it := d.item(r)
	if !tx.adds(it) {
		if tx.removes(it) {
			return KeyChange{ActionDelete, d.lastContent(it)}, true
		}
		return KeyChange{}, false
	}
	prev := it.left
	for prev != 0 && tx.adds(d.item(prev)) {
		prev = d.item(prev).left
	}
	had := prev != 0 && tx.removes(d.item(prev))
	switch removed := tx.removes(it); {
	case had && removed:
		return KeyChange{ActionDelete, d.lastContent(d.item(prev))}, true
	case had:
		return KeyChange{ActionUpdate, d.lastContent(d.item(prev))}, true
	case removed:
		return KeyChange{}, false
	}
	return KeyChange{Action: ActionAdd}, true
}

// lastContent returns the value that an item gave its key.
func (d *Doc) lastContent(it *item) any { return d.contentAt(it, it.len-1) }

// Delta returns the change of the list as steps from its start: for a text as
// Text.ApplyDelta takes them, with strings and embedded values; for arrays and
// XML each Insert is a []any of elements. What comes after the last change is
// left out.
//
// For a text with formatting that is edited at once by Yjs to get rid of marks
// without effect; so does this (Yjs: YEvent.delta, YTextEvent.delta).
func (e *Event) Delta() []DeltaOp {
	if e.hasList {
		return e.delta
	}
	changed := e.changed()
	switch e.b.kind {
	case KindText, KindXMLText:
		e.delta = e.textDelta()
	default:
		if changed.list {
			e.delta = e.listDelta()
		}
	}
	e.hasList = true
	return e.delta
}

func (e *Event) listDelta() []DeltaOp {
	var out []DeltaOp
	tx, d := e.tx, e.tx.d
	last := func(fits func(*DeltaOp) bool) *DeltaOp {
		if n := len(out); n == 0 || !fits(&out[n-1]) {
			out = append(out, DeltaOp{})
		}
		return &out[len(out)-1]
	}
	for r := e.b.first; r != 0; r = d.item(r).right {
		it := d.item(r)
		switch adds := tx.adds(it); {
		case it.deleted():
			if tx.removes(it) && !adds {
				last(func(o *DeltaOp) bool { return o.Delete > 0 }).Delete += int(it.len)
			}
		case adds:
			op := last(func(o *DeltaOp) bool { return o.Insert != nil })
			list, _ := op.Insert.([]any)
			for i := range it.visible() {
				list = append(list, d.contentAt(it, i))
			}
			op.Insert = list
		default:
			last(func(o *DeltaOp) bool { return o.Retain > 0 }).Retain += int(it.len)
		}
	}
	if n := len(out); n > 0 && out[n-1].Retain > 0 {
		out = out[:n-1]
	}
	return out
}
