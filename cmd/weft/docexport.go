package main

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/weftsync/weft/cmd/weft/html"
	"github.com/weftsync/weft/crdt"
	"github.com/weftsync/weft/storage"
)

// docExport is "weft doc export".
type docExport struct {
	dataFlag
	As        string   `default:"v1" enum:"v1,v2,json,text,html" help:"In which form: ${enum} (${default})."`
	Root      *string  `placeholder:"NAME" help:"Only this root; of text, which has to be one, by default the first."`
	Out       string   `default:"." placeholder:"DIR" help:"Folder for the files, made when missing (${default})."`
	Documents []string `arg:"" optional:"" name:"document" help:"Which to export; all when none is named."`
}

// form is a form that a document can be written in.
type form string

// isUpdate reports whether the form is an update.
func (f form) isUpdate() bool { return f == "v1" || f == "v2" }

// errUpdateRoot refuses --root where it says nothing.
var errUpdateRoot = usageError("an update has all roots; --root goes with json, text and html")

// extension is what the files of a form end with.
func (f form) extension() string {
	switch f {
	case "v1":
		return ".yjs"
	case "v2":
		return ".yjs2"
	case "text":
		return ".txt"
	}
	return "." + string(f)
}

// render writes a document in the form.
func (f form) render(doc *crdt.Doc, name string, root *string) ([]byte, error) {
	switch f {
	case "v1":
		return doc.EncodeStateAsUpdate(nil)
	case "v2":
		return doc.EncodeStateAsUpdateV2(nil)
	case "json":
		if root != nil {
			return doc.RootJSON(*root), nil
		}
		return doc.JSON(), nil
	case "html":
		if root != nil {
			return []byte(html.Root(doc, *root)), nil
		}
		return []byte(html.Document(doc, name)), nil
	}
	return textOf(doc, root)
}

// textOf returns the text of a root, or of the first that is one.
func textOf(doc *crdt.Doc, root *string) ([]byte, error) {
	if root == nil {
		for _, name := range doc.Roots() {
			if doc.RootKind(name) == crdt.KindText {
				root = &name
				break
			}
		}
	}
	if root == nil {
		return nil, fmt.Errorf("no root is a text; the roots are %q", doc.Roots())
	}
	if kind := doc.RootKind(*root); kind != crdt.KindText && kind != crdt.Undeclared {
		return nil, fmt.Errorf("the root %q is no text but a %v", *root, kind)
	}
	return []byte(strings.ToValidUTF8(doc.RootString(*root), "\uFFFD")), nil
}

// Run writes a file for each document. It never writes over one.
func (c *docExport) Run(e *env) error {
	if c.Root != nil && form(c.As).isUpdate() {
		return errUpdateRoot
	}
	return c.with(func(store *storage.Store) error {
		return each(e, store, c.Documents, "exported", func(name string) error {
			doc, err := load(e.ctx, store, name)
			if err != nil {
				return err
			}
			content, err := form(c.As).render(doc, name, c.Root)
			if err != nil {
				return err
			}
			path := filepath.Join(c.Out, fileName(name)+form(c.As).extension())
			if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
				return err
			}
			return writeNew(path, content)
		})
	})
}

// fileName makes a path of a document's name: a slash is a folder, and what a file system may not like is percent-encoded. What
// has no such sign keeps its name, so that import finds it again.
func fileName(name string) string {
	segments := strings.Split(name, "/")
	for i, s := range segments {
		s = strings.Map(func(r rune) rune {
			if strings.ContainsRune(`\:*?"<>|`, r) {
				return '%'
			}
			return r
		}, s)
		if s != segments[i] || strings.HasPrefix(s, ".") {
			s = url.PathEscape(segments[i])
			s = strings.ReplaceAll(s, ":", "%3A")
			if strings.HasPrefix(s, ".") {
				s = "%2E" + s[1:]
			}
		}
		segments[i] = s
	}
	return filepath.Join(segments...)
}
