package weft_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestReadmeProgramsBuild: what the readme shows can be copied.
func TestReadmeProgramsBuild(t *testing.T) {
	programs := goPrograms(readFile(t, "README.md"))
	if len(programs) == 0 {
		t.Fatal("the readme shows no Go program")
	}
	for i, program := range programs {
		if err := compile(t, program); err != nil {
			t.Errorf("program %d of the readme: %v", i+1, err)
		}
	}
}

func TestReadmeProgramsBuildControl(t *testing.T) {
	text := "```go\npackage main\n\nfunc main() { missing() }\n```\n```js\nlet x\n```\n```go\nx := 1\n```\n"
	programs := goPrograms(text)
	if want := []string{"package main\n\nfunc main() { missing() }\n"}; !slices.Equal(programs, want) {
		t.Fatalf("got programs %q, want %q", programs, want)
	}
	if err := compile(t, programs[0]); err == nil || !strings.Contains(err.Error(), "missing") {
		t.Errorf("got %v, want an error about the function that is missing", err)
	}
}

// TestReadmeLinks: what the readme points to inside the repository is there, and so is every test that it names.
func TestReadmeLinks(t *testing.T) {
	for _, complaint := range checkLinks(readFile(t, "README.md"), trackedFiles(t)) {
		t.Error(complaint)
	}
}

func TestReadmeLinksControl(t *testing.T) {
	files := []file{{"a/B.md", nil}, {"a/b_test.go", []byte("func TestThat(t *testing.T) {")}, {"web/x.test.ts", []byte("test('it lives', () => {")}}
	tests := []struct{ name, readme, want string }{
		{"file", "[B](a/B.md)", ""},
		{"missing file", "[C](a/C.md)", `"a/C.md"`},
		{"heading", "[x](#some-thing)\n## Some thing", ""},
		{"missing heading", "[x](#some-thing)", `"#some-thing"`},
		{"elsewhere", "[x](https://example.org/)", ""},
		{"test", "`TestThat`", ""},
		{"missing test", "`TestThis`", `"TestThis"`},
		{"web test", "`x.test.ts`", ""},
		{"missing web test", "`y.test.ts`", `"y.test.ts"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { expectComplaint(t, checkLinks(tt.readme, files), tt.want) })
	}
}

var (
	goBlock   = regexp.MustCompile("(?s)```go\n(package main\n.*?)```")
	link      = regexp.MustCompile(`\]\(([^)]+)\)`)
	anyTitle  = regexp.MustCompile(`(?m)^#+ +(.*?) *$`)
	namedTest = regexp.MustCompile("`((?:Test|Fuzz|Example|Benchmark)[A-Z_]\\w*)`")
	webTest   = regexp.MustCompile("`([\\w-]+\\.(?:test\\.ts|mjs))`")
)

// goPrograms returns the Go blocks of a text that are whole programs.
func goPrograms(text string) []string { return firstGroups(goBlock, text) }

// compile compiles a program as if it stood in a folder of the module. It calls it a library, for linking would be slow.
func compile(t testing.TB, program string) error {
	t.Helper()
	dir := t.TempDir()
	here, err := os.Getwd()
	if err != nil {
		t.Fatalf("find the module: %v", err)
	}
	source, overlay := filepath.Join(dir, "main.go"), filepath.Join(dir, "overlay.json")
	replace, err := json.Marshal(map[string]any{"Replace": map[string]string{filepath.Join(here, "readme-program", "main.go"): source}})
	if err != nil {
		t.Fatalf("encode overlay: %v", err)
	}
	library := strings.Replace(program, "package main", "package readme", 1)
	for name, data := range map[string][]byte{source: []byte(library), overlay: replace} {
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatalf("write program: %v", err)
		}
	}
	cmd := exec.Command("go", "build", "-overlay", overlay, "./readme-program")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	return nil
}

// checkLinks returns one complaint for each link and each test in a readme that leads nowhere.
func checkLinks(readme string, files []file) []string {
	var complaints []string
	var titles []string
	for _, title := range firstGroups(anyTitle, readme) {
		titles = append(titles, "#"+strings.ReplaceAll(strings.ToLower(title), " ", "-"))
	}
	for _, to := range firstGroups(link, readme) {
		found := strings.Contains(to, "://") || slices.Contains(titles, to) ||
			slices.ContainsFunc(files, func(f file) bool { return f.name == to })
		if !found {
			complaints = append(complaints, fmt.Sprintf("the readme links to %q, which is not there", to))
		}
	}
	for _, name := range firstGroups(namedTest, readme) {
		found := slices.ContainsFunc(files, func(f file) bool {
			return strings.HasSuffix(f.name, "_test.go") && strings.Contains(string(f.data), "func "+name+"(")
		})
		if !found {
			complaints = append(complaints, fmt.Sprintf("the readme names the test %q, which is not there", name))
		}
	}
	for _, name := range firstGroups(webTest, readme) {
		if !slices.ContainsFunc(files, func(f file) bool { return strings.HasSuffix(f.name, "/"+name) }) {
			complaints = append(complaints, fmt.Sprintf("the readme names the test %q, which is not there", name))
		}
	}
	return complaints
}
