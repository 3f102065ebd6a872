//go:build unix

package load

import (
	"syscall"
	"time"
)

// processCPU returns the CPU time that this process has used, or 0 where the system does not say.
func processCPU() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
