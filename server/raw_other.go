//go:build !unix

package server

// canReadRaw says that readRaw does something here.
const canReadRaw = false

// readRaw is never called.
func readRaw(uintptr, []byte) (n int, again bool) { return 0, false }

// writeRaw is never called.
func writeRaw(uintptr, []byte) (n int, err error) { return 0, nil }
