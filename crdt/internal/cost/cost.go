// Package cost counts what the engine does, so that a test can tell how the
// cost of something grows on a machine that measures no time worth the name.
//
// Nothing in the engine counts. The tests here write a copy of its sources in
// which the body of every loop and every function begins with a count, and every
// copy of elements adds its length; the go command builds that copy in place
// of the sources (-overlay). So a loop that is written tomorrow is counted too,
// and what is released carries no counters.
package cost

import "reflect"

// Steps is how much has been done: loops and calls entered, and elements moved,
// eight of which count one. It stays 0 where the engine is not instrumented.
var Steps uint64

// perStep is how many elements that are moved together count as much as a step.
const perStep = 8

// Moved counts n elements moved, and returns n.
func Moved(n int) int {
	Steps += uint64(n) / perStep
	return n
}

// Spread counts the elements of a slice or string that is appended, and returns
// it.
func Spread[S any](s S) S {
	switch v := any(s).(type) {
	case []byte:
		Moved(len(v))
	case string:
		Moved(len(v))
	default:
		Moved(reflect.ValueOf(s).Len())
	}
	return s
}
