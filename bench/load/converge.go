package load

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/weftsync/weft/crdt"
)

// Convergence says who had the text at the end.
type Convergence struct {
	// Checked is how many clients were checked, the writer among them; Equal how many of them had the text.
	Checked int `json:"checked"`
	Equal   int `json:"equal"`
	// Server says whether the server's own text, asked over HTTP, is equal too.
	Server bool `json:"server"`
}

// OK reports whether everybody had the text.
func (c Convergence) OK() bool { return c.Checked > 0 && c.Equal == c.Checked && c.Server }

// converged applies what each client received to a document of its own and compares; then it asks the server.
func (s *session) converged(ctx context.Context) (Convergence, error) {
	var result Convergence
	var errs []error
	for _, c := range s.everybody() {
		result.Checked++
		doc := crdt.New(crdt.Options{})
		err := c.updates(func(update []byte) error {
			_, err := doc.ApplyUpdate(update)
			return err
		})
		if err == nil && doc.RootString(s.Root) != s.Text {
			err = errors.New("the text is another than the history's")
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("check what %s received: %w", c.name, err))
			continue
		}
		result.Equal++
	}
	text, err := s.serverText(ctx)
	if err == nil && text != s.Text {
		err = errors.New("the text is another than the history's")
	}
	if err != nil {
		errs = append(errs, fmt.Errorf("check the server's document: %w", err))
	}
	result.Server = err == nil
	return result, errors.Join(errs...)
}

func (s *session) serverText(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	address := strings.TrimSuffix(s.Server, "/") + "/api/documents/" + url.PathEscape(s.Document) + "?root=" + url.QueryEscape(s.Root)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return "", err
	}
	req.Header.Set("Accept", "text/plain")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxFrameBytes))
	if err != nil {
		return "", err
	}
	if resp.StatusCode != http.StatusOK {
		return "", fmt.Errorf("the server answers %s", resp.Status)
	}
	return string(body), nil
}
