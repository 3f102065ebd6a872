package trace

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// ErrNoTraces says that no folder with real histories was found.
var ErrNoTraces = errors.New("no real traces: set WEFT_TRACES to a folder that holds them, or run `make traces`")

// Dir returns the folder of the real histories: the one that WEFT_TRACES names, which must exist, else shared/traces
// beside the repository, else .traces inside it. The repository is the first folder with a go.mod from the working
// directory upwards. Dir returns an error that wraps [ErrNoTraces] when there is none.
func Dir() (string, error) {
	if dir := os.Getenv("WEFT_TRACES"); dir != "" {
		if info, err := os.Stat(dir); err != nil || !info.IsDir() {
			return "", fmt.Errorf("WEFT_TRACES names %s, which is not a folder: %w", dir, ErrNoTraces)
		}
		return dir, nil
	}
	root, err := Root()
	if err != nil {
		return "", fmt.Errorf("%w (%w)", ErrNoTraces, err)
	}
	for _, dir := range []string{filepath.Join(root, "..", "shared", "traces"), filepath.Join(root, ".traces")} {
		if found, err := filepath.Glob(filepath.Join(dir, "*"+suffix)); err == nil && len(found) > 0 {
			return dir, nil
		}
	}
	return "", ErrNoTraces
}

// Root returns the repository's root: the first folder with a go.mod from the working directory upwards.
func Root() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find the repository: %w", err)
	}
	for {
		_, err := os.Stat(filepath.Join(dir, "go.mod"))
		if err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if !errors.Is(err, fs.ErrNotExist) || parent == dir {
			return "", fmt.Errorf("find the repository: no go.mod from the working directory upwards: %w", err)
		}
		dir = parent
	}
}

// Real returns the paths of the real histories in [Dir], sorted. It returns an error that wraps [ErrNoTraces] when
// there is no such folder or it holds none.
func Real() ([]string, error) {
	dir, err := Dir()
	if err != nil {
		return nil, err
	}
	paths, err := filepath.Glob(filepath.Join(dir, "*"+suffix))
	if err != nil {
		return nil, fmt.Errorf("list traces: %w", err)
	}
	if len(paths) == 0 {
		return nil, fmt.Errorf("%s holds no *%s: %w", dir, suffix, ErrNoTraces)
	}
	return paths, nil
}

// Named loads one real history by its file's name without .json.gz, for example "automerge-paper". The error wraps
// [ErrNoTraces] when there is no folder of histories, and [fs.ErrNotExist] when the folder lacks this one.
func Named(name string) (*Trace, error) {
	dir, err := Dir()
	if err != nil {
		return nil, err
	}
	return Load(filepath.Join(dir, name+suffix))
}

// A Document is a file with a whole document, as one update of Yjs in V2.
type Document struct {
	Name string
	Path string
}

// Documents returns the documents of the Eg-walker paper's data sets that lie in the folder egwalker inside [Dir],
// sorted; none where there is no such folder.
func Documents() ([]Document, error) {
	dir, err := Dir()
	if err != nil {
		return nil, err
	}
	paths, err := filepath.Glob(filepath.Join(dir, "egwalker", "*"+documentSuffix))
	if err != nil {
		return nil, fmt.Errorf("list documents: %w", err)
	}
	documents := make([]Document, len(paths))
	for i, path := range paths {
		documents[i] = Document{Name: "egwalker " + strings.TrimSuffix(filepath.Base(path), documentSuffix), Path: path}
	}
	return documents, nil
}

const documentSuffix = ".yjs"
