package target

import (
	"fmt"
	"os"
	"time"

	"github.com/weftsync/weft/bench/load"
)

// Fsync writes 4 KiB to the end of a new file in dir and syncs it, n times, and returns how long that took each time:
// what a log on this disk has to wait for at least. The file is removed.
func Fsync(dir string, n int) (latency load.Latency, err error) {
	f, err := os.CreateTemp(dir, "fsync.*")
	if err != nil {
		return latency, fmt.Errorf("measure fsync: %w", err)
	}
	defer os.Remove(f.Name())
	defer f.Close()
	page := make([]byte, 4<<10)
	nanos := make([]int64, n)
	for i := range nanos {
		start := time.Now()
		if _, err := f.Write(page); err != nil {
			return latency, fmt.Errorf("measure fsync: %w", err)
		}
		if err := f.Sync(); err != nil {
			return latency, fmt.Errorf("measure fsync: %w", err)
		}
		nanos[i] = int64(time.Since(start))
	}
	return load.Summarize(nanos), nil
}
