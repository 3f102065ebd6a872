package target

import (
	"bufio"
	"fmt"
	"net/http"
	"os"
	"time"
)

// Held is what a process holds at a moment.
type Held struct {
	RSSBytes int64
	Files    int // open files, sockets among them
	// Goroutines is how many there are, -1 for a process that does not say.
	Goroutines int
}

// Holds says what the server holds. Of goroutines it knows by the profile on the admin page.
func (s *Server) Holds() (Held, error) {
	h := Held{Goroutines: -1}
	var err error
	if h.RSSBytes, err = RSS(s.PID()); err != nil {
		return h, err
	}
	files, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", s.PID()))
	if err != nil {
		return h, fmt.Errorf("count open files: %w", err)
	}
	h.Files = len(files)
	if s.Admin != "" {
		h.Goroutines, err = goroutines(s.Admin)
	}
	return h, err
}

// goroutines reads the first line of a profile of goroutines, which says how many there are.
func goroutines(admin string) (n int, err error) {
	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Get(admin + "debug/pprof/goroutine?debug=1")
	if err != nil {
		return 0, fmt.Errorf("count goroutines: %w", err)
	}
	defer answer.Body.Close()
	line, err := bufio.NewReader(answer.Body).ReadString('\n')
	if err != nil {
		return 0, fmt.Errorf("count goroutines: %w", err)
	}
	if _, err := fmt.Sscanf(line, "goroutine profile: total %d", &n); err != nil {
		return 0, fmt.Errorf("count goroutines: read %q: %w", line, err)
	}
	return n, nil
}
