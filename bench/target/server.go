package target

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// startTimeout is how long a server may take until it says where it listens.
const startTimeout = 20 * time.Second

// stopTimeout is how long a server may take to end after SIGTERM before it is killed.
const stopTimeout = 20 * time.Second

// complaintBytes is how much of the end of a server's standard error is kept.
const complaintBytes = 4 << 10

// announced finds an address in what a server prints when it is ready, and what serves there.
var announced = regexp.MustCompile(`^(listening|admin) on (http://\S+)`)

// A Command is how a server is started. It has to print "listening on http://…" when it is ready.
type Command struct {
	Path string
	Args []string
	Dir  string // working directory; "" for this process's
	// Admin says that it also prints "admin on http://…".
	Admin bool
	// Cores are those that it may run on; none for all.
	Cores []int
}

// A Server is a running server process.
type Server struct {
	// Address is where it listens, for example "http://127.0.0.1:40123/".
	Address string
	// Admin is where its admin pages are, among them Go's profiles; "" if it has none.
	Admin string
	// Ready is how long it took until it listened.
	Ready time.Duration

	cmd    *exec.Cmd
	stderr *tail
	killed bool
	exited chan struct{} // closed when the process has ended
	waited error         // how; valid when exited is closed
}

// Start runs a server and returns when it listens. The caller ends it with [Server.Stop].
func Start(ctx context.Context, c Command) (*Server, error) {
	if _, err := exec.LookPath(c.Path); err != nil {
		return nil, fmt.Errorf("start the server: %w", err)
	}
	cmd := exec.Command(c.Path, c.Args...)
	cmd.Dir = c.Dir
	s := &Server{cmd: cmd, stderr: &tail{}, exited: make(chan struct{})}
	cmd.Stderr = s.stderr
	out, in, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("start the server: %w", err)
	}
	cmd.Stdout = in
	began := time.Now()
	err = onCores(c.Cores, cmd.Start)
	in.Close()
	if err != nil {
		out.Close()
		return nil, fmt.Errorf("start the server: %w", err)
	}
	go func() {
		s.waited = cmd.Wait()
		close(s.exited)
	}()
	wanted := []string{"listening"}
	if c.Admin {
		wanted = append(wanted, "admin")
	}
	ready := make(chan map[string]string, 1)
	go readAddresses(out, wanted, ready)
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	select {
	case addresses := <-ready:
		s.Ready = time.Since(began)
		s.Address, s.Admin = addresses["listening"], addresses["admin"]
		return s, s.checkLoopback()
	case <-s.exited:
		return nil, fmt.Errorf("start the server: it ended at once (%w): %s", errors.Join(s.waited), s.stderr)
	case <-ctx.Done():
		err := s.Stop()
		return nil, fmt.Errorf("start the server: it does not say where it listens: %w: %s", errors.Join(ctx.Err(), err), s.stderr)
	}
}

// readAddresses sends the addresses when the server has printed all, then reads on so that the server never blocks on
// its output.
func readAddresses(out *os.File, wanted []string, ready chan<- map[string]string) {
	defer out.Close()
	addresses := map[string]string{}
	lines := bufio.NewScanner(out)
	for len(addresses) < len(wanted) && lines.Scan() {
		if m := announced.FindStringSubmatch(lines.Text()); m != nil && slices.Contains(wanted, m[1]) {
			addresses[m[1]] = m[2]
		}
	}
	if len(addresses) == len(wanted) {
		ready <- addresses
	}
	_, _ = io.Copy(io.Discard, out) // it ends with the process
}

// checkLoopback refuses a server that listens to the world.
func (s *Server) checkLoopback() error {
	u, err := url.Parse(s.Address)
	if err == nil && u.Hostname() == "127.0.0.1" {
		return nil
	}
	return fmt.Errorf("start the server: it listens on %s, want loopback: %w", s.Address, errors.Join(err, s.Stop()))
}

// PID returns the number of the process.
func (s *Server) PID() int { return s.cmd.Process.Pid }

// Kill ends the process at once, as a power cut would, but for what the system has in its caches. Stop has nothing to
// complain of then.
func (s *Server) Kill() error {
	s.killed = true
	if err := s.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("kill the server: %w", err)
	}
	<-s.exited
	return nil
}

// Died reports whether the process has ended by itself, and how.
func (s *Server) Died() error {
	select {
	case <-s.exited:
		if s.killed {
			return nil
		}
		return fmt.Errorf("the server has ended by itself (%w): %s", errors.Join(s.waited), s.stderr)
	default:
		return nil
	}
}

// Stop asks the server to end, kills it when it does not, and reports an exit that was not clean. It may be called
// again.
func (s *Server) Stop() error {
	select {
	case <-s.exited:
	default:
		if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
			return fmt.Errorf("stop the server: %w", err)
		}
	}
	timer := time.NewTimer(stopTimeout)
	defer timer.Stop()
	select {
	case <-s.exited:
	case <-timer.C:
		err := s.cmd.Process.Kill()
		<-s.exited
		return fmt.Errorf("stop the server: still there %v after SIGTERM, killed: %w", stopTimeout, errors.Join(err, s.waited))
	}
	if s.waited != nil && !s.killed {
		return fmt.Errorf("stop the server: it ended with %w: %s", s.waited, s.stderr)
	}
	return nil
}

// Complaints returns the end of what the server wrote to standard error.
func (s *Server) Complaints() string { return s.stderr.String() }

// A tail keeps the end of what is written to it.
type tail struct {
	mu   sync.Mutex
	kept []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.kept = append(t.kept, p...)
	if over := len(t.kept) - complaintBytes; over > 0 {
		t.kept = append(t.kept[:0], t.kept[over:]...)
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.TrimSpace(string(t.kept))
}
