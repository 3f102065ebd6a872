// Package peers measures other engines on the rows on which ours is measured, on the same machine in the same run. They
// are npm packages: Yjs is the one that the web app uses, the others are pinned in this folder and installed by
// `make bench-deps`. Each row of each engine runs in a Node process of its own, which is ended when it takes too long.
package peers

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// ErrMissing says that the package of an engine is not installed.
var ErrMissing = errors.New("not installed")

// A Peer is another engine.
type Peer struct {
	// Name is how the report calls it.
	Name string
	// Version is that of its package, empty if that is not installed.
	Version string
	// Missing says why it cannot be measured; it wraps [ErrMissing]. It is nil when it can.
	Missing error

	script string // in engines/, without .mjs
	folder string // the node_modules with its package
}

// known are all engines beside ours, in the order of the report. Yjs is the first; ratios are to it.
var known = []struct {
	name, pkg, script string
	web               bool // it is among the web's packages
}{
	{"Yjs", "yjs", "yjs", true},
	{"ywasm", "ywasm", "ywasm", false},
	{"json-joy", "json-joy", "json-joy", false},
	{"Loro", "loro-crdt", "loro", false},
	{"Automerge", "@automerge/automerge", "automerge", false},
	{"diamond-types", "diamond-types-node", "diamond-types", false},
}

// Reference is the name of the engine that ratios are to.
const Reference = "Yjs"

// Find returns all engines, those that are not installed too, below the repository's root.
func Find(root string) []Peer {
	all := make([]Peer, len(known))
	for i, k := range known {
		p := Peer{Name: k.name, script: k.script, folder: filepath.Join(root, "bench", "peers", "node_modules")}
		install := "make bench-deps"
		if k.web {
			p.folder, install = filepath.Join(root, "web", "node_modules"), "make web-deps"
		}
		var pkg struct{ Version string }
		manifest, err := os.ReadFile(filepath.Join(p.folder, filepath.FromSlash(k.pkg), "package.json"))
		if err == nil {
			err = json.Unmarshal(manifest, &pkg)
		}
		if err == nil && pkg.Version == "" {
			err = errors.New("its manifest names no version")
		}
		if err != nil {
			p.Missing = fmt.Errorf("%w; `%s` installs it (%w)", ErrMissing, install, err)
		}
		p.Version = pkg.Version
		all[i] = p
	}
	return all
}
