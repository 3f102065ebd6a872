//go:build unix

package server

import (
	"errors"
	"os"
	"syscall"
)

// canRaw says that readRaw and writeRaw do something here.
const canRaw = true

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

// writeRaw writes as much of p as a socket that does not block takes.
func writeRaw(fd uintptr, p []byte) (n int, err error) {
	for {
		n, err := syscall.Write(int(fd), p)
		switch {
		case err == nil:
			return n, nil
		case errors.Is(err, syscall.EAGAIN):
			return 0, nil
		case !errors.Is(err, syscall.EINTR):
			return 0, os.NewSyscallError("write", err)
		}
	}
}
