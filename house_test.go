package weft_test

import (
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/weftsync/weft"

// pkg is what the import and documentation checks need to know of one package of the module.
type pkg struct {
	ImportPath string
	Name       string
	Doc        string
	Standard   bool
	Imports    []string // direct, without those of test files
	Deps       []string // transitive
}

// layer says what a folder's packages may import. The longest matching folder decides.
type layer struct {
	folder   string   // below the module's root; "." is the root package itself
	internal []string // folders of the module that may be imported, directly or through others; "..." allows all
	external []string // prefixes of import paths outside the module; "..." allows all
	noIO     bool     // nothing that opens a file, a socket or a process
}

// layers is the direction of the house: lib0 ← crdt ← sync ← server, lib0 ← awareness ← sync, storage ← server,
// web ← server, and all of them ← cmd/weft and bench.
var layers = []layer{
	{folder: "."},
	{folder: "crdt", internal: []string{"crdt/lib0", "crdt/internal"}, noIO: true},
	{folder: "crdt/lib0", noIO: true},
	{folder: "crdt/internal", internal: []string{"crdt/lib0", "crdt/internal"}, noIO: true},
	{folder: "crdt/crdttest", internal: []string{"crdt"}, external: []string{"pgregory.net/rapid"}},
	{folder: "awareness", internal: []string{"crdt/lib0"}, noIO: true},
	{folder: "sync", internal: []string{"crdt", "awareness"}, noIO: true},
	{folder: "storage", external: []string{"..."}},
	{folder: "web"},
	{folder: "server", internal: []string{"crdt", "awareness", "sync", "storage", "web"}, external: []string{"..."}},
	{folder: "cmd", internal: []string{"..."}, external: []string{"..."}},
	{folder: "bench", internal: []string{"..."}, external: []string{"..."}},
}

// owners names, for a library that must not spread, the folders that may import it directly.
var owners = map[string][]string{
	"go.opentelemetry.io":               {"server", "cmd/weft"},
	"github.com/cockroachdb/pebble":     {"storage", "bench/slowdisk"},
	"github.com/coder/websocket":        {"server", "bench", "cmd/weft"},
	"github.com/alecthomas/kong":        {"cmd/weft", "bench"},
	"github.com/vmihailenco/msgpack":    {"storage", "server", "bench"},
	"github.com/go-jose/go-jose":        {"server", "cmd/weft"},
	"github.com/prometheus":             {"server", "cmd/weft"},
	"github.com/nats-io":                {"server"},
	"github.com/schollz/progressbar":    {"cmd/weft", "bench"},
	"github.com/klauspost/compress":     {"storage", "server"},
	"github.com/HdrHistogram":           {"bench"},
	"modernc.org/sqlite":                {"cmd/weft"},
	"github.com/syndtr/goleveldb":       {"cmd/weft"},
	module + "/crdt/crdttest":           {"crdt/crdttest", "bench"}, // otherwise tests only
	module + "/crdt/internal/naive":     {"crdt/crdttest"},          // otherwise tests only
	"github.com/google/go-cmp/cmp":      {},                         // tests only
	"go.uber.org/goleak":                {},                         // tests only
	"github.com/rogpeppe/go-internal":   {},                         // tests only
	"github.com/cockroachdb/errors":     {"storage"},                // for what Pebble returns; our own are the standard library's
	"golang.org/x/exp":                  {},                         // comes with dependencies, promises nothing
	"github.com/stretchr/testify":       {},
	"github.com/gorilla/websocket":      {},
	"github.com/sirupsen/logrus":        {},
	"github.com/hashicorp/golang-lru":   {},
	"github.com/antst/go-yjs":           {}, // a peer, not a dependency
	"github.com/reearth/ygo":            {},
	"github.com/skyterra/y-crdt":        {},
	"github.com/automerge/automerge-go": {},
}

// doers are the standard library's packages that a layer without I/O leaves alone.
var doers = []string{"net", "net/http", "os", "os/exec", "os/signal", "syscall", "io/ioutil", "log", "log/slog"}

func TestImportDirection(t *testing.T) {
	for _, complaint := range checkImports(listPackages(t)) {
		t.Error(complaint)
	}
}

func TestImportDirectionControl(t *testing.T) {
	const pebble = "github.com/cockroachdb/pebble/v2"
	tests := []struct {
		name string
		pkg  pkg
		want string // part of the complaint; "" for none
	}{
		{"lib0 alone", local("crdt/lib0", "errors", "unicode/utf8"), ""},
		{"lib0 imports the engine", local("crdt/lib0", module+"/crdt"), "imports " + module + "/crdt"},
		{"engine imports lib0", local("crdt", "fmt", module+"/crdt/lib0"), ""},
		{"engine imports awareness", local("crdt", module+"/awareness"), "imports " + module + "/awareness"},
		{"engine imports a library", local("crdt", "github.com/google/uuid"), "imports github.com/google/uuid"},
		{"engine opens files", local("crdt", "os"), "does I/O"},
		{"awareness imports the engine", local("awareness", module+"/crdt"), "imports " + module + "/crdt"},
		{"sync imports its three", local("sync", module+"/crdt", module+"/crdt/lib0", module+"/awareness"), ""},
		{"sync imports storage", local("sync", module+"/storage"), "imports " + module + "/storage"},
		{"sync opens sockets", local("sync", "net/http"), "does I/O"},
		{"storage imports Pebble", local("storage", pebble), ""},
		{"storage imports the engine", local("storage", module+"/crdt"), "imports " + module + "/crdt"},
		{"server imports Pebble itself", local("server", pebble), "imports " + pebble + " directly"},
		{"storage imports OpenTelemetry", local("storage", "go.opentelemetry.io/otel"), "directly"},
		{"bench imports OpenTelemetry", local("bench/load", "go.opentelemetry.io/otel"), "directly"},
		{"server imports OpenTelemetry", local("server", "go.opentelemetry.io/otel"), ""},
		{"sync imports the replicas of the tests", local("sync", module+"/crdt/crdttest"), "directly"},
		{"server imports the binary", local("server", module+"/cmd/weft"), "imports " + module + "/cmd/weft"},
		{"a part of the server", local("server/internal/outbox", module+"/server"), ""},
		{"the binary imports all", local("cmd/weft", module+"/server", module+"/bench/load"), ""},
		{"a folder that nobody planned", local("gizmo", "fmt"), "no layer"},
		{"transitive", pkg{ImportPath: module + "/sync", Deps: []string{pebble}}, "imports " + pebble},
		{"binary as library", local("bench", module+"/cmd/weft"), ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			expectComplaint(t, checkImports([]pkg{tt.pkg}), tt.want)
		})
	}
}

func TestPackageNamesAndDocs(t *testing.T) {
	for _, complaint := range checkPackages(listPackages(t)) {
		t.Error(complaint)
	}
}

func TestPackageNamesAndDocsControl(t *testing.T) {
	tests := []struct {
		name string
		pkg  pkg
		want string
	}{
		{"documented", pkg{ImportPath: module + "/crdt", Name: "crdt", Doc: "Package crdt merges."}, ""},
		{"command", pkg{ImportPath: module + "/cmd/weft", Name: "main", Doc: "Weft serves documents."}, ""},
		{"undocumented", pkg{ImportPath: module + "/crdt", Name: "crdt"}, "no package doc"},
		{"undocumented command", pkg{ImportPath: module + "/cmd/weft", Name: "main"}, "no package doc"},
		{"another name", pkg{ImportPath: module + "/crdt", Name: "crdt", Doc: "Package yjs merges."}, "begins"},
		{"drawer", pkg{ImportPath: module + "/server/utils", Name: "utils", Doc: "Package utils has it all."}, "says nothing"},
		{"drawer's folder", pkg{ImportPath: module + "/helpers", Name: "aid", Doc: "Package aid helps."}, "says nothing"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			expectComplaint(t, checkPackages([]pkg{tt.pkg}), tt.want)
		})
	}
}

// checkImports returns one complaint for each import that goes against the direction of the house.
func checkImports(pkgs []pkg) []string {
	var complaints []string
	complain := func(format string, args ...any) { complaints = append(complaints, fmt.Sprintf(format, args...)) }
	for _, p := range pkgs {
		folder := folderOf(p.ImportPath)
		l, ok := layerOf(folder)
		if !ok {
			complain("%s: no layer in house_test.go says what it may import", p.ImportPath)
			continue
		}
		for _, dep := range slices.Concat(p.Imports, p.Deps) {
			if !allowed(l, dep) {
				complain("%s imports %s, which its layer %q may not", p.ImportPath, dep, l.folder)
			}
		}
		for _, imp := range p.Imports {
			if l.noIO && slices.Contains(doers, imp) {
				complain("%s does I/O: it imports %s", p.ImportPath, imp)
			}
			for library, folders := range owners {
				if within(imp, library) && !slices.ContainsFunc(folders, func(f string) bool { return within(folder, f) }) {
					complain("%s imports %s directly, which only %q may", p.ImportPath, imp, folders)
				}
			}
		}
	}
	return slices.Compact(complaints)
}

// checkPackages returns one complaint for each package without a package doc or with a name that says nothing.
func checkPackages(pkgs []pkg) []string {
	var complaints []string
	for _, p := range pkgs {
		switch {
		case p.Doc == "":
			complaints = append(complaints, p.ImportPath+": no package doc")
		case p.Name != "main" && !strings.HasPrefix(p.Doc, "Package "+p.Name+" "):
			complaints = append(complaints, fmt.Sprintf("%s: its doc begins %q, not \"Package %s\"", p.ImportPath, p.Doc, p.Name))
		}
		for _, name := range []string{p.Name, path.Base(p.ImportPath)} {
			switch name {
			case "util", "utils", "common", "helper", "helpers", "manager", "managers", "misc", "shared":
				complaints = append(complaints, fmt.Sprintf("%s: the name %q says nothing", p.ImportPath, name))
			}
		}
	}
	return complaints
}

// layerOf returns the layer with the longest folder that holds folder.
func layerOf(folder string) (layer, bool) {
	best, found := layer{}, false
	for _, l := range layers {
		if within(folder, l.folder) && (!found || len(l.folder) > len(best.folder)) {
			best, found = l, true
		}
	}
	return best, found
}

// allowed reports whether a package of layer l may depend on dep.
func allowed(l layer, dep string) bool {
	if dep != module && !strings.HasPrefix(dep, module+"/") {
		first, _, _ := strings.Cut(dep, "/")
		if !strings.Contains(first, ".") { // the standard library and what it vendors
			return true
		}
		return slices.ContainsFunc(l.external, func(p string) bool { return p == "..." || within(dep, p) })
	}
	folder := folderOf(dep)
	return l.folder != "." && within(folder, l.folder) && !isNested(l.folder, folder) ||
		slices.ContainsFunc(l.internal, func(p string) bool { return p == "..." || within(folder, p) })
}

// isNested reports whether folder, though inside outer, has a layer of its own and so is not part of outer.
func isNested(outer, folder string) bool {
	l, ok := layerOf(folder)
	return ok && l.folder != outer
}

// within reports whether the slash-separated name is parent or lies below it.
func within(name, parent string) bool {
	return name == parent || strings.HasPrefix(name, parent+"/")
}

// folderOf returns the folder of a package of the module, "." for the root.
func folderOf(importPath string) string {
	if importPath == module {
		return "."
	}
	return strings.TrimPrefix(importPath, module+"/")
}

// listPackages returns every package of the module as `go list` sees it.
func listPackages(t testing.TB) []pkg {
	t.Helper()
	out, err := exec.Command("go", "list", "-json=ImportPath,Name,Doc,Standard,Imports,Deps", "./...").Output()
	if err != nil {
		t.Fatalf("list packages: %v", err)
	}
	var pkgs []pkg
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := dec.Decode(&p); err == io.EOF {
			break
		} else if err != nil {
			t.Fatalf("read go list: %v", err)
		}
		pkgs = append(pkgs, p)
	}
	if len(pkgs) == 0 {
		t.Fatal("go list found no package: the checks would pass on nothing")
	}
	return pkgs
}

// local returns a package of the module in folder with these direct imports.
func local(folder string, imports ...string) pkg {
	return pkg{ImportPath: module + "/" + folder, Imports: imports}
}

// expectComplaint fails unless complaints hold want, or are none when want is empty.
func expectComplaint(t testing.TB, complaints []string, want string) {
	t.Helper()
	if want == "" {
		if len(complaints) != 0 {
			t.Errorf("got complaints %q, want none", complaints)
		}
		return
	}
	if !slices.ContainsFunc(complaints, func(c string) bool { return strings.Contains(c, want) }) {
		t.Errorf("got complaints %q, want one with %q", complaints, want)
	}
}
