package naive

import "slices"

// integrateReady adds the operations that wait and need not wait any longer,
// until a pass over them adds none.
func (d *Doc) integrateReady() {
	for progress := true; progress; {
		progress = false
		var rest []*Op
		for _, op := range d.waiting {
			switch {
			case d.knows(&op.ID): // it came twice
			case d.ready(op):
				d.integrate(op)
				progress = true
			default:
				rest = append(rest, op)
			}
		}
		d.waiting = rest
	}
}

// ready reports whether all that an operation refers to is there: the one that
// its client made before it, its neighbours, and the type that it goes into.
func (d *Doc) ready(op *Op) bool {
	next := uint64(len(d.ops[op.ID.Client]))
	return op.ID.Clock == next && d.knows(op.Left) && d.knows(op.Right) && d.knows(op.In.Holder)
}

// knows reports whether the document has an operation. It has "none".
func (d *Doc) knows(id *ID) bool {
	return id == nil || id.Clock < uint64(len(d.ops[id.Client]))
}

func (d *Doc) op(id ID) *Op { return d.ops[id.Client][id.Clock] }

// integrate adds an operation to the document.
func (d *Doc) integrate(op *Op) {
	d.ops[op.ID.Client] = append(d.ops[op.ID.Client], op)
	op.list = d.listOf(op)
	if op.list == nil {
		op.Content, op.Deleted = Collected{}, true
		delete(d.deletes, op.ID)
		return
	}
	l := op.list
	l.ops = slices.Insert(l.ops, l.place(op), op)
	if t, ok := op.Content.(*Type); ok {
		t.holder = op
	}
	if _, gone := op.Content.(Gone); gone {
		op.Deleted = true
	}
	// Of the values of a key the last counts; the others are deleted.
	if l.keyed {
		for _, older := range l.ops[:len(l.ops)-1] {
			d.delete(older)
		}
	}
	// What comes into a deleted type is deleted with it.
	if holder := l.of.holder; holder != nil && holder.Deleted {
		d.delete(op)
	}
	if d.deletes[op.ID] {
		d.delete(op)
	}
}

// listOf returns the list that an operation belongs to: that of its neighbours,
// or the one it names if it has none. It is nil if a replica has collected what
// would tell.
func (d *Doc) listOf(op *Op) *list {
	if _, ok := op.Content.(Collected); ok {
		return nil
	}
	if op.Left == nil && op.Right == nil {
		if op.In.Holder == nil {
			return d.Root(op.In.Root).at(op.In)
		}
		t, ok := d.op(*op.In.Holder).Content.(*Type)
		if !ok {
			return nil
		}
		return t.at(op.In)
	}
	var found *list
	for _, id := range []*ID{op.Right, op.Left} {
		if id == nil {
			continue
		}
		if found = d.op(*id).list; found == nil {
			return nil
		}
	}
	return found
}

// place is YATA: it returns the index at which an operation goes into the list.
//
// It goes between its two neighbours. When it was made they stood side by side;
// what stands between them now was inserted at the same time by others, and the
// question is only how those and the new one are ordered. Every replica has to
// answer alike, though each has seen the others come in an order of its own. So
// the answer may depend on nothing but what operations say of themselves: walk
// from the left neighbour to the right one, and look at where the left
// neighbour of each other operation stands.
//
//   - At our own left neighbour: the two compete for one place, and the lower
//     client id goes first. If that is we, the walk could end here, and does
//     if the right neighbours are the same too. Otherwise a later one, with an
//     id below ours, may yet want to stand behind this one and before us: the
//     walk goes on, and the place found so far is kept.
//   - Behind our left neighbour: the other follows one that we have passed, and
//     stays with that one, on the same side of us.
//   - Before our left neighbour: the other reaches over to here from further
//     left. It does not compete with us, nor does anything behind it, and the
//     walk ends.
//
// The second rule is why two people's words at one place come out one after the
// other and not letter by letter: what one person types is a chain in which
// each operation names the one before it, and a chain is passed as a whole.
func (l *list) place(op *Op) int {
	left, right := l.indexOf(op.Left, -1), l.indexOf(op.Right, len(l.ops))
	at := left + 1 // the place found so far
	behind := true // whether we go behind what has been passed
	for i := left + 1; i < right; i++ {
		other := l.ops[i]
		otherLeft, otherRight := l.indexOf(other.Left, -1), l.indexOf(other.Right, len(l.ops))
		if otherLeft < left {
			break
		}
		if otherLeft == left {
			behind = other.ID.Client < op.ID.Client
			if !behind && otherRight == right {
				break
			}
		}
		if behind {
			at = i + 1
		}
	}
	return at
}

// indexOf returns where an operation stands in the list; end if there is none.
func (l *list) indexOf(id *ID, end int) int {
	if id == nil {
		return end
	}
	i := slices.IndexFunc(l.ops, func(o *Op) bool { return o.ID == *id })
	if i < 0 {
		return end
	}
	return i
}
