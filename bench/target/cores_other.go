//go:build !linux

package target

// Cores returns nil: the system does not say.
func Cores() []int { return nil }

// KeepTo does nothing.
func KeepTo([]int) error { return nil }

func onCores(_ []int, f func() error) error { return f() }
