//go:build !unix

package server

// canRaw says that readRaw and writeRaw do something here.
const canRaw = false

// readRaw is never called.
func readRaw(uintptr, []byte) (n int, again bool) { return 0, false }

// writeRaw is never called.
func writeRaw(uintptr, []byte) (n int, err error) { return 0, nil }
