package report

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// A Machine says where and on what something was measured. What the system does not tell is empty or 0.
type Machine struct {
	CPU         string `json:"cpu"`
	Cores       int    `json:"cores"`
	MemoryBytes int64  `json:"memory_bytes"`
	System      string `json:"system"`
	Kernel      string `json:"kernel"`
	// Load is the load average over 1, 5 and 15 minutes before anything was measured; a machine that does other work
	// shows here.
	Load   string    `json:"load_average"`
	Go     string    `json:"go"`
	Commit string    `json:"commit"`
	Dirty  bool      `json:"dirty"`
	Date   time.Time `json:"date"`
}

// Here describes this machine and the state of the repository at root.
func Here(ctx context.Context, root string) Machine {
	m := Machine{
		CPU: procField("/proc/cpuinfo", "model name"), Cores: runtime.NumCPU(), System: runtime.GOOS + "/" + runtime.GOARCH,
		Go: runtime.Version(), Date: time.Now().UTC().Truncate(time.Second),
	}
	if kib, err := strconv.ParseInt(strings.TrimSuffix(procField("/proc/meminfo", "MemTotal"), " kB"), 10, 64); err == nil {
		m.MemoryBytes = kib << 10
	}
	if release, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		m.Kernel = strings.TrimSpace(string(release))
	}
	if load, err := os.ReadFile("/proc/loadavg"); err == nil {
		m.Load = strings.Join(strings.Fields(string(load))[:3], " ")
	}
	if commit, err := git(ctx, root, "rev-parse", "--short=12", "HEAD"); err == nil {
		m.Commit = commit
		changed, err := git(ctx, root, "status", "--porcelain", "--untracked-files=no")
		m.Dirty = err != nil || changed != ""
	}
	return m
}

// procField returns the value of the first line that begins with the key, in a file of "key: value" lines.
func procField(path, key string) string {
	data, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	for line := range bytes.Lines(data) {
		k, v, ok := strings.Cut(string(line), ":")
		if ok && strings.TrimSpace(k) == key {
			return strings.TrimSpace(v)
		}
	}
	return ""
}

func git(ctx context.Context, root string, args ...string) (string, error) {
	out, err := exec.CommandContext(ctx, "git", append([]string{"-C", root}, args...)...).Output()
	return strings.TrimSpace(string(out)), err
}
