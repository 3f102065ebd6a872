package weft_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"strings"
	"testing"
)

// TestExportedNamesAreDocumented: whoever reads the documentation page of a package finds a sentence for each name.
func TestExportedNamesAreDocumented(t *testing.T) {
	checked := 0
	for _, f := range trackedFiles(t) {
		if !strings.HasSuffix(f.name, ".go") || testFile.MatchString(f.name) {
			continue
		}
		complaints, err := checkDocs(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, complaint := range complaints {
			t.Error(complaint)
		}
		checked++
	}
	if checked == 0 {
		t.Fatal("no Go file was checked")
	}
}

func TestExportedNamesAreDocumentedControl(t *testing.T) {
	tests := []struct {
		name, text string
		want       string
	}{
		{"function", "// F does.\nfunc F() {}", ""},
		{"function without", "func F() {}", "F has no doc comment"},
		{"hidden function without", "func f() {}", ""},
		{"method", "// T is.\ntype T int\n\n// M does.\nfunc (T) M() {}", ""},
		{"method without", "// T is.\ntype T int\n\nfunc (*T) M() {}", "T.M has no doc comment"},
		{"generic method without", "// T is.\ntype T[E any] []E\n\nfunc (t *T[E]) M() {}", "T.M has no doc comment"},
		{"method of a hidden type", "type t int\n\nfunc (t) M() {}", ""},
		{"well-known method", "// E is.\ntype E struct{}\n\nfunc (*E) Error() string { return \"\" }", ""},
		{"type without", "type T int", "T has no doc comment"},
		{"type in a group", "type (\n\t// T is.\n\tT int\n)", ""},
		{"type without, in a group with", "// Types.\ntype (\n\tT int\n)", "T has no doc comment"},
		{"constants with one comment", "// Sizes.\nconst (\n\tA = 1\n\tB = 2\n)", ""},
		{"constants with a comment each", "const (\n\tA = 1 // one\n\t// B is two.\n\tB = 2\n)", ""},
		{"a constant without", "const (\n\tA = 1 // one\n\tB = 2\n)", "B has no doc comment"},
		{"variable without", "var V int", "V has no doc comment"},
		{"hidden variable without", "var v int", ""},
		{"comment apart", "// F does.\n\nfunc F() {}", "F has no doc comment"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			complaints, err := checkDocs(file{"x.go", []byte("package x\n\n" + tt.text + "\n")})
			if err != nil {
				t.Fatal(err)
			}
			expectComplaint(t, complaints, tt.want)
		})
	}
}

// checkDocs returns one complaint for each exported name of a Go file that has no doc comment. The methods that
// interfaces of the standard library ask for explain themselves.
func checkDocs(f file) ([]string, error) {
	fset := token.NewFileSet()
	parsed, err := parser.ParseFile(fset, f.name, f.data, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return nil, fmt.Errorf("parse: %w", err)
	}
	var complaints []string
	need := func(at token.Pos, name string, docs ...*ast.CommentGroup) {
		for _, doc := range docs {
			if doc != nil {
				return
			}
		}
		complaints = append(complaints, fmt.Sprintf("%v: %s has no doc comment", fset.Position(at), name))
	}
	for _, decl := range parsed.Decls {
		switch d := decl.(type) {
		case *ast.FuncDecl:
			if name, ok := exportedFunc(d); ok {
				need(d.Pos(), name, d.Doc)
			}
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				switch s := spec.(type) {
				case *ast.TypeSpec:
					docs := []*ast.CommentGroup{s.Doc}
					if !d.Lparen.IsValid() {
						docs = append(docs, d.Doc)
					}
					if s.Name.IsExported() {
						need(s.Pos(), s.Name.Name, docs...)
					}
				case *ast.ValueSpec:
					for _, name := range s.Names {
						if name.IsExported() {
							need(name.Pos(), name.Name, s.Doc, s.Comment, d.Doc)
						}
					}
				}
			}
		}
	}
	return complaints, nil
}

// exportedFunc returns the name of a function or method that a documentation page shows and that has to explain itself.
func exportedFunc(d *ast.FuncDecl) (string, bool) {
	if !d.Name.IsExported() {
		return "", false
	}
	if d.Recv == nil {
		return d.Name.Name, true
	}
	switch d.Name.Name {
	case "Error", "String", "Unwrap", "Len", "Less", "Swap", "MarshalJSON", "UnmarshalJSON", "ServeHTTP", "Close":
		return "", false
	}
	receiver := d.Recv.List[0].Type
	for {
		switch r := receiver.(type) {
		case *ast.StarExpr:
			receiver = r.X
		case *ast.IndexExpr:
			receiver = r.X
		case *ast.IndexListExpr:
			receiver = r.X
		case *ast.Ident:
			return r.Name + "." + d.Name.Name, r.IsExported()
		default:
			return "", false
		}
	}
}
