// Package storagetest has what tests of this module need of a file system.
package storagetest

import "github.com/cockroachdb/pebble/v2/vfs"

// Cloneable returns a file system over mem of which a clone can be made at any moment. MemFS itself takes the lock that
// a clone waits for twice where a log file is used again, and a clone that comes in between waits for ever.
func Cloneable(mem *vfs.MemFS) vfs.FS { return cloneable{mem} }

type cloneable struct{ *vfs.MemFS }

// ReuseForWrite does the two steps of it, each under the lock by itself.
func (c cloneable) ReuseForWrite(oldname, newname string, category vfs.DiskWriteCategory) (vfs.File, error) {
	if err := c.Rename(oldname, newname); err != nil {
		return nil, err
	}
	return c.OpenReadWrite(newname, category)
}
