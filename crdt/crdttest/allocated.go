package crdttest

import "runtime"

// Allocated returns how many bytes f allocates, with all that runs beside it.
// What an input may cost is checked by it, for memory is counted exactly and
// time is not.
func Allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}
