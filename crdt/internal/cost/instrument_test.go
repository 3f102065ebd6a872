package cost_test

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

const (
	here    = "github.com/weftsync/weft/crdt/internal/cost"
	counted = here + "/counted"
	count   = "cost.Steps++; "
)

// instrument writes instrumented copies of the sources of the packages in the
// given folders to dir, and the file that names them for the go command's flag
// -overlay, whose path it returns.
func instrument(dir string, folders ...string) (overlay string, err error) {
	replace := map[string]string{}
	for _, folder := range folders {
		files, err := filepath.Glob(filepath.Join(folder, "*.go"))
		if err != nil {
			return "", fmt.Errorf("list the sources in %s: %w", folder, err)
		}
		for _, name := range files {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			if name, err = filepath.Abs(name); err != nil {
				return "", fmt.Errorf("find %s: %w", name, err)
			}
			src, err := withCounts(name)
			if err != nil {
				return "", fmt.Errorf("instrument %s: %w", name, err)
			}
			copied := filepath.Join(dir, fmt.Sprintf("%d-%s", len(replace), filepath.Base(name)))
			if err := os.WriteFile(copied, src, 0o644); err != nil {
				return "", err
			}
			replace[name] = copied
		}
	}
	list, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	overlay = filepath.Join(dir, "overlay.json")
	return overlay, os.WriteFile(overlay, list, 0o644)
}

// change is text to be put in at an offset in place of the next n bytes.
type change struct {
	at, n int
	text  string
}

// withCounts returns the source of a file with counts. Lines stay where they
// are.
func withCounts(name string) ([]byte, error) {
	src, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, name, src, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	var edits []change
	put := func(p token.Pos, n int, text string) {
		edits = append(edits, change{files.Position(p).Offset, n, text})
	}
	put(file.Name.End(), 0, fmt.Sprintf("; import cost %q", here))
	for _, i := range file.Imports {
		if i.Path.Value == `"slices"` {
			put(i.Pos(), len(i.Path.Value), fmt.Sprintf("slices %q", counted))
		}
	}
	used := false
	begin := func(b *ast.BlockStmt) {
		if b != nil {
			used = true
			put(b.Lbrace+1, 0, count)
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			begin(n.Body)
		case *ast.FuncLit:
			begin(n.Body)
		case *ast.ForStmt:
			begin(n.Body)
		case *ast.RangeStmt:
			begin(n.Body)
		case *ast.CallExpr:
			f, ok := n.Fun.(*ast.Ident)
			switch {
			case ok && f.Name == "copy":
				put(n.Pos(), 0, "cost.Moved(")
				put(n.End(), 0, ")")
			case ok && f.Name == "append" && n.Ellipsis.IsValid():
				put(n.Args[1].Pos(), 0, "cost.Spread(")
				put(n.Args[1].End(), 0, ")")
			}
		}
		return true
	})
	if !used {
		return src, nil
	}
	return rewrite(src, edits), nil
}

// rewrite makes the edits, those at one offset in the order in which they come.
func rewrite(src []byte, edits []change) []byte {
	slices.SortStableFunc(edits, func(a, b change) int { return a.at - b.at })
	var out []byte
	at := 0
	for _, e := range edits {
		out = append(append(out, src[at:e.at]...), e.text...)
		at = e.at + e.n
	}
	return append(out, src[at:]...)
}
