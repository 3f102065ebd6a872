package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// versionCommand is "weft version".
type versionCommand struct{}

// Run prints the version of the module, of the source it was built from, and of Go.
func (versionCommand) Run(e *env) error {
	version, revision, modified := "(devel)", "", ""
	if info, ok := debug.ReadBuildInfo(); ok {
		if info.Main.Version != "" {
			version = info.Main.Version
		}
		for _, s := range info.Settings {
			switch {
			case s.Key == "vcs.revision":
				revision = " " + s.Value
			case s.Key == "vcs.modified" && s.Value == "true":
				modified = " (modified)"
			}
		}
	}
	_, err := fmt.Fprintf(e.stdout, "weft %s%s%s %s %s/%s\n", version, revision, modified, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return err
}
