package naive

// deleteOrWait deletes an operation, now or when it comes. Deletions are no
// operations: they have no id and no order, and to delete twice is to delete
// once. A set of ids is all there is to it.
func (d *Doc) deleteOrWait(id ID) {
	if d.knows(&id) {
		d.delete(d.op(id))
	} else {
		d.deletes[id] = true
	}
}

// delete marks an operation as deleted, and all that is in it. It stays where
// it is, for others may name it as their neighbour.
func (d *Doc) delete(op *Op) {
	delete(d.deletes, op.ID)
	if op.Deleted {
		return
	}
	op.Deleted = true
	t, ok := op.Content.(*Type)
	if !ok {
		return
	}
	for _, inner := range t.list.ops {
		d.delete(inner)
	}
	for _, values := range t.keys {
		for _, inner := range values.ops {
			d.delete(inner)
		}
	}
}
