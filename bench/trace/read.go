package trace

import (
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// maxFileBytes bounds what one file may unpack to. The largest known history has 60 MB.
const maxFileBytes = 512 << 20

// suffix is how the files of histories end.
const suffix = ".json.gz"

type fileTxn struct {
	Patches []filePatch `json:"patches"`
	Agent   int         `json:"agent"`
	Parents *[]int      `json:"parents"`
}

type file struct {
	StartContent string    `json:"startContent"`
	EndContent   string    `json:"endContent"`
	Txns         []fileTxn `json:"txns"`
}

// filePatch is [position, deleted, inserted] in code points.
type filePatch struct {
	index, deleted int
	inserted       string
}

func (p *filePatch) UnmarshalJSON(data []byte) error {
	var fields []json.RawMessage
	if err := json.Unmarshal(data, &fields); err != nil {
		return err
	}
	if len(fields) != 3 {
		return fmt.Errorf("a patch has 3 fields, this one %d", len(fields))
	}
	return errors.Join(json.Unmarshal(fields[0], &p.index), json.Unmarshal(fields[1], &p.deleted),
		json.Unmarshal(fields[2], &p.inserted))
}

// Load reads the history in the file at path, a gzipped JSON document.
func Load(path string) (*Trace, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("load trace: %w", err)
	}
	defer f.Close()
	return Read(strings.TrimSuffix(filepath.Base(path), suffix), f)
}

// Read reads a history from gzipped JSON and gives it a name. A file that is damaged, that has no transactions, whose
// parents or agents make no sense, or whose patches lie outside the text is refused.
func Read(name string, r io.Reader) (*Trace, error) {
	zr, err := gzip.NewReader(r)
	if err != nil {
		return nil, fmt.Errorf("read trace %s: %w", name, err)
	}
	data, err := io.ReadAll(io.LimitReader(zr, maxFileBytes+1))
	if err != nil {
		return nil, fmt.Errorf("unpack trace %s: %w", name, err)
	}
	if len(data) > maxFileBytes {
		return nil, fmt.Errorf("unpack trace %s: more than %d bytes", name, maxFileBytes)
	}
	var f file
	if err := json.Unmarshal(data, &f); err != nil {
		return nil, fmt.Errorf("decode trace %s: %w", name, err)
	}
	t, err := build(name, &f)
	if err != nil {
		return nil, fmt.Errorf("check trace %s: %w", name, err)
	}
	return t, nil
}

func build(name string, f *file) (*Trace, error) {
	if len(f.Txns) == 0 {
		return nil, errors.New("it holds no transactions")
	}
	t := &Trace{Name: name, Start: f.StartContent, End: f.EndContent, Agents: 1, Txns: make([]Txn, len(f.Txns))}
	for i := range f.Txns {
		if f.Txns[i].Parents != nil {
			t.Concurrent = true
			break
		}
	}
	if t.Concurrent && t.Start != "" {
		return nil, errors.New("a concurrent history starts with a text")
	}
	for i := range f.Txns {
		if err := t.buildTxn(i, &f.Txns[i]); err != nil {
			return nil, fmt.Errorf("transaction %d: %w", i, err)
		}
	}
	if t.Concurrent {
		return t, convertConcurrent(t, f)
	}
	return t, convertSequential(t, f)
}

// buildTxn takes over who made a transaction and what it follows.
func (t *Trace) buildTxn(i int, ft *fileTxn) error {
	if ft.Agent < 0 || ft.Agent >= len(t.Txns) {
		return fmt.Errorf("agent %d", ft.Agent)
	}
	t.Txns[i].Agent = ft.Agent
	t.Agents = max(t.Agents, ft.Agent+1)
	if !t.Concurrent {
		return nil
	}
	if ft.Parents == nil {
		return errors.New("it names no parents, others do")
	}
	last := -1
	for _, p := range *ft.Parents {
		if p <= last || p >= i {
			return fmt.Errorf("parents %v do not ascend or do not come before it", *ft.Parents)
		}
		last = p
	}
	t.Txns[i].Parents = *ft.Parents
	return nil
}
