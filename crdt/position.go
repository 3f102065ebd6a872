package crdt

import "strings"

// cursor remembers where in a list the last local edit was, so that typing
// costs no search: the item, and how many places lie before it.
type cursor struct {
	item  ref
	index uint32
}

// glance is how many items of a list without a position tree are looked at
// before one is built.
const glance = 48

// locate returns the item that holds the place before index, and how many of
// its places lie before index, at least one. index is from 1 to the length.
func (d *Doc) locate(b *branch, index uint32) (r ref, within uint32) {
	if c := b.cursor; c.item != 0 && index > c.index && index-c.index <= d.item(c.item).visible() {
		return c.item, index - c.index
	}
	if index == b.length && b.last != 0 {
		if n := d.item(b.last).visible(); n > 0 {
			b.cursor = cursor{b.last, b.length - n}
			return b.last, n
		}
	}
	if b.tree == 0 {
		left := index
		r := b.first
		for range glance {
			if r == 0 {
				break
			}
			it := d.item(r)
			if n := it.visible(); left <= n {
				b.cursor = cursor{r, index - left}
				return r, left
			} else {
				left -= n
			}
			r = it.right
		}
		d.buildTree(b)
	}
	r, offset := d.treeAt(b, index-1)
	b.cursor = cursor{r, index - 1 - offset}
	return r, offset + 1
}

// indexOf returns how many places lie before the item.
func (d *Doc) indexOf(b *branch, r ref) uint32 {
	if c := b.cursor; c.item == r {
		return c.index
	}
	if b.tree == 0 {
		index := uint32(0)
		i := b.first
		for range glance {
			if i == r {
				return index
			}
			it := d.item(i)
			index += it.visible()
			i = it.right
		}
		d.buildTree(b)
	}
	return d.treeIndex(b, r)
}

// cut returns the items on either side of index, splitting the item that it
// falls into: left ends with the place before index; 0 if there is none.
func (tx *Tx) cut(b *branch, index uint32) (left, right ref) {
	d := tx.d
	if index == 0 {
		return 0, b.first
	}
	r, within := d.locate(b, index)
	it := d.item(r)
	if within < it.len {
		tx.cleanStart(it.client(), it.clock+within)
	}
	return r, it.right
}

// Splice is one change of a text: at Index, Deleted code units make way for
// Inserted. Index and Deleted count UTF-16 code units. An embedded object or
// type counts one unit and shows as U+FFFC, the object replacement character.
type Splice struct {
	Index    int
	Deleted  int
	Inserted string
}

// watcher is one subscription to the splices of a list.
type watcher struct{ f func(Splice) }

// watch subscribes f to the splices of b.
func (b *branch) watch(f func(Splice)) (cancel func()) { return addTo(&b.hook().watchers, &watcher{f}) }

// watched reports whether anybody watches splices.
func (h *hooks) watched() bool { return h != nil && len(h.watchers) > 0 }

func (h *hooks) report(s Splice) {
	for _, w := range h.watchers {
		w.f(s)
	}
}

// reportInsert tells the watchers of a new item.
func (tx *Tx) reportInsert(b *branch, r ref, it *item) {
	if it.key() != 0 || it.visible() == 0 {
		return
	}
	b.hooks.report(Splice{Index: int(tx.d.indexOf(b, r)), Inserted: string(tx.d.appendShown(nil, it))})
}

// reportDelete tells the watchers of an item that is about to be deleted.
func (tx *Tx) reportDelete(b *branch, r ref, it *item) {
	b.hooks.report(Splice{Index: int(tx.d.indexOf(b, r)), Deleted: int(it.len)})
}

// appendShown appends an item as watchers of text see it.
func (d *Doc) appendShown(dst []byte, it *item) []byte {
	if it.kind() == kindString {
		return d.appendUTF8(dst, it, 0)
	}
	return append(dst, strings.Repeat("\uFFFC", int(it.len))...)
}
