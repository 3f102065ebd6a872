package main

import (
	"fmt"
	"runtime"
	"strings"

	"github.com/weftsync/weft/server"
)

// versionCommand is "weft version".
type versionCommand struct{}

// Run prints the version of the module, of the source it was built from, and of Go.
func (versionCommand) Run(e *env) error {
	_, err := fmt.Fprintf(e.stdout, "weft %s %s %s/%s\n", version(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return err
}

// version returns the version of the module and of the source it was built from.
func version() string {
	version, revision := server.Build()
	return strings.TrimSpace(version + " " + revision)
}
