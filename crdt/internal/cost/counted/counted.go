// Package counted stands for package slices in the engine's instrumented copy:
// the functions that the engine uses, which count what they look at and move.
package counted

import (
	"cmp"
	"iter"
	"slices"

	"github.com/weftsync/weft/crdt/internal/cost"
)

// SortFunc is slices.SortFunc; it calls what counts.
func SortFunc[S ~[]E, E any](s S, f func(a, b E) int) { slices.SortFunc(s, f) }

// SortStableFunc is slices.SortStableFunc; it calls what counts.
func SortStableFunc[S ~[]E, E any](s S, f func(a, b E) int) { slices.SortStableFunc(s, f) }

// IsSortedFunc is slices.IsSortedFunc; it calls what counts.
func IsSortedFunc[S ~[]E, E any](s S, f func(a, b E) int) bool { return slices.IsSortedFunc(s, f) }

// ContainsFunc is slices.ContainsFunc; it calls what counts.
func ContainsFunc[S ~[]E, E any](s S, f func(E) bool) bool { return slices.ContainsFunc(s, f) }

// IndexFunc is slices.IndexFunc; it calls what counts.
func IndexFunc[S ~[]E, E any](s S, f func(E) bool) int { return slices.IndexFunc(s, f) }

// DeleteFunc is slices.DeleteFunc; it calls what counts.
func DeleteFunc[S ~[]E, E any](s S, f func(E) bool) S { return slices.DeleteFunc(s, f) }

// CompactFunc is slices.CompactFunc; it calls what counts.
func CompactFunc[S ~[]E, E any](s S, f func(a, b E) bool) S { return slices.CompactFunc(s, f) }

// Sorted is slices.Sorted; it calls what counts.
func Sorted[E cmp.Ordered](s iter.Seq[E]) []E { return slices.Sorted(s) }

// SortedFunc is slices.SortedFunc; it calls what counts.
func SortedFunc[E any](s iter.Seq[E], f func(a, b E) int) []E { return slices.SortedFunc(s, f) }

// Collect is slices.Collect; it calls what counts.
func Collect[E any](s iter.Seq[E]) []E { return slices.Collect(s) }

// Backward is slices.Backward; it calls what counts.
func Backward[S ~[]E, E any](s S) iter.Seq2[int, E] { return slices.Backward(s) }

// Clip is slices.Clip; it calls what counts.
func Clip[S ~[]E, E any](s S) S { return slices.Clip(s) }

// EqualFunc is slices.EqualFunc; it calls what counts.
func EqualFunc[S ~[]E, E any](a, b S, f func(a, b E) bool) bool { return slices.EqualFunc(a, b, f) }

// BinarySearchFunc is slices.BinarySearchFunc; it calls what counts.
func BinarySearchFunc[S ~[]E, E, T any](s S, t T, f func(E, T) int) (int, bool) {
	return slices.BinarySearchFunc(s, t, f)
}

// Clone is slices.Clone; it counts all elements.
func Clone[S ~[]E, E any](s S) S {
	cost.Moved(len(s))
	return slices.Clone(s)
}

// Concat is slices.Concat; it counts all elements.
func Concat[S ~[]E, E any](s ...S) S {
	for _, part := range s {
		cost.Moved(len(part))
	}
	return slices.Concat(s...)
}

// Grow is slices.Grow; it counts what moves.
func Grow[S ~[]E, E any](s S, n int) S {
	if len(s)+n > cap(s) {
		cost.Moved(len(s))
	}
	return slices.Grow(s, n)
}

// Contains is slices.Contains; it counts what is looked at.
func Contains[S ~[]E, E comparable](s S, v E) bool { return Index(s, v) >= 0 }

// Index is slices.Index; it counts what is looked at.
func Index[S ~[]E, E comparable](s S, v E) int {
	i := slices.Index(s, v)
	if i < 0 {
		cost.Moved(len(s))
	} else {
		cost.Moved(i)
	}
	return i
}

// Equal is slices.Equal; it counts what is compared.
func Equal[S ~[]E, E comparable](a, b S) bool {
	cost.Moved(min(len(a), len(b)))
	return slices.Equal(a, b)
}

// Compare is slices.Compare; it counts what is compared.
func Compare[S ~[]E, E cmp.Ordered](a, b S) int {
	cost.Moved(min(len(a), len(b)))
	return slices.Compare(a, b)
}

// Reverse is slices.Reverse; it counts all elements.
func Reverse[S ~[]E, E any](s S) {
	cost.Moved(len(s))
	slices.Reverse(s)
}

// Sort is slices.Sort; it counts comparisons.
func Sort[S ~[]E, E cmp.Ordered](s S) {
	slices.SortFunc(s, func(a, b E) int { cost.Moved(8); return cmp.Compare(a, b) })
}

// Insert is slices.Insert; it counts what moves.
func Insert[S ~[]E, E any](s S, i int, v ...E) S {
	cost.Moved(len(s) - i + len(v))
	return slices.Insert(s, i, v...)
}

// Delete is slices.Delete; it counts what moves.
func Delete[S ~[]E, E any](s S, i, j int) S {
	cost.Moved(len(s) - j)
	return slices.Delete(s, i, j)
}

// Replace is slices.Replace; it counts what moves.
func Replace[S ~[]E, E any](s S, i, j int, v ...E) S {
	if len(v) != j-i {
		cost.Moved(len(s) - j)
	}
	cost.Moved(len(v))
	return slices.Replace(s, i, j, v...)
}
