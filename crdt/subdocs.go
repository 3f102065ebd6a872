package crdt

import "slices"

// SubdocsEvent says which subdocuments a transaction brought, took away, and
// asks to load (Yjs: the event subdocs of Doc).
type SubdocsEvent struct {
	Added, Removed, Loaded []Subdoc
	Tx                     *Tx
}

// subdocChange is a subdocument that came or went: the operation that holds it.
type subdocChange struct {
	id     id
	subdoc Subdoc
}

// subdocChanges are those of a transaction.
type subdocChanges struct {
	added, removed, loaded []subdocChange
	at                     map[id]int // where in added, if some were deleted again
	gone                   int        // of added, those that were deleted again
}

// OnSubdocs calls f after every transaction that brought or took away
// subdocuments, or asks to load one, until cancel is called. A subdocument asks
// to be loaded when it is inserted here, when it comes with AutoLoad, and when
// LoadSubdoc is called.
func (d *Doc) OnSubdocs(f func(SubdocsEvent)) (cancel func()) {
	return addTo(&d.listen().subdocs, &subdocListener{f})
}

// LoadSubdoc asks to load the subdocuments with a GUID that did not ask
// before: listeners of OnSubdocs find them among the loaded (Yjs: Doc.load of a
// subdocument).
func (d *Doc) LoadSubdoc(guid string) {
	var found []subdocChange
	for _, s := range d.subdocs {
		if s.subdoc.GUID == guid && !d.loaded[s.id] {
			found = append(found, s)
			d.load(s.id)
		}
	}
	if len(found) > 0 {
		d.transact(nil, func(tx *Tx) {
			c := tx.subdocChanges()
			c.loaded = append(c.loaded, found...)
		})
	}
}

func (d *Doc) load(i id) {
	if d.loaded == nil {
		d.loaded = map[id]bool{}
	}
	d.loaded[i] = true
}

// Subdocs returns the subdocuments that are part of the document, in the order
// in which this replica came to know them.
func (d *Doc) Subdocs() []Subdoc {
	out := make([]Subdoc, len(d.subdocs))
	for i, s := range d.subdocs {
		out[i] = s.subdoc
	}
	return out
}

func (tx *Tx) subdocChanges() *subdocChanges {
	if tx.subdocs == nil {
		tx.subdocs = &subdocChanges{}
	}
	return tx.subdocs
}

// subdocAdded notes a subdocument that was integrated.
func (tx *Tx) subdocAdded(it *item) {
	s := subdocChange{id{it.client(), it.clock}, tx.d.subdoc(it)}
	c := tx.subdocChanges()
	c.added = append(c.added, s)
	if tx.local && !tx.redoing || s.subdoc.AutoLoad {
		tx.d.load(s.id)
		c.loaded = append(c.loaded, s)
	}
}

// subdocDeleted notes a subdocument that was deleted. One that came in the same
// transaction was never there.
func (tx *Tx) subdocDeleted(it *item) {
	s := id{it.client(), it.clock}
	c := tx.subdocChanges()
	if tx.adds(it) && c.take(s) {
		return
	}
	c.removed = append(c.removed, subdocChange{s, tx.d.subdoc(it)})
}

// take takes back that a subdocument was added, if it was.
func (c *subdocChanges) take(s id) bool {
	for i := len(c.at) + c.gone; i < len(c.added); i++ {
		if c.at == nil {
			c.at = map[id]int{}
		}
		c.at[c.added[i].id] = i
	}
	i, ok := c.at[s]
	if ok {
		delete(c.at, s)
		c.added[i] = subdocChange{}
		c.gone++
	}
	return ok
}

// settleSubdocs brings the document's list up to date and tells listeners.
func (tx *Tx) settleSubdocs() {
	c, d := tx.subdocs, tx.d
	if c != nil && c.gone > 0 {
		c.added = slices.DeleteFunc(c.added, func(s subdocChange) bool { return s.id == id{} })
	}
	if c == nil || len(c.added)+len(c.removed)+len(c.loaded) == 0 {
		return
	}
	d.subdocs = append(d.subdocs, c.added...)
	if len(c.removed) > 0 {
		gone := map[id]bool{}
		for _, s := range c.removed {
			gone[s.id] = true
			delete(d.loaded, s.id)
		}
		d.subdocs = slices.DeleteFunc(d.subdocs, func(s subdocChange) bool { return gone[s.id] })
	}
	if d.listeners == nil {
		return
	}
	e := SubdocsEvent{plainSubdocs(c.added), plainSubdocs(c.removed), plainSubdocs(c.loaded), tx}
	for _, l := range d.listeners.subdocs {
		l.f(e)
	}
}

func plainSubdocs(list []subdocChange) []Subdoc {
	var out []Subdoc
	for _, s := range list {
		out = append(out, s.subdoc)
	}
	return out
}
