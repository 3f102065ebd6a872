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
	_, err := fmt.Fprintf(e.stdout, "weft %s %s %s/%s\n", version(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return err
}

// version returns the version of the module and of the source it was built from.
func version() string {
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
	return version + revision + modified
}
