// Package yjs runs real Yjs in Node: to make the updates of a history as real clients send them, and to measure Yjs on
// the rows on which our engine is measured, on the same machine in the same run. It uses the packages in
// web/node_modules; where these or Node are missing, [Find] says so and the report shows the gap.
package yjs

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// ErrMissing says that Node or its packages are not installed.
var ErrMissing = errors.New("real Yjs is not installed: it needs Node and `make web-deps`")

// A Node runs scripts with real Yjs.
type Node struct {
	// Version is the version of Yjs, for example "13.6.33".
	Version string
	// Runtime is the version of Node, for example "v20.20.2".
	Runtime string

	binary   string
	packages string // a file in the folder whose node_modules count
	scripts  string
	cache    string
}

// Find looks for Node and for Yjs below the repository's root. Files that take long to make are kept in cache, which
// is created. The error wraps [ErrMissing] when something is not installed.
func Find(ctx context.Context, root, cache string) (*Node, error) {
	binary, err := exec.LookPath("node")
	if err != nil {
		return nil, fmt.Errorf("%w (%w)", ErrMissing, err)
	}
	manifest, err := os.ReadFile(filepath.Join(root, "web", "node_modules", "yjs", "package.json"))
	if err != nil {
		return nil, fmt.Errorf("%w (%w)", ErrMissing, err)
	}
	var pkg struct{ Version string }
	if err := json.Unmarshal(manifest, &pkg); err != nil {
		return nil, fmt.Errorf("read the manifest of Yjs: %w", err)
	}
	runtime, err := exec.CommandContext(ctx, binary, "--version").Output()
	if err != nil {
		return nil, fmt.Errorf("ask node for its version: %w", err)
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return nil, fmt.Errorf("make the folder for updates: %w", err)
	}
	return &Node{
		Version: pkg.Version, Runtime: strings.TrimSpace(string(runtime)), binary: binary,
		packages: filepath.Join(root, "web", "package.json"), scripts: filepath.Join(root, "bench", "yjs"), cache: cache,
	}, nil
}

// job is what a script reads; see job.mjs.
type job struct {
	Packages string `json:"packages"`
	Trace    string `json:"trace"`
	Client   uint64 `json:"client"`
	Out      string `json:"out,omitempty"`
	Updates  string `json:"updates,omitempty"`
	Row      string `json:"row,omitempty"`
	Repeat   Repeat `json:"repeat"`
	Sizes
}

// message is what a script says, one on a line.
type message struct {
	Step   int
	Values []Value
	Error  string
	Done   *int
}

// run starts a script, hands each of its messages to on, and waits for it. It fails when the script does, and when the
// script ends without having said that it is done. The script is ended when
// the context is.
func (n *Node) run(parent context.Context, script string, j job, on func(message) error) error {
	j.Packages = n.packages
	file, err := n.writeJob(j)
	if err != nil {
		return err
	}
	defer os.Remove(file)
	ctx, cancel := context.WithCancel(parent)
	defer cancel()
	cmd := exec.CommandContext(ctx, n.binary, "--expose-gc", "--max-old-space-size=4096", filepath.Join(n.scripts, script), file)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 5 * time.Second
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	out, err := cmd.StdoutPipe()
	if err != nil {
		return fmt.Errorf("run %s: %w", script, err)
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("run %s: %w", script, err)
	}
	done, readErr := listen(bufio.NewScanner(out), on)
	if readErr != nil {
		cancel()
	}
	if err := cmd.Wait(); err != nil || readErr != nil {
		return fmt.Errorf("run %s: %w: %s", script, errors.Join(parent.Err(), readErr, err), gist(complaint.String()))
	}
	if !done {
		return fmt.Errorf("run %s: it ended without being done", script)
	}
	return nil
}

func listen(lines *bufio.Scanner, on func(message) error) (done bool, err error) {
	for lines.Scan() {
		var m message
		if err := json.Unmarshal(lines.Bytes(), &m); err != nil {
			return false, fmt.Errorf("understand %q: %w", lines.Text(), err)
		}
		if m.Done != nil {
			done = true
			continue
		}
		if err := on(m); err != nil {
			return false, err
		}
	}
	return done, lines.Err()
}

func (n *Node) writeJob(j job) (string, error) {
	data, err := json.Marshal(j)
	if err != nil {
		return "", fmt.Errorf("write the job: %w", err)
	}
	f, err := os.CreateTemp(n.cache, "job.*.json")
	if err != nil {
		return "", fmt.Errorf("write the job: %w", err)
	}
	_, err = f.Write(data)
	if err := errors.Join(err, f.Close()); err != nil {
		return "", fmt.Errorf("write the job: %w", err)
	}
	return f.Name(), nil
}

// gist returns what matters of what a script wrote to standard error: the line that names the error, or the last one.
func gist(complaint string) string {
	lines := strings.Split(strings.TrimSpace(complaint), "\n")
	for _, line := range lines {
		if strings.Contains(line, "Error: ") {
			return line
		}
	}
	return lines[len(lines)-1]
}
