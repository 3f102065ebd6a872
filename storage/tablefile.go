package storage

import (
	"runtime"
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// tableFile is a table that is being written. Before each piece others may run:
// merging tables is nothing but work for the CPU, for seconds, and the scheduler
// gives it ten milliseconds at a time, for which a core serves nobody.
type tableFile struct{ vfs.File }

// isTable reports whether a file is a table.
func isTable(name string) bool { return strings.HasSuffix(name, ".sst") }

func (f tableFile) Write(p []byte) (int, error) {
	runtime.Gosched()
	return f.File.Write(p)
}
