package slowdisk

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// TestOnlySyncsAreSlow: in a clock that goes on only while everybody sleeps, writing takes no time, and each sync takes
// what was asked for.
func TestOnlySyncsAreSlow(t *testing.T) {
	for _, wait := range []time.Duration{0, 5 * time.Millisecond} {
		synctest.Test(t, func(t *testing.T) {
			fs := Wrap(vfs.NewMem(), wait)
			began := time.Now()
			f, err := fs.Create("log", vfs.WriteCategoryUnspecified)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := f.Write([]byte("x")); err != nil {
				t.Fatal(err)
			}
			if took := time.Since(began); took != 0 {
				t.Errorf("a write takes %s longer", took)
			}
			for _, sync := range []func() error{f.Sync, f.SyncData} {
				began := time.Now()
				if err := sync(); err != nil {
					t.Fatal(err)
				}
				if took := time.Since(began); took != wait {
					t.Errorf("a sync takes %s longer, want %s", took, wait)
				}
			}
			if err := f.Close(); err != nil {
				t.Fatal(err)
			}
		})
	}
}
