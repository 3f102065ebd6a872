package trace

import (
	"errors"
	"fmt"
	"slices"
	"unicode/utf8"
)

// A ruler turns code points into UTF-16 code units for a text that changes. It remembers where the characters are that
// take two units, and nothing else, so a text without any costs nothing.
type ruler struct {
	length int   // of the text in code points
	wide   []int // positions, in code points, of the characters that take two units; ascending
}

func newRuler(s string) *ruler {
	r := &ruler{}
	r.insert(0, s)
	return r
}

// units returns the UTF-16 index of a code point position: one more for every wide character before it.
func (r *ruler) units(position int) int {
	before, _ := slices.BinarySearch(r.wide, position)
	return position + before
}

func (r *ruler) insert(position int, s string) {
	at, _ := slices.BinarySearch(r.wide, position)
	n := utf8.RuneCountInString(s)
	for i := at; i < len(r.wide); i++ {
		r.wide[i] += n
	}
	var added []int
	i := 0
	for _, c := range s {
		if c >= 0x10000 {
			added = append(added, position+i)
		}
		i++
	}
	r.wide = slices.Insert(r.wide, at, added...)
	r.length += n
}

func (r *ruler) remove(position, n int) {
	from, _ := slices.BinarySearch(r.wide, position)
	to, _ := slices.BinarySearch(r.wide, position+n)
	r.wide = slices.Delete(r.wide, from, to)
	for i := from; i < len(r.wide); i++ {
		r.wide[i] -= n
	}
	r.length -= n
}

// convert returns the patch in UTF-16 code units and follows it.
func (r *ruler) convert(p filePatch) (Patch, error) {
	if p.index < 0 || p.deleted < 0 || p.index > r.length || p.deleted > r.length-p.index {
		return Patch{}, fmt.Errorf("patch deletes %d characters at %d of %d", p.deleted, p.index, r.length)
	}
	start, end := r.units(p.index), r.units(p.index+p.deleted)
	r.remove(p.index, p.deleted)
	r.insert(p.index, p.inserted)
	return Patch{Index: start, Deleted: end - start, Inserted: p.inserted}, nil
}

func convertSequential(t *Trace, f *file) error {
	r := newRuler(t.Start)
	for i := range f.Txns {
		t.Txns[i].Patches = make([]Patch, len(f.Txns[i].Patches))
		for j, p := range f.Txns[i].Patches {
			var err error
			if t.Txns[i].Patches[j], err = r.convert(p); err != nil {
				return fmt.Errorf("transaction %d: %w", i, err)
			}
		}
	}
	return nil
}

// convertConcurrent takes the positions over as they are. That is right as long as no character takes two units; where
// one does, its place depends on how the replicas merge, which only an engine knows, so such a history is refused.
func convertConcurrent(t *Trace, f *file) error {
	for i := range f.Txns {
		t.Txns[i].Patches = make([]Patch, len(f.Txns[i].Patches))
		for j, p := range f.Txns[i].Patches {
			if p.index < 0 || p.deleted < 0 {
				return fmt.Errorf("transaction %d: patch deletes %d characters at %d", i, p.deleted, p.index)
			}
			if len(newRuler(p.inserted).wide) != 0 {
				return errors.New("a concurrent history holds characters that take two UTF-16 code units")
			}
			t.Txns[i].Patches[j] = Patch{Index: p.index, Deleted: p.deleted, Inserted: p.inserted}
		}
	}
	return nil
}
