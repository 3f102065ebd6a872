package crdt

import (
	"reflect"
	"slices"
	"time"
)

// UndoManager undoes what was edited, step by step, and redoes it, while others
// go on editing: it takes back this replica's edits and nobody else's. What it
// may need again it keeps from being collected (Yjs: UndoManager).
type UndoManager struct {
	d       *Doc
	options UndoOptions
	scope   []*branch
	origins []any

	undo, redo []*StackItem
	undoing    bool
	redoing    bool
	current    *StackItem // the one being taken back
	last       time.Time  // of the change added last; zero: the next one is a step of its own
	cancel     func()

	added, updated, popped []*stackListener
	cleared                []*clearListener
}

// UndoOptions configure an UndoManager. The zero value is ready for use.
type UndoOptions struct {
	// CaptureTimeout is for how long after an edit the next one becomes part of
	// the same step; 500 ms. If it is negative, never.
	CaptureTimeout time.Duration

	// Origins are those of the transactions to undo, see WithOrigin; nil among
	// them stands for none, a reflect.Type for all of that type. Without any,
	// transactions without origin are undone.
	Origins []any

	// CaptureTransaction, if it is set, is asked whether a transaction shall be
	// undone.
	CaptureTransaction func(*Tx) bool

	// DeleteFilter, if it is set, is asked of each item that undoing or redoing
	// would delete; it stays if the answer is false.
	DeleteFilter func(Item) bool

	// OverwriteRemote lets a step bring back the value of a key that somebody
	// else has set since (Yjs: ignoreRemoteMapChanges).
	OverwriteRemote bool

	// Now is the clock; time.Now.
	Now func() time.Time
}

// StackItem is one step that can be undone or redone.
type StackItem struct {
	// Meta is for the program: a cursor to restore, say.
	Meta map[any]any

	d                     *Doc
	insertions, deletions idSet
}

// Inserted returns the operations that the step added.
func (s *StackItem) Inserted() []IDRange { return s.insertions.export(s.d) }

// Deleted returns the operations that the step deleted.
func (s *StackItem) Deleted() []IDRange { return s.deletions.export(s.d) }

// NewUndoManager returns an undo manager of the given types and all that lies in
// them; of the whole document if there are none. It follows the document until
// Close is called. Several may follow one document. It panics if a type belongs to
// another document.
func (d *Doc) NewUndoManager(o UndoOptions, scope ...Type) *UndoManager {
	if o.CaptureTimeout == 0 {
		o.CaptureTimeout = 500 * time.Millisecond
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	u := &UndoManager{d: d, options: o, origins: []any{nil}}
	if len(o.Origins) > 0 {
		u.origins = slices.Clone(o.Origins)
	}
	for _, t := range scope {
		u.AddScope(t)
	}
	d.keepsSome = true
	u.cancel = d.OnTransaction(AfterTransaction, u.capture)
	return u
}

// AddScope adds a type to those whose edits are undone. It panics if the type
// belongs to another document.
func (u *UndoManager) AddScope(t Type) {
	if t.Doc() != u.d {
		panic("crdt: an undo manager's scope lies in another document")
	}
	if b := t.node(); !slices.Contains(u.scope, b) {
		u.scope = append(u.scope, b)
	}
}

// AddOrigin adds an origin to those whose transactions are undone, from the next
// one on. It may be a reflect.Type, see UndoOptions.
func (u *UndoManager) AddOrigin(origin any) { u.origins = append(u.origins, origin) }

// RemoveOrigin removes an origin; steps that were captured stay.
func (u *UndoManager) RemoveOrigin(origin any) {
	u.origins = slices.DeleteFunc(u.origins, func(o any) bool { return sameOrigin(o, origin) })
}

// Close ends the undo manager: nothing more is captured. What it kept from
// being collected stays.
func (u *UndoManager) Close() { u.cancel() }

// CanUndo reports whether there is a step to undo.
func (u *UndoManager) CanUndo() bool { return len(u.undo) > 0 }

// CanRedo reports whether there is a step to redo.
func (u *UndoManager) CanRedo() bool { return len(u.redo) > 0 }

// UndoStack returns the steps that can be undone, the next one last. The slice is
// the caller's, the steps are not.
func (u *UndoManager) UndoStack() []*StackItem { return slices.Clone(u.undo) }

// RedoStack returns the steps that can be redone, as UndoStack does.
func (u *UndoManager) RedoStack() []*StackItem { return slices.Clone(u.redo) }

// StopCapturing makes the next edit a step of its own, however soon it comes.
func (u *UndoManager) StopCapturing() { u.last = time.Time{} }

// inScope reports whether an item lies in the types that are undone (Yjs:
// isParentOf).
func (u *UndoManager) inScope(it *item) bool {
	if len(u.scope) == 0 {
		return true
	}
	for {
		b := u.d.branches[it.parent]
		if slices.Contains(u.scope, b) {
			return true
		}
		if b.item == 0 {
			return false
		}
		it = u.d.item(b.item)
	}
}

// captures reports whether a transaction is to be undone.
func (u *UndoManager) captures(tx *Tx) bool {
	if f := u.options.CaptureTransaction; f != nil && !f(tx) {
		return false
	}
	if len(u.scope) > 0 && !slices.ContainsFunc(u.scope, tx.changedIn) {
		return false
	}
	if tx.origin == any(u) {
		return true
	}
	return slices.ContainsFunc(u.origins, func(o any) bool {
		t, ok := o.(reflect.Type)
		return sameOrigin(o, tx.origin) || ok && t == reflect.TypeOf(tx.origin)
	})
}

// sameOrigin compares origins; those that Go cannot compare are different.
func sameOrigin(a, b any) bool {
	if a == nil || b == nil {
		return a == b
	}
	return reflect.TypeOf(a) == reflect.TypeOf(b) && reflect.ValueOf(a).Comparable() && a == b
}

// capture adds a transaction to the steps.
func (u *UndoManager) capture(tx *Tx) {
	if !u.captures(tx) {
		return
	}
	stack := &u.undo
	switch {
	case u.undoing:
		stack = &u.redo
		u.StopCapturing()
	case !u.redoing:
		u.Clear(false, true)
	}
	insertions, deletions := tx.insertedSet(), tx.deletedSet()
	own := !u.undoing && !u.redoing
	now := u.options.Now()
	n := len(*stack)
	join := own && n > 0 && !u.last.IsZero() && now.Sub(u.last) < u.options.CaptureTimeout
	if join {
		s := (*stack)[n-1]
		s.deletions.unite(deletions)
		s.insertions.unite(insertions)
	} else {
		*stack = append(*stack, &StackItem{Meta: map[any]any{}, d: u.d, insertions: insertions, deletions: deletions})
	}
	if own {
		u.last = now
	}
	for r := range deletions.each() {
		tx.eachIn(r, func(r ref, it *item) {
			if it.kind() != kindGC && u.inScope(it) {
				u.d.keep(r, true)
			}
		})
	}
	e := StackEvent{Item: (*stack)[len(*stack)-1], Redo: u.undoing, Tx: tx}
	if join {
		tell(u.updated, e)
	} else {
		tell(u.added, e)
	}
}

// keep keeps an item and all that it lies in from being collected, or no longer
// (Yjs: keepItem).
func (d *Doc) keep(r ref, on bool) {
	for r != 0 {
		it := d.item(r)
		if it.bits&flagKeep != 0 == on {
			return
		}
		it.bits ^= flagKeep
		r = d.branches[it.parent].item
	}
}

// Clear forgets the steps that can be undone, redone, or both. What was kept
// for them may be collected when it is deleted again.
func (u *UndoManager) Clear(undo, redo bool) {
	if !(undo && u.CanUndo() || redo && u.CanRedo()) {
		return
	}
	u.d.transact(nil, func(tx *Tx) {
		if undo {
			u.release(tx, u.undo)
			u.undo = nil
		}
		if redo {
			u.release(tx, u.redo)
			u.redo = nil
		}
		for _, l := range u.cleared {
			l.f(undo, redo)
		}
	})
}

func (u *UndoManager) release(tx *Tx, stack []*StackItem) {
	for _, s := range stack {
		for r := range s.deletions.each() {
			tx.eachIn(r, func(r ref, it *item) {
				if it.kind() != kindGC && u.inScope(it) {
					u.d.keep(r, false)
				}
			})
		}
	}
}
