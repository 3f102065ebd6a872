package target

import (
	"fmt"
	"os"
	"runtime"
	"strconv"

	"golang.org/x/sys/unix"
)

// Cores returns the cores that this process may run on.
func Cores() []int {
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		return nil
	}
	var cores []int
	for i := range 64 * len(set) {
		if set.IsSet(i) {
			cores = append(cores, i)
		}
	}
	return cores
}

// KeepTo keeps this process, and what it starts later, to some cores.
func KeepTo(cores []int) error {
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return fmt.Errorf("keep to cores %v: %w", cores, err)
	}
	for _, task := range tasks {
		id, err := strconv.Atoi(task.Name())
		if err != nil {
			return fmt.Errorf("keep to cores %v: %w", cores, err)
		}
		if err := keep(id, cores); err != nil {
			return err
		}
	}
	return nil
}

func keep(task int, cores []int) error {
	var set unix.CPUSet
	for _, core := range cores {
		set.Set(core)
	}
	if err := unix.SchedSetaffinity(task, &set); err != nil {
		return fmt.Errorf("keep to cores %v: %w", cores, err)
	}
	return nil
}

// onCores calls f on a thread that is kept to some cores meanwhile; none for all. A process begins on those of the thread
// that starts it.
func onCores(cores []int, f func() error) error {
	if len(cores) == 0 {
		return f()
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var before unix.CPUSet
	if err := unix.SchedGetaffinity(0, &before); err != nil {
		return fmt.Errorf("keep to cores %v: %w", cores, err)
	}
	if err := keep(0, cores); err != nil {
		return err
	}
	err := f()
	if back := unix.SchedSetaffinity(0, &before); back != nil && err == nil {
		err = fmt.Errorf("return from cores %v: %w", cores, back)
	}
	return err
}
