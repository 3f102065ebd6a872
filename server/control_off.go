//go:build !weftackatapply

package server

// buildHooks returns the hooks of an ordinary build: none.
func buildHooks() hooks { return hooks{} }
