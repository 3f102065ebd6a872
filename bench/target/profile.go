package target

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"
)

// CPUProfile asks the server for a CPU profile of the next d and stores it under path. It returns when that time is
// over.
func (s *Server) CPUProfile(ctx context.Context, path string, d time.Duration) error {
	if s.Admin == "" {
		return errors.New("profile the server: it has no admin pages")
	}
	ctx, cancel := context.WithTimeout(ctx, d+20*time.Second)
	defer cancel()
	address := fmt.Sprintf("%s/debug/pprof/profile?seconds=%d", strings.TrimSuffix(s.Admin, "/"), max(1, int(d.Seconds())))
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return fmt.Errorf("profile the server: %w", err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("profile the server: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("profile the server: it answers %s", resp.Status)
	}
	f, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("profile the server: %w", err)
	}
	_, err = io.Copy(f, resp.Body)
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("profile the server: %w", err)
	}
	return nil
}
