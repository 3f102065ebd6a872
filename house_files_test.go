package weft_test

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// file is one tracked file as the checks see it: its path from the repository's root, with slashes, and its bytes.
type file struct {
	name string
	data []byte
}

func TestTrackedFiles(t *testing.T) {
	for _, f := range trackedFiles(t) {
		for _, complaint := range checkFile(f) {
			t.Error(complaint)
		}
	}
}

func TestTrackedFilesControl(t *testing.T) {
	long := strings.Repeat("x\n", maxLines+1)
	tests := []struct {
		name, file, text string
		want             string // part of the complaint; "" for none
	}{
		{"short", "crdt/doc.go", "package crdt\n", ""},
		{"as long as may be", "crdt/doc.go", long[2:], ""},
		{"too long", "crdt/doc.go", long, "601 lines"},
		{"too long, without a last newline", "crdt/doc.go", long[2:] + "x", "601 lines"},
		{"long test", "crdt/doc_test.go", long, ""},
		{"long web test", "web/e2e/edit.test.ts", long, ""},
		{"long page", "web/src/main.ts", long, "601 lines"},
		{"long build product", "web/dist/assets/main.js", long, ""},
		{"long fixture", "crdt/testdata/update.mjs", long, ""},
		{"machine path", "README.md", "see /wo" + "rk/main", "path of one machine"},
		{"home of the superuser", "web/dist/a.js", `"/ro` + `ot/x"`, "path of one machine"},
		{"temporary folder", "doc.go", "// as in /tm" + "p/weft/x", "path of one machine"},
		{"path of a route", "server/view.go", `// /view/{document}?root=name`, ""},
		{"npm's host", "web/.npmrc", "registry=https://registry." + "npmjs.org/", "package registry"},
		{"Go's host", "Makefile", "GOPROXY=https://proxy." + "golang.org", "package registry"},
		{"host in binary data", "a.bin", "\x00registry." + "npmjs.org", ""},
		{"unfinished", "crdt/doc.go", "// TO" + "DO: later", "unfinished"},
		{"unfinished script", "web/src/main.ts", "// FIX" + "ME", "unfinished"},
		{"unfinished elsewhere", "web/dist/assets/main.js", "// TO" + "DO", ""},
		{"a word that holds it", "crdt/doc.go", "// MAST" + "TODONS", ""},
		{"number of a task", "crdt/doc.go", "// see iss" + "ue 3", "tracker"},
		{"number of a task with a hash", "README.md", "iss" + "ue #12", "tracker"},
		{"locked", "web/package-lock.json", `{"integrity": "sha512-x"}`, ""},
		{"locked with an address", "web/package-lock.json", `{"resolved" : "https://example.org/a.tgz"}`, "download address"},
		{"locked to a folder", "web/package-lock.json", `{"resolved": "packages/a", "link": true}`, ""},
		{"document with decisions", "crdt/INTERNALS.md", "# A\n## Decisions\n### Old\ntext\n", ""},
		{"document without decisions", "crdt/INTERNALS.md", "# A\n## B\n", "Decisions"},
		{"document that goes on", "storage/FORMAT.md", "## Decisions\n\n## More\n", "Decisions"},
		{"short document", "web/README.md", "# A\n", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			expectComplaint(t, checkFile(file{tt.file, []byte(tt.text)}), tt.want)
		})
	}
}

func TestMakefile(t *testing.T) {
	readme, makefiles := readFile(t, "README.md"), readMakefiles(t)
	for _, complaint := range checkMakefile(readme, makefiles) {
		t.Error(complaint)
	}
}

func TestMakefileControl(t *testing.T) {
	const makefile = ".PHONY: run\nrun: build ## Serve.\nbuild: ## Build.\n\tgo build\n"
	tests := []struct {
		name, readme, makefile string
		want                   string
	}{
		{"named and there", "Type `make run`.", makefile, ""},
		{"in a block", "```sh\nmake run ADDR=:1\n```", makefile, ""},
		{"alone", "Type `make` for help.", makefile, ""},
		{"prose", "These make editors converge.", makefile, ""},
		{"missing", "Type `make serve`.", makefile, `"serve"`},
		{"missing in a block", "```sh\nmake serve\n```", makefile, `"serve"`},
		{"without a sentence", "", makefile + ".PHONY: fuzz\nfuzz:\n\tgo test\n", "no sentence"},
		{"second name without a sentence", "", makefile + ".PHONY: run fuzz\n", "no sentence"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			expectComplaint(t, checkMakefile(tt.readme, tt.makefile), tt.want)
		})
	}
}

// maxLines bounds what is not a test: a longer file holds more than one idea.
const maxLines = 600

// longDocuments stand beside the code they explain, and end with what was decided and why.
var longDocuments = []string{
	"README.md", "crdt/INTERNALS.md", "sync/PROTOCOL.md", "storage/FORMAT.md", "server/OPERATIONS.md", "bench/METHOD.md",
}

// The patterns are written so that this file does not match them.
var (
	machinePath = regexp.MustCompile(`/(w[o]rk|r[o]ot|f[a]rm)/|/t[m]p/(weft|bash_jobs)`)
	registry    = regexp.MustCompile(`registry[.]npmjs|registry[.]yarnpkg|proxy[.]golang|sum[.]golang|deb[.]debian`)
	unfinished  = regexp.MustCompile(`\b(T[O]DO|F[I]XME|X[X]X)\b`)
	tracker     = regexp.MustCompile(`\b[Ii]s[s]ue #?[0-9]`)
	address     = regexp.MustCompile(`"resolved"\s*:\s*"[a-z+]+:`)
	heading     = regexp.MustCompile(`(?m)^## +(.*?) *$`)

	testFile  = regexp.MustCompile(`_test\.go$|\.(test|spec)\.[a-z]+$|(^|/)testdata/|^web/(e2e|test|tests|clients|oracle)/`)
	generated = regexp.MustCompile(`^web/dist/|(^|/)testdata/|(^|/)package-lock\.json$|(^|/)go\.sum$`)
	sourceExt = regexp.MustCompile(`\.(go|ts|tsx|js|mjs|css|html|sh|mk)$|(^|/)Makefile$`)

	namedTarget = regexp.MustCompile("(?m)(?:`|^\\s*\\$? ?)make +([a-z][a-z-]*)")
	target      = regexp.MustCompile(`(?m)^([a-z][a-z-]*):[^=]`)
	sentence    = regexp.MustCompile(`(?m)^([a-z][a-z-]*):.*## \S.*\.$`)
	phony       = regexp.MustCompile(`(?m)^\.PHONY:(.*)$`)
)

// checkFile returns one complaint for each thing in f that must not be there.
func checkFile(f file) []string {
	var complaints []string
	complain := func(format string, args ...any) {
		complaints = append(complaints, f.name+": "+fmt.Sprintf(format, args...))
	}
	if bytes.IndexByte(f.data, 0) >= 0 {
		return nil // binary: a fixture, a picture
	}
	source := sourceExt.MatchString(f.name) && !generated.MatchString(f.name)
	if n := lines(f.data); source && !testFile.MatchString(f.name) && n > maxLines {
		complain("%d lines, more than %d", n, maxLines)
	}
	find := func(pattern *regexp.Regexp, what string) {
		if at := pattern.FindIndex(f.data); at != nil {
			complain("line %d: %s: %q", 1+bytes.Count(f.data[:at[0]], []byte("\n")), what, f.data[at[0]:at[1]])
		}
	}
	find(machinePath, "a path of one machine")
	find(registry, "the host of a package registry")
	if source {
		find(unfinished, "something unfinished")
	}
	if source || strings.HasSuffix(f.name, ".md") {
		find(tracker, "a tracker's number, which a reader cannot look up")
	}
	if path.Base(f.name) == "package-lock.json" {
		find(address, "a download address")
	}
	if slices.Contains(longDocuments, f.name) {
		if h := heading.FindAllSubmatch(f.data, -1); len(h) == 0 || string(h[len(h)-1][1]) != "Decisions" {
			complain("does not end with ## Decisions")
		}
	}
	return complaints
}

// checkMakefile returns one complaint for each target that the readme names and the makefiles lack, and for each
// phony target without a sentence for `make help`.
func checkMakefile(readme, makefiles string) []string {
	var complaints []string
	targets, explained := firstGroups(target, makefiles), firstGroups(sentence, makefiles)
	for _, name := range firstGroups(namedTarget, readme) {
		if !slices.Contains(targets, name) {
			complaints = append(complaints, fmt.Sprintf("the readme names the target %q, which the Makefile lacks", name))
		}
	}
	for _, list := range firstGroups(phony, makefiles) {
		for name := range strings.FieldsSeq(list) {
			if !slices.Contains(explained, name) {
				complaints = append(complaints, fmt.Sprintf("the Makefile's target %q has no sentence behind ##", name))
			}
		}
	}
	return complaints
}

// firstGroups returns the first group of every match of pattern in text.
func firstGroups(pattern *regexp.Regexp, text string) []string {
	var groups []string
	for _, m := range pattern.FindAllStringSubmatch(text, -1) {
		groups = append(groups, m[1])
	}
	return groups
}

// lines counts the lines of data, the last one also when no newline ends it.
func lines(data []byte) int {
	n := bytes.Count(data, []byte("\n"))
	if len(data) > 0 && data[len(data)-1] != '\n' {
		n++
	}
	return n
}

// trackedFiles reads every file that git tracks and that is there.
func trackedFiles(t testing.TB) []file {
	t.Helper()
	out, err := exec.Command("git", "ls-files", "-z").Output()
	if err != nil {
		t.Fatalf("list tracked files (the checks need a git clone): %v", err)
	}
	var files []file
	for name := range strings.SplitSeq(strings.TrimSuffix(string(out), "\x00"), "\x00") {
		data, err := os.ReadFile(name)
		if os.IsNotExist(err) {
			continue // removed and not yet committed
		}
		if err != nil {
			t.Fatalf("read tracked file: %v", err)
		}
		files = append(files, file{name, data})
	}
	if len(files) == 0 {
		t.Fatal("git tracks no file: the checks would pass on nothing")
	}
	return files
}

// readMakefiles returns the Makefile and the fragments it includes.
func readMakefiles(t testing.TB) string {
	t.Helper()
	all := readFile(t, "Makefile")
	fragments, err := fs.Glob(os.DirFS("."), "*/*.mk")
	if err != nil {
		t.Fatalf("find makefile fragments: %v", err)
	}
	for _, name := range fragments {
		all += "\n" + readFile(t, name)
	}
	return all
}

// readFile returns the text of a file of the repository.
func readFile(t testing.TB, name string) string {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatalf("read %s: %v", name, err)
	}
	return string(data)
}
