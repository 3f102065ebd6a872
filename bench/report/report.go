package report

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// A Report is everything that one run measured.
type Report struct {
	Machine Machine `json:"machine"`
	// Peers are the engines beside ours, in the order of the columns; those that are not installed too.
	Peers []Peer `json:"peers"`
	// Node is the version of what they run in, or empty with the reason in Missing.
	Node string `json:"node,omitempty"`
	// RealTraces are the names of the real histories that were replayed, of as many as were found.
	RealTraces  []string    `json:"real_traces"`
	TracesFound int         `json:"real_traces_found"`
	Engine      []EngineRow `json:"engine,omitempty"`
	Server      *Server     `json:"server,omitempty"`
	// Missing says what is not installed here and was left out for that reason.
	Missing []string `json:"missing"`
	// Failures says what of ours could not be measured or was wrong, and why; PeerFailures the same of others.
	Failures     []string `json:"failures"`
	PeerFailures []string `json:"peer_failures,omitempty"`
}

// Fail notes what of ours could not be measured.
func (r *Report) Fail(what string, err error) {
	r.Failures = append(r.Failures, what+": "+err.Error())
}

// FailPeer notes what of others could not be measured.
func (r *Report) FailPeer(what string, err error) {
	r.PeerFailures = append(r.PeerFailures, what+": "+err.Error())
}

// Lack notes what is not installed.
func (r *Report) Lack(what string, err error) {
	r.Missing = append(r.Missing, what+": "+err.Error())
}

// OK reports whether everything of ours that was asked for was measured and right. What others do is shown and no failure
// of the run.
func (r *Report) OK() bool { return len(r.Failures) == 0 }

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// WriteFiles stores the report in dir as report.html, report.md, report.txt and report.json, and the JSON once more with
// the date in the name, so that runs can be compared; and a picture of the engines in engine.svg, when there is something
// to draw. It returns the path of report.md.
func (r *Report) WriteFiles(dir string) (string, error) {
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return "", fmt.Errorf("write the report: %w", err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("write the report: %w", err)
	}
	whole, err := r.HTML()
	if err != nil {
		return "", err
	}
	stamp := r.Machine.Date.Format("20060102-150405")
	files := map[string][]byte{
		"report.json": data, "report-" + stamp + ".json": data,
		"report.html": []byte(whole), "report.md": []byte(r.Markdown()), "report.txt": []byte(r.Text()),
	}
	if picture := r.SVG(); picture != "" {
		files["engine.svg"] = []byte(picture)
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o644); err != nil {
			return "", fmt.Errorf("write the report: %w", err)
		}
	}
	return filepath.Join(dir, "report.md"), nil
}

// Read reads a report that [Report.WriteFiles] stored as JSON.
func Read(path string) (*Report, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read a report: %w", err)
	}
	r := &Report{}
	if err := json.Unmarshal(data, r); err != nil {
		return nil, fmt.Errorf("read a report from %s: %w", path, err)
	}
	return r, nil
}

// seconds formats a time in seconds to three digits with its unit.
func seconds(s float64) string {
	switch {
	case s >= 1:
		return digits(s) + " s"
	case s >= 1e-3:
		return digits(s*1e3) + " ms"
	case s >= 1e-6:
		return digits(s*1e6) + " µs"
	default:
		return digits(s*1e9) + " ns"
	}
}

// short formats a bound in seconds without needless digits.
func short(s float64) string { return fmt.Sprintf("%g s", s) }

func duration(d time.Duration) string { return seconds(d.Seconds()) }

// bytesOf formats a number of bytes to three digits, in units of 1000.
func bytesOf(b float64) string {
	switch {
	case b >= 1e9:
		return digits(b/1e9) + " GB"
	case b >= 1e6:
		return digits(b/1e6) + " MB"
	case b >= 1e3:
		return digits(b/1e3) + " kB"
	default:
		return digits(b) + " B"
	}
}

// digits formats a number to three significant digits, without an exponent.
func digits(v float64) string {
	switch {
	case v >= 99.95:
		return fmt.Sprintf("%.0f", v)
	case v >= 9.995:
		return fmt.Sprintf("%.1f", v)
	default:
		return fmt.Sprintf("%.2f", v)
	}
}

// count formats a number with commas between thousands.
func count(n int64) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
