//go:build !linux

package target

import "os/exec"

// Cores returns nil: the system does not say.
func Cores() []int { return nil }

// KeepTo does nothing.
func KeepTo([]int) error { return nil }

func startOn(_ []int, cmd *exec.Cmd) error { return cmd.Start() }

func onCores(_ []int, f func() error) error { return f() }
