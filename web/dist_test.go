package web

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// sources is what dist is built from. scripts/sum.mjs has the same list.
var sources = []string{"src", "public", "index.html", "editor.html", "reader.html", "vite.config.ts", "package-lock.json"}

// TestDistIsBuiltFromItsSources notices, without Node, that the sources changed and dist did not, or the other way round.
func TestDistIsBuiltFromItsSources(t *testing.T) {
	content, err := os.ReadFile("dist.sum")
	if err != nil {
		t.Fatal(err)
	}
	want := string(content)
	got := fmt.Sprintf("sources %s\ndist %s\n", sumOf(t, sources...), sumOf(t, "dist"))
	if got != want {
		t.Errorf("dist is not what its sources give; run \"npm run build\" in web\ngot\n%swant\n%s", got, want)
	}
}

// TestSumNoticesAChange shows that the check above can fail.
func TestSumNoticesAChange(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	write := func(name, content string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("src/a.ts", "a")
	sums := []string{sumOf(t, "src")}
	write("src/a.ts", "b")
	sums = append(sums, sumOf(t, "src"))
	write("src/deep/b.ts", "b")
	sums = append(sums, sumOf(t, "src"))
	slices.Sort(sums)
	if got := len(slices.Compact(sums)); got != 3 {
		t.Errorf("got %d different sums of 3 different states", got)
	}
}

// sumOf hashes files and folders the way scripts/sum.mjs does.
func sumOf(t testing.TB, names ...string) string {
	t.Helper()
	var paths []string
	for _, name := range names {
		err := filepath.WalkDir(name, func(path string, entry fs.DirEntry, err error) error {
			if err == nil && !entry.IsDir() {
				paths = append(paths, filepath.ToSlash(path))
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	slices.Sort(paths)
	var lines strings.Builder
	for _, path := range paths {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(content)
		fmt.Fprintf(&lines, "%s  %s\n", hex.EncodeToString(sum[:]), path)
	}
	sum := sha256.Sum256([]byte(lines.String()))
	return hex.EncodeToString(sum[:])
}
