//go:build unix

package rusage

import (
	"syscall"
	"time"
)

// Self returns the CPU time that this process has used so far, user and system, in all its threads, or 0 where the
// system does not say.
func Self() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
