package server

import (
	"runtime/debug"
	"sync"
)

// modulePath is the module that this package belongs to.
const modulePath = "github.com/weftsync/weft"

// Build returns the version of weft in this program, "(devel)" when it was built from a working tree, and the revision of
// the source that the program was built from, with " (modified)" behind it for a tree with changes; "" when it is not known.
func Build() (version, revision string) {
	b := build()
	return b.version, b.revision
}

// build reads what the linker has noted, once.
var build = sync.OnceValue(func() (b struct{ version, revision string }) {
	b.version = "(devel)"
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	for _, m := range append(info.Deps, &info.Main) {
		if m.Path == modulePath && m.Version != "" {
			b.version = m.Version
		}
	}
	modified := ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			b.revision = s.Value
		case s.Key == "vcs.modified" && s.Value == "true":
			modified = " (modified)"
		}
	}
	if b.revision != "" {
		b.revision += modified
	}
	return b
})
