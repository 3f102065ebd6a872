package crdt

import "slices"

// hooks are what follows a branch: few branches have any.
type hooks struct {
	watchers  []*watcher
	observers []*observer
	deep      []*deepObserver
}

type (
	observer     struct{ f func(*Event) }
	deepObserver struct{ f func([]*Event) }
)

func (b *branch) hook() *hooks {
	if b.hooks == nil {
		b.hooks = &hooks{}
	}
	return b.hooks
}

// without returns a list without v. The list itself stays as it is, for it may
// be gone through just now.
func without[T comparable](list []T, v T) []T {
	return slices.DeleteFunc(slices.Clone(list), func(o T) bool { return o == v })
}

// Observe calls f at the end of every transaction that changed the type itself,
// until cancel is called. Changes in types that lie in it are not reported, nor
// is a type's own content when the type is new.
//
// f may read everything and may edit in transactions of its own: Doc.Update
// runs such an edit at once and ends it after the one that is reported. The
// event is valid until f returns (Yjs: AbstractType.observe).
func (s shared) Observe(f func(*Event)) (cancel func()) {
	o := &observer{f}
	h := s.b.hook()
	h.observers = append(slices.Clip(h.observers), o)
	s.d.observed++
	return func() {
		if n := len(h.observers); n > 0 {
			h.observers = without(h.observers, o)
			s.d.observed -= n - len(h.observers)
		}
	}
}

// ObserveDeep calls f at the end of every transaction that changed the type or
// anything in it, with one event for each type that changed, those nearest to
// this type first. It is called after all of Observe (Yjs:
// AbstractType.observeDeep).
func (s shared) ObserveDeep(f func([]*Event)) (cancel func()) {
	o := &deepObserver{f}
	h := s.b.hook()
	h.deep = append(slices.Clip(h.deep), o)
	s.d.observed++
	return func() {
		if n := len(h.deep); n > 0 {
			h.deep = without(h.deep, o)
			s.d.observed -= n - len(h.deep)
		}
	}
}

// calls is what a transaction's observers are called with, and how far that
// has come. Whatever panics, the rest is called.
type calls struct {
	tx     *Tx
	queue  []func()
	next   int
	parent map[*branch]int // number in events
	events []branchEvents  // by branch, in the order in which they came up
	clean  bool            // a text with formatting was changed from elsewhere
}

// branchEvents are the events of a branch and of all in it.
type branchEvents struct {
	b      *branch
	events []*Event
}

// callObservers calls all that want to know of a transaction, in Yjs's order:
// observers of types, deep observers, AfterTransaction; then formatting is
// cleaned up.
func (tx *Tx) callObservers() {
	d := tx.d
	c := &calls{tx: tx, parent: map[*branch]int{}}
	tx.calling = c
	defer func() { tx.calling.queue = nil }()
	d.emit(BeforeObserverCalls, tx)
	for i := range tx.changes {
		c.queue = append(c.queue, func() { c.observers(i) })
	}
	c.queue = append(c.queue, c.deepObservers)
	c.run()
}

func (c *calls) run() {
	done := false
	defer func() {
		if !done {
			c.run()
		}
	}()
	for c.next < len(c.queue) {
		f := c.queue[c.next]
		c.next++
		f()
	}
	done = true
}

// observers calls the observers of a branch that changed.
func (c *calls) observers(i int) {
	d := c.tx.d
	ch := &c.tx.changes[i]
	b := ch.b
	if ch.gone || b.kind == Undeclared || d.isGone(b) {
		return
	}
	e := &Event{Target: d.handle(b), tx: c.tx, b: b, current: b, change: int32(i)}
	for p := b; ; p = d.branches[d.item(p.item).parent] {
		n, ok := c.parent[p]
		if !ok {
			n = len(c.events)
			c.parent[p] = n
			c.events = append(c.events, branchEvents{b: p})
		}
		c.events[n].events = append(c.events[n].events, e)
		if p.item == 0 {
			break
		}
	}
	if b.hooks != nil {
		callEach(b.hooks.observers, func(o *observer) { o.f(e) })
	}
	c.clean = c.clean || c.tx.leavesMarks(b)
}

// callEach calls f for every element, also when it panics for one.
func callEach[T any](list []T, f func(T)) {
	next := 0
	var run func()
	run = func() {
		defer func() {
			if next < len(list) {
				run()
			}
		}()
		for next < len(list) {
			v := list[next]
			next++
			f(v)
		}
	}
	run()
}

// isGone reports whether the branch's type was deleted.
func (d *Doc) isGone(b *branch) bool { return b.dead || b.item != 0 && d.item(b.item).deleted() }

// deepObservers puts the deep observers in order, and what comes after them.
func (c *calls) deepObservers() {
	d := c.tx.d
	for i := range c.events {
		if b := c.events[i].b; b.hooks != nil && len(b.hooks.deep) > 0 && !d.isGone(b) {
			c.queue = append(c.queue, func() { c.deep(&c.events[i]) })
		}
	}
	c.queue = append(c.queue, func() { d.emit(AfterTransaction, c.tx) })
	c.queue = append(c.queue, func() {
		if c.clean {
			c.tx.cleanFormatting()
		}
	})
}

func (c *calls) deep(be *branchEvents) {
	d := c.tx.d
	be.events = slices.DeleteFunc(be.events, func(e *Event) bool { return d.isGone(e.b) })
	for _, e := range be.events {
		e.current = be.b
		e.path = d.pathTo(be.b, e.b)
	}
	slices.SortStableFunc(be.events, func(a, b *Event) int { return len(a.path) - len(b.path) })
	callEach(be.b.hooks.deep, func(o *deepObserver) { o.f(be.events) })
}

// changedIn reports whether the transaction changed a branch or anything in it.
// It is for listeners to AfterTransaction.
func (tx *Tx) changedIn(b *branch) bool {
	if tx.calling == nil {
		return false
	}
	_, ok := tx.calling.parent[b]
	return ok
}

// Changed returns the types that the transaction changed, and those that they
// lie in. It is for listeners to AfterTransaction; before that it is empty
// (Yjs: Transaction.changedParentTypes).
func (tx *Tx) Changed() []Type {
	if tx.calling == nil {
		return nil
	}
	var out []Type
	for _, e := range tx.calling.events {
		if t := tx.d.handle(e.b); t != nil {
			out = append(out, t)
		}
	}
	return out
}
