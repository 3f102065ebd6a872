package yjs

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/weftsync/weft/bench/trace"
	"github.com/weftsync/weft/bench/updates"
)

// Updates returns the update of each transaction of a sequential history, made by real Yjs with the given client id,
// preceded by one for the start of the history if that is not empty. They are kept in the cache folder and made again
// when the history, the client or the version of Yjs is another.
func (n *Node) Updates(ctx context.Context, t *trace.Trace, client uint64) (*updates.Log, error) {
	l, _, err := n.UpdatesFile(ctx, t, client)
	return l, err
}

// UpdatesFile is like [Node.Updates] and returns also the file they are in, for other scripts.
func (n *Node) UpdatesFile(ctx context.Context, t *trace.Trace, client uint64) (*updates.Log, string, error) {
	history, key, err := n.WriteTrace(t)
	if err != nil {
		return nil, "", err
	}
	path := filepath.Join(n.cache, fmt.Sprintf("%s-%s-yjs%s-client%d.updates", t.Name, key, n.Version, client))
	if l, err := updates.ReadFile(path); err == nil {
		return l, path, nil
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, "", fmt.Errorf("%w; delete it, and it is made again", err)
	}
	j := job{Packages: n.packages, Trace: history, Client: client, Out: path}
	err = n.Run(ctx, filepath.Join(n.scripts, "updates.mjs"), j, func([]byte) error { return nil })
	if err != nil {
		return nil, "", fmt.Errorf("make the updates of trace %s: %w", t.Name, err)
	}
	l, err := updates.ReadFile(path)
	return l, path, err
}

// job is what updates.mjs reads.
type job struct {
	Packages string `json:"packages"`
	Trace    string `json:"trace"`
	Client   uint64 `json:"client"`
	Out      string `json:"out"`
}

// WriteTrace stores the history for the scripts and returns the file and a key that stands for its content.
func (n *Node) WriteTrace(t *trace.Trace) (path, key string, err error) {
	if t.Concurrent {
		return "", "", fmt.Errorf("give trace %s to Yjs: it is concurrent", t.Name)
	}
	txns := make([][][3]any, len(t.Txns))
	for i := range t.Txns {
		txns[i] = make([][3]any, len(t.Txns[i].Patches))
		for j, p := range t.Txns[i].Patches {
			txns[i][j] = [3]any{p.Index, p.Deleted, p.Inserted}
		}
	}
	data, err := json.Marshal(map[string]any{"start": t.Start, "end": t.End, "txns": txns})
	if err != nil {
		return "", "", fmt.Errorf("give trace %s to Yjs: %w", t.Name, err)
	}
	key = fmt.Sprintf("%x", sha256.Sum256(data))[:12]
	path = filepath.Join(n.cache, t.Name+"-"+key+".json")
	if _, err := os.Stat(path); err == nil {
		return path, key, nil
	}
	if err := os.WriteFile(path+".part", data, 0o644); err != nil {
		return "", "", fmt.Errorf("give trace %s to Yjs: %w", t.Name, err)
	}
	if err := os.Rename(path+".part", path); err != nil {
		return "", "", fmt.Errorf("give trace %s to Yjs: %w", t.Name, err)
	}
	return path, key, nil
}
