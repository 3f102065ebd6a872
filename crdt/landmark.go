package crdt

import (
	"bytes"
	"slices"
	"sort"
)

// Which formatting is in force somewhere in a text depends on all marks before it.
// Yjs walks there from the start for each edit. A text with formatting keeps
// landmarks instead: every so many items one, with the attributes in force there.
// Text that comes or goes changes none of them. A mark that comes or goes makes
// the landmarks right behind it suspect: when something behind one is asked for,
// the way from the one before it is walked again, and if that leads to other
// attributes the next is suspect too.

// landmark is an item and the attributes in force in front of it.
type landmark struct {
	item    ref
	suspect bool
	attrs   attrList
}

// landmarks are those of a text, in order.
type landmarks struct {
	list    []landmark
	at      map[ref]bool // their items
	suspect int          // none before this one is suspect
	last    int          // the one asked for last
}

// landmarkGap is how many items are walked before there is to be a landmark.
const landmarkGap = 64

// landmarkBefore moves a position from the start of its text to the last
// landmark before a place. It returns its number, -1 if there is none, and how
// many places are left.
func (p *textPos) landmarkBefore(index uint32) (n int, left uint32) {
	d, l := p.tx.d, p.b.landmarks
	if l == nil {
		return -1, index
	}
	reaches := func(i int) bool { return i == len(l.list) || d.treeIndex(p.b, l.list[i].item) >= index }
	if n = l.last; n >= len(l.list) || reaches(n) || !reaches(n+1) {
		n = sort.Search(len(l.list), reaches) - 1
	}
	if n < 0 {
		return n, index
	}
	l.last = n
	p.checkLandmarks(n)
	p.toLandmark(n)
	return n, index - d.treeIndex(p.b, p.right)
}

// toLandmark moves the position to a landmark, to the start if it is -1.
func (p *textPos) toLandmark(n int) {
	p.left, p.right, p.attrs = 0, p.b.first, nil
	if n >= 0 {
		m := &p.b.landmarks.list[n]
		p.left, p.right, p.attrs = p.tx.d.item(m.item).left, m.item, m.attrs.clone()
	}
}

// checkLandmarks walks to the suspect landmarks up to number n.
func (p *textPos) checkLandmarks(n int) {
	l := p.b.landmarks
	for i := l.suspect; i <= n; i++ {
		m := &l.list[i]
		if !m.suspect {
			continue
		}
		for p.toLandmark(i - 1); p.right != m.item; {
			p.forward()
		}
		m.suspect = false
		if !m.attrs.sameAs(p.attrs) && i+1 < len(l.list) {
			l.list[i+1].suspect = true
		}
		m.attrs = p.attrs
	}
	l.suspect = max(l.suspect, n+1)
}

// sameAs reports whether two lists set the same in the same order.
func (l attrList) sameAs(o attrList) bool {
	return slices.EqualFunc(l, o, func(a, b attr) bool {
		return a.key == b.key && a.object == b.object && bytes.Equal(a.value, b.value)
	})
}

// setLandmark makes a landmark of the position, behind that of number n, and
// returns its number.
func (p *textPos) setLandmark(n int) int {
	b, d := p.b, p.tx.d
	if b.landmarks == nil {
		b.landmarks = &landmarks{at: map[ref]bool{}}
		if b.tree == 0 {
			d.buildTree(b)
		}
	}
	l := b.landmarks
	if l.at[p.right] {
		return n
	}
	l.at[p.right] = true
	l.list = slices.Insert(l.list, n+1, landmark{item: p.right, attrs: p.attrs.clone()})
	if l.suspect > n {
		l.suspect++
	}
	return n + 1
}

// markChanged notes that a mark came or goes.
func (d *Doc) markChanged(b *branch, r ref) {
	l := b.landmarks
	if l == nil {
		return
	}
	index := d.treeIndex(b, r)
	i := sort.Search(len(l.list), func(i int) bool { return d.treeIndex(b, l.list[i].item) >= index })
	l.suspect = min(l.suspect, i)
	for ; i < len(l.list); i++ {
		l.list[i].suspect = true
		if d.treeIndex(b, l.list[i].item) > index {
			break
		}
	}
}

// landmarkGoes notes that an item goes, whose place its left neighbour takes.
func (l *landmarks) landmarkGoes(r ref) {
	if !l.at[r] {
		return
	}
	delete(l.at, r)
	i := slices.IndexFunc(l.list, func(m landmark) bool { return m.item == r })
	if l.list[i].suspect && i+1 < len(l.list) {
		l.list[i+1].suspect = true
	}
	l.list = slices.Delete(l.list, i, i+1)
	if l.suspect > i {
		l.suspect--
	}
}
