//go:build unix

package server

import (
	"errors"
	"syscall"
)

// canReadRaw says that readRaw does something here.
const canReadRaw = true

// readRaw reads what has come in on a socket that does not block. With again there was nothing yet; n is 0 or less at
// the end and for an error.
func readRaw(fd uintptr, p []byte) (n int, again bool) {
	for {
		n, err := syscall.Read(int(fd), p)
		if !errors.Is(err, syscall.EINTR) {
			return n, errors.Is(err, syscall.EAGAIN)
		}
	}
}
