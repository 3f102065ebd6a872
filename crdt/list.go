package crdt

import "fmt"

// list is what arrays and XML nodes with children have in common.
type list struct{ shared }

// Len returns the number of elements, in O(1).
func (l list) Len() int { return int(l.b.length) }

// at returns the place of element i, in O(log n).
func (l list) at(i int) (any, error) {
	if i < 0 || i >= l.Len() {
		return nil, l.outOfRange(i, 1)
	}
	r, within := l.d.locate(l.b, uint32(i)+1)
	return l.d.contentAt(l.d.item(r), within-1), nil
}

// all calls f for every element in order, in O(n).
func (l list) all(f func(v any) bool) { l.from(l.b.first, 0, f) }

// from calls f for every element from element i of item r on.
func (l list) from(r ref, i uint32, f func(v any) bool) {
	for r != 0 {
		it := l.d.item(r)
		for ; i < it.visible(); i++ {
			if !f(l.d.contentAt(it, i)) {
				return
			}
		}
		r, i = it.right, 0
	}
}

// ToSlice returns all elements in order (Yjs: toArray).
func (l list) ToSlice() []any { return l.Slice(0, l.Len()) }

// Slice returns the elements from index from up to and without index to. A
// negative index counts from the end, as in Yjs; what reaches beyond either end
// is cut off. The cost is O(log n + elements returned).
func (l list) Slice(from, to int) []any {
	n := l.Len()
	bound := func(i int) int {
		if i < 0 {
			i += n
		}
		return min(max(i, 0), n)
	}
	from, to = bound(from), bound(to)
	if from >= to {
		return []any{}
	}
	out := make([]any, 0, to-from)
	r, within := l.d.locate(l.b, uint32(from)+1)
	l.from(r, within-1, func(v any) bool {
		out = append(out, v)
		return len(out) < to-from
	})
	return out
}

// Delete deletes n elements from index on, in O(log n + items deleted). The
// error wraps ErrIndex if there are not so many; then nothing is deleted.
func (l list) Delete(tx *Tx, index, n int) error {
	if err := l.edit(tx); err != nil {
		return err
	}
	if index < 0 || n < 0 || n > l.Len()-index {
		return l.outOfRange(index, n)
	}
	if n > 0 {
		_, right := tx.cut(l.b, uint32(index))
		tx.deleteFrom(l.b, right, uint32(index), uint32(n))
	}
	return nil
}

// insertAt checks an index and returns the items on either side of it.
func (l list) insertAt(tx *Tx, index int) (left, right ref, err error) {
	if err := l.edit(tx); err != nil {
		return 0, 0, err
	}
	if index < 0 || index > l.Len() {
		return 0, 0, l.outOfRange(index, 0)
	}
	left, right = tx.cut(l.b, uint32(index))
	return left, right, nil
}

// insertType inserts an empty shared type.
func (l list) insertType(tx *Tx, index int, kind TypeKind, name string) (Type, error) {
	left, right, err := l.insertAt(tx, index)
	if err == nil {
		if err = l.fitsType(name); err != nil {
			err = fmt.Errorf("insert into %s: %w", l.d.where(l.b), err)
		}
	}
	if err != nil {
		return nil, err
	}
	var b *branch
	tx.insert(l.b, left, right, 0, func(it *item) { b = l.d.putType(it, kind, name) })
	return l.d.handle(b), nil
}

// insertValues inserts values at index, all of them or none.
func (l list) insertValues(tx *Tx, index int, values []value, wrong error) error {
	if err := l.ready(tx, values, wrong); err != nil {
		return err
	}
	left, right, err := l.insertAt(tx, index)
	if err != nil {
		return err
	}
	tx.insertRun(l.b, left, right, values)
	return nil
}

// ready returns why values cannot be inserted: the list cannot be edited, they
// could not be packed, or what is in them is wrong.
func (l list) ready(tx *Tx, values []value, wrong error) error {
	if err := l.edit(tx); err != nil {
		return err
	}
	if wrong == nil {
		wrong = l.fits(values...)
	}
	if wrong != nil {
		return fmt.Errorf("insert into %s: %w", l.d.where(l.b), wrong)
	}
	return nil
}

// insertRun inserts values one behind the other, in front of right.
func (tx *Tx) insertRun(b *branch, left, right ref, values []value) {
	for _, v := range values {
		left = tx.insert(b, left, right, 0, func(it *item) { tx.put(it, v) })
	}
}
