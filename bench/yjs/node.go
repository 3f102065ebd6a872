// Package yjs runs Node, and in it real Yjs, to make the updates of a history as real clients send them. It uses the
// packages in web/node_modules; where these or Node are missing, [Find] says so and the report shows the gap.
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
	// Root is the repository's root.
	Root string

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
		Version: pkg.Version, Runtime: strings.TrimSpace(string(runtime)), Root: root, binary: binary,
		packages: filepath.Join(root, "web", "package.json"), scripts: filepath.Join(root, "bench", "yjs"), cache: cache,
	}, nil
}

// Run starts a script with the job, hands each line that it writes to on, and waits for it. The script reads the job as
// JSON from the file that its one argument names, writes a JSON object on each line, and says {"done": ...} in the last.
// Run fails when the script does, when it ends without having said that it is done, and when on does, which ends it; it
// is ended too when the context is.
func (n *Node) Run(parent context.Context, script string, job any, on func(line []byte) error) error {
	file, err := n.writeJob(job)
	if err != nil {
		return err
	}
	defer os.Remove(file)
	ctx, cancel := context.WithCancel(parent)
	defer cancel()
	name := filepath.Base(script)
	cmd := exec.CommandContext(ctx, n.binary, "--expose-gc", "--max-old-space-size=4096", script, file)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 5 * time.Second
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	out, err := cmd.StdoutPipe()
	if err != nil {
		return fmt.Errorf("run %s: %w", name, err)
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("run %s: %w", name, err)
	}
	done, readErr := listen(bufio.NewScanner(out), on)
	if readErr != nil {
		cancel()
	}
	if err := cmd.Wait(); err != nil || readErr != nil {
		return fmt.Errorf("run %s: %w: %s", name, errors.Join(parent.Err(), readErr, err), gist(complaint.String()))
	}
	if !done {
		return fmt.Errorf("run %s: it ended without being done", name)
	}
	return nil
}

func listen(lines *bufio.Scanner, on func(line []byte) error) (done bool, err error) {
	for lines.Scan() {
		var last struct{ Done *int }
		if err := json.Unmarshal(lines.Bytes(), &last); err != nil {
			return false, fmt.Errorf("understand %q: %w", lines.Text(), err)
		}
		if last.Done != nil {
			done = true
			continue
		}
		if err := on(lines.Bytes()); err != nil {
			return false, err
		}
	}
	return done, lines.Err()
}

func (n *Node) writeJob(job any) (string, error) {
	data, err := json.Marshal(job)
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
