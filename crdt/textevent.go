package crdt

// textDelta is the change of a formatted text. Marks that turn out to have no
// effect are deleted in a transaction of its own (Yjs: YTextEvent.delta).
func (e *Event) textDelta() []DeltaOp {
	b := deltaBuilder{d: e.tx.d}
	e.tx.d.transact(nil, func(tx *Tx) {
		for r := e.b.first; r != 0; r = b.d.item(r).right {
			it := b.d.item(r)
			switch it.kind() {
			case kindType, kindEmbed, kindString:
				e.content(&b, r, it)
			case kindFormat:
				e.mark(&b, tx, r, it)
			}
		}
	})
	b.flush()
	for n := len(b.out); n > 0 && b.out[n-1].Retain > 0 && b.out[n-1].Attributes == nil; n-- {
		b.out = b.out[:n-1]
	}
	return b.out
}

// deltaBuilder puts the steps of a delta together.
type deltaBuilder struct {
	d       *Doc
	out     []DeltaOp
	op      byte     // the step begun: insert text, an object, retain, delete: i, o, r, d; or 0
	text    []byte   // inserted, WTF-8
	object  any      // inserted
	count   int      // retained or deleted
	current attrList // in force now
	old     attrList // in force before the transaction
	set     attrList // what a retained run is set to, null to remove
}

// begin begins a step of a kind, ending one of another kind.
func (b *deltaBuilder) begin(op byte) {
	if b.op != op {
		b.flush()
		b.op = op
	}
}

// flush ends the step that was begun.
func (b *deltaBuilder) flush() {
	switch b.op {
	case 'd':
		b.out = append(b.out, DeltaOp{Delete: b.count})
	case 'i':
		b.out = append(b.out, DeltaOp{Insert: validString(b.text), Attributes: b.d.attrsMap(b.current)})
	case 'o':
		// Yjs leaves out embedded values that are neither objects nor strings,
		// and the empty string.
		switch b.object {
		case "", true, false, any(Undefined):
		default:
			if _, number := b.object.(float64); !number {
				b.out = append(b.out, DeltaOp{Insert: b.object, Attributes: b.d.attrsMap(b.current)})
			}
		}
	case 'r':
		b.out = append(b.out, DeltaOp{Retain: b.count, Attributes: b.d.attrsMap(b.set)})
	}
	b.op, b.text, b.object, b.count = 0, nil, nil, 0
}

// attrsMap returns attributes as a map, nil if there are none.
func (d *Doc) attrsMap(l attrList) Attrs {
	if len(l) == 0 {
		return nil
	}
	m := make(Attrs, len(l))
	for _, a := range l {
		m[d.keyNames[a.key]] = decodeValue(a.value)
	}
	return m
}

// content adds an item of text, or an object, to the delta.
func (e *Event) content(b *deltaBuilder, r ref, it *item) {
	switch {
	case e.tx.adds(it):
		if e.tx.removes(it) {
			return
		}
		if it.kind() == kindString {
			b.begin('i')
			b.text = b.d.appendWTF8(b.text, it)
			return
		}
		b.flush()
		b.op, b.object = 'o', b.d.contentAt(it, 0)
		b.flush()
	case e.tx.removes(it):
		b.begin('d')
		b.count += int(it.len)
	case !it.deleted():
		b.begin('r')
		b.count += int(it.len)
	}
}

// mark follows a format item: what it sets now, and what it had set before.
func (e *Event) mark(b *deltaBuilder, tx *Tx, r ref, it *item) {
	a := b.d.formatAttr(r)
	endRetain := func() {
		if b.op == 'r' {
			b.flush()
		}
	}
	switch added, removed := e.tx.adds(it), e.tx.removes(it); {
	case added && !removed:
		if !b.current.get(a.key).equal(a) {
			endRetain()
			if a.equal(b.old.get(a.key)) {
				b.set.remove(a.key)
			} else {
				b.set.set(a)
			}
		} else if !isNull(a.value) {
			tx.delete(r)
		}
	case added:
	case removed:
		b.old.set(a)
		if current := b.current.get(a.key); !current.equal(a) {
			endRetain()
			b.set.set(current)
		}
	case !it.deleted():
		b.old.set(a)
		i := b.set.find(a.key)
		if i < 0 {
			break
		}
		if was := b.set[i]; !was.equal(a) {
			endRetain()
			if isNull(a.value) {
				b.set.remove(a.key)
			} else {
				b.set.set(a)
			}
		} else if !isNull(was.value) {
			tx.delete(r)
		}
	}
	if !it.deleted() {
		if b.op == 'i' {
			b.flush()
		}
		b.current.apply(a)
	}
}
