package storagetest

import (
	"math/rand/v2"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// TestCloneWhileAFileIsUsedAgain ends, and what is written to the file used again is there.
func TestCloneWhileAFileIsUsedAgain(t *testing.T) {
	mem := vfs.NewCrashableMem()
	fs := Cloneable(mem)
	f, err := fs.Create("0", vfs.WriteCategoryUnspecified)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	names := [2]string{"0", "1"}
	cloned := make(chan struct{})
	go func() {
		defer close(cloned)
		for range 5000 {
			mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 50, RNG: rand.New(rand.NewPCG(1, 2))})
		}
	}()
	for i := 0; ; i++ {
		f, err := fs.ReuseForWrite(names[i%2], names[(i+1)%2], vfs.WriteCategoryUnspecified)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write([]byte{byte(i)}); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		select {
		case <-cloned:
			got := make([]byte, 1)
			if f, err = fs.Open(names[(i+1)%2]); err != nil {
				t.Fatal(err)
			}
			if _, err := f.ReadAt(got, 0); err != nil || got[0] != byte(i) {
				t.Errorf("got %d, %v, want %d", got[0], err, byte(i))
			}
			return
		default:
		}
	}
}
