package server

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"
)

// scrape returns what the admin listener serves at /metrics, by name with labels.
func (s *testServer) scrape(t testing.TB) map[string]float64 {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.AdminAddr().String()+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	var body bytes.Buffer
	if _, err := body.ReadFrom(answer.Body); err != nil || answer.StatusCode != 200 {
		t.Fatalf("got status %d, %v: %s", answer.StatusCode, err, body.String())
	}
	found := make(map[string]float64)
	for line := range strings.Lines(body.String()) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		name, value, ok := strings.Cut(strings.TrimSpace(line), "} ")
		if ok {
			name += "}"
		} else if name, value, ok = strings.Cut(strings.TrimSpace(line), " "); !ok {
			t.Fatalf("got line %q", line)
		}
		n, err := strconv.ParseFloat(value, 64)
		if err != nil {
			t.Fatalf("read line %q: %v", line, err)
		}
		found[name] = n
	}
	return found
}

// withMetrics opens the admin listener.
func withMetrics(o *Options) { o.AdminAddr = "127.0.0.1:0" }

// TestMetrics: what happens shows in /metrics, and no document is named there.
func TestMetrics(t *testing.T) {
	s := startServer(t, newDisk(), hooks{}, withMetrics)
	const secret = "named-nowhere"
	e, other := s.join(t, secret), s.join(t, secret)
	v := s.view(t, "view/"+secret, nil)
	v.next()
	e.write("hello")
	e.sync()
	other.awaitText("hello")
	s.connect(t, "sync/"+secret, nil).send([]byte{42})
	var got map[string]float64
	e.await("the refusal to be counted", func() bool { return s.Stats().Refusals["4400"] == 1 })
	got = s.scrape(t)
	for name, want := range map[string]float64{
		"weft_ready": 1,
		`weft_connections{dialect="y-websocket"}`:             2,
		`weft_connections{dialect="hocuspocus"}`:              0,
		"weft_connections_accepted_total":                     3,
		"weft_viewers":                                        1,
		"weft_documents_resident":                             1,
		"weft_updates_total":                                  1,
		"weft_acks_total":                                     1,
		"weft_resyncs_total":                                  3,
		`weft_refusals_total{code="4400",reason="malformed"}`: 1,
		`weft_refusals_total{code="4529",reason="slow_down"}`: 0, // from the beginning, so that the first shows in a rate
		"weft_propagation_seconds_count":                      1,
		`weft_propagation_seconds_bucket{le="+Inf"}`:          1,
		"weft_load_seconds_count":                             1,
		"weft_log_waiting_entries":                            0,
		"weft_disk_full":                                      0,
		"weft_storage_failed":                                 0,
	} {
		if value, ok := got[name]; !ok || value != want {
			t.Errorf("%s: got %v (there: %t), want %v", name, value, ok, want)
		}
	}
	for _, name := range []string{"weft_fsync_seconds_count", "weft_received_bytes_total", "weft_sent_bytes_total", "weft_log_entries_total", "go_goroutines"} {
		if got[name] <= 0 {
			t.Errorf("%s: got %v, want more than 0", name, got[name])
		}
	}
	if sum := got["weft_propagation_seconds_sum"]; sum <= 0 || sum > patience.Seconds() {
		t.Errorf("got %v s of propagation for one update", sum)
	}
	for name := range got {
		if strings.Contains(name, secret) {
			t.Errorf("%s names a document", name)
		}
	}
}

// metricName finds the metrics in an expression of PromQL. `up` is Prometheus' own.
var metricName = regexp.MustCompile(`\b(?:weft|go|process)_\w+`)

// expressions returns every query of a dashboard and of a file of rules.
func expressions(t testing.TB, dashboard, rules []byte) []string {
	t.Helper()
	var board struct {
		Panels []struct {
			Type    string
			Title   string
			Targets []struct{ Expr string }
		}
		Templating struct{ List []struct{ Definition string } }
	}
	if err := json.Unmarshal(dashboard, &board); err != nil {
		t.Fatalf("read the dashboard: %v", err)
	}
	var all []string
	for _, p := range board.Panels {
		if p.Type != "row" && len(p.Targets) == 0 {
			t.Errorf("panel %q shows nothing", p.Title)
		}
		for _, target := range p.Targets {
			all = append(all, target.Expr)
		}
	}
	for _, v := range board.Templating.List {
		all = append(all, v.Definition)
	}
	var file struct {
		Groups []struct {
			Name  string
			Rules []struct {
				Alert, Expr, For    string
				Labels, Annotations map[string]string
			}
		}
	}
	strict := yaml.NewDecoder(bytes.NewReader(rules))
	strict.KnownFields(true)
	if err := strict.Decode(&file); err != nil {
		t.Fatalf("read the rules: %v", err)
	}
	for _, g := range file.Groups {
		for _, r := range g.Rules {
			if r.Alert == "" || r.Expr == "" || r.Labels["severity"] == "" || r.Annotations["summary"] == "" || r.Annotations["runbook"] == "" {
				t.Errorf("rule %q of group %q lacks something", r.Alert, g.Name)
			}
			all = append(all, r.Expr)
		}
	}
	return all
}

// missing returns the metrics that expressions use and a scrape does not have.
func missing(exprs []string, scraped map[string]float64) (names []string, used int) {
	there := make(map[string]bool)
	for name := range scraped {
		name, _, _ = strings.Cut(name, "{")
		there[name] = true
	}
	for _, expr := range exprs {
		for _, name := range metricName.FindAllString(expr, -1) {
			used++
			if !there[name] {
				names = append(names, name)
			}
		}
	}
	return names, used
}

// TestDashboardUsesRealMetrics: every metric in the dashboard and in the alert rules is served.
func TestDashboardUsesRealMetrics(t *testing.T) {
	s := startServer(t, newDisk(), hooks{}, withMetrics)
	s.connect(t, "sync/d", nil).send([]byte{42}) // what has labels is there once it has happened
	s.join(t, "d").await("the refusal to be counted", func() bool { return s.Stats().Refusals["4400"] == 1 })
	scraped := s.scrape(t)
	dashboard, rules := readFile(t, "dashboards/weft.json"), readFile(t, "dashboards/alerts.yml")
	names, used := missing(expressions(t, dashboard, rules), scraped)
	for _, name := range names {
		t.Errorf("%s is not served", name)
	}
	if used < 40 {
		t.Errorf("got %d uses of metrics, want 40 or more: the test sees too little", used)
	}
	if names, _ := missing([]string{"rate(weft_invented_total[5m])", "weft_ready"}, scraped); len(names) != 1 || names[0] != "weft_invented_total" {
		t.Errorf("got %q missing, want the invented one: the test would pass on anything", names)
	}
}

// TestMetricsAreDocumented: OPERATIONS.md has every metric of weft's, and no other.
func TestMetricsAreDocumented(t *testing.T) {
	s := startServer(t, newDisk(), hooks{}, withMetrics)
	s.connect(t, "sync/d", nil).send([]byte{42})
	s.join(t, "d").await("the refusal to be counted", func() bool { return s.Stats().Refusals["4400"] == 1 })
	served := make(map[string]bool)
	for name := range s.scrape(t) {
		name, _, _ = strings.Cut(name, "{")
		for _, part := range []string{"_bucket", "_sum", "_count"} {
			if whole, ok := strings.CutSuffix(name, part); ok && strings.HasSuffix(whole, "_seconds") {
				name = whole
			}
		}
		if strings.HasPrefix(name, "weft_") {
			served[name] = true
		}
	}
	documented := make(map[string]bool)
	for line := range strings.Lines(string(readFile(t, "OPERATIONS.md"))) {
		if strings.HasPrefix(line, "| `weft_") {
			cell, _, _ := strings.Cut(line[2:], " |")
			for _, name := range metricName.FindAllString(cell, -1) {
				documented[name] = true
			}
		}
	}
	for name := range served {
		if !documented[name] {
			t.Errorf("%s is not documented", name)
		}
	}
	for name := range documented {
		if !served[name] {
			t.Errorf("%s is documented and not served", name)
		}
	}
}

// readFile returns a file of the package's folder.
func readFile(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestHistogram(t *testing.T) {
	var h histogram
	for _, d := range []time.Duration{-time.Second, 0, 100 * time.Microsecond, 100*time.Microsecond + 1, time.Hour} {
		h.observe(d)
	}
	got := h.read()
	if got.Counts[0] != 3 || got.Counts[1] != 1 || got.Counts[len(got.Counts)-1] != 1 {
		t.Errorf("got counts %v", got.Counts)
	}
	if want := time.Hour + 200*time.Microsecond + 1; got.Total != want {
		t.Errorf("got total %v, want %v", got.Total, want)
	}
	if n := testing.AllocsPerRun(1000, func() { h.observe(time.Millisecond) }); n != 0 {
		t.Errorf("got %v allocations for one observation, want none", n)
	}
}

// TestNotReadyWhileTheDiskStalls: an fsync that does not come back makes the server say that it is not ready, until it
// comes back.
func TestNotReadyWhileTheDiskStalls(t *testing.T) {
	d := newDisk()
	s := startServer(t, d, hooks{}, func(o *Options) { withMetrics(o); o.Limits.DiskStall = 50 * time.Millisecond })
	e := s.join(t, "d")
	e.write("creates the document")
	e.sync()
	letGo := d.hold()
	defer letGo()
	e.write("waits")
	<-d.waiting
	awaitReady(t, s, http.StatusServiceUnavailable, "the disk does not answer")
	if got := s.scrape(t); got["weft_ready"] != 0 || got["weft_fsync_age_seconds"] < 0.05 || got["weft_gate_held"] == 0 {
		t.Errorf("got ready %v, age %v, held %v", got["weft_ready"], got["weft_fsync_age_seconds"], got["weft_gate_held"])
	}
	letGo()
	awaitReady(t, s, http.StatusOK, "ready")
}

// awaitReady waits until /readyz answers with a status and a text.
func awaitReady(t *testing.T, s *testServer, status int, text string) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; {
		answer, body := s.get(t, http.MethodGet, "readyz", nil, nil)
		if answer.StatusCode == status && strings.Contains(body, text) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("got %d %q, want %d with %q", answer.StatusCode, body, status, text)
		}
		time.Sleep(time.Millisecond)
	}
}
