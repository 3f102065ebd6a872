// Package foreign reads the documents that other Yjs servers stored: a folder of updates, the SQLite file of Hocuspocus, the
// directory of y-leveldb. It reads only, and never has more than one document in memory.
package foreign

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Document is one document as it was found.
type Document struct {
	Name    string
	Updates [][]byte // V1 updates, in order; V2 if the source is a folder and its files are
	Bytes   int64    // of the updates, or of what was too large to be read
	Err     error    // why the document cannot be read; the others can
}

// Source is where documents come from. Each calls fn for one document after the other and ends with its error. Only the
// names of all documents are held at once.
type Source interface {
	// Count returns how many documents there are.
	Count() (int, error)
	Each(fn func(Document) error) error
	Close() error
}

// ErrTooLarge means that a document has more bytes than the limit.
var ErrTooLarge = errors.New("too large")

// Open finds out what path is, and opens it. A document of more than maxBytes is not read.
func Open(path string, maxBytes int64) (Source, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("open what is to be imported: %w", err)
	}
	if !info.IsDir() {
		if ok, err := isSQLite(path); err != nil || ok {
			if err != nil {
				return nil, err
			}
			return openSQLite(path, maxBytes)
		}
		return &folder{root: filepath.Dir(path), files: []string{filepath.Base(path)}, maxBytes: maxBytes}, nil
	}
	if isLevelDB(path) {
		return openLevelDB(path, maxBytes)
	}
	return openFolder(path, maxBytes)
}

// folder is a folder of files with one update each. A file is named as its document, with an extension that does not count; a
// file in a folder below is a document with a slash.
type folder struct {
	root     string
	files    []string
	maxBytes int64
}

func openFolder(root string, maxBytes int64) (*folder, error) {
	f := &folder{root: root, maxBytes: maxBytes}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if !d.Type().IsRegular() || strings.HasPrefix(d.Name(), ".") {
			return nil
		}
		rel, err := filepath.Rel(root, path)
		f.files = append(f.files, rel)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list the folder: %w", err)
	}
	return f, nil
}

// Count returns the number of files.
func (f *folder) Count() (int, error) { return len(f.files), nil }

// Each reads one file after the other.
func (f *folder) Each(fn func(Document) error) error {
	for _, rel := range f.files {
		if err := fn(f.read(rel)); err != nil {
			return err
		}
	}
	return nil
}

func (f *folder) read(rel string) (d Document) {
	d.Name = filepath.ToSlash(strings.TrimSuffix(rel, filepath.Ext(rel)))
	path := filepath.Join(f.root, rel)
	info, err := os.Stat(path)
	if err != nil {
		d.Err = fmt.Errorf("look at the file: %w", err)
		return d
	}
	if d.Bytes = info.Size(); d.Bytes > f.maxBytes {
		d.Err = fmt.Errorf("%w: %s has %d bytes, at most %d are read", ErrTooLarge, rel, d.Bytes, f.maxBytes)
		return d
	}
	data, err := os.ReadFile(path)
	if err != nil {
		d.Err = fmt.Errorf("read the file: %w", err)
		return d
	}
	d.Updates = [][]byte{data}
	return d
}

// Close does nothing.
func (f *folder) Close() error { return nil }
