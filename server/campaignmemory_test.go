package server

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// footprint is the resident memory of a process, in bytes; all 0 where the system does not tell.
type footprint struct {
	anonymous int64 // what it allocated: Go's heap and stacks, and the buffers of the store
	files     int64 // pages of its own binary, which the system may drop at any time
}

// footprintOf reads the footprint of a process from /proc.
func footprintOf(pid int) (f footprint) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return f
	}
	for line := range strings.Lines(string(status)) {
		fields := strings.Fields(line)
		if len(fields) == 3 && fields[2] == "kB" {
			n, _ := strconv.ParseInt(fields[1], 10, 64) // the kernel writes a number
			switch fields[0] {
			case "RssAnon:":
				f.anonymous = n << 10
			case "RssFile:":
				f.files = n << 10
			}
		}
	}
	return f
}

// sample is one point of a curve of memory.
type sample struct {
	footprint
	at   time.Duration
	what string // what has just happened; "" in between
}

// curve samples the memory of a process until it is stopped.
type curve struct {
	pid     int
	began   time.Time
	stop    chan struct{}
	done    chan struct{}
	events  chan string
	samples []sample
}

// watchMemory begins a curve.
func watchMemory(pid int) *curve {
	c := &curve{pid: pid, began: time.Now(), stop: make(chan struct{}), done: make(chan struct{}), events: make(chan string)}
	go func() {
		defer close(c.done)
		ticker := time.NewTicker(20 * time.Millisecond)
		defer ticker.Stop()
		for {
			c.samples = append(c.samples, sample{footprint: footprintOf(c.pid), at: time.Since(c.began)})
			select {
			case <-c.stop:
				return
			case c.samples[len(c.samples)-1].what = <-c.events:
			case <-ticker.C:
			}
		}
	}()
	return c
}

// mark notes that something has just happened.
func (c *curve) mark(format string, args ...any) { c.events <- fmt.Sprintf(format, args...) }

// end stops the sampling, writes the curve as CSV and SVG, and returns its first and its highest footprint.
func (c *curve) end(t *testing.T, name, title string) (first, peak footprint) {
	t.Helper()
	close(c.stop)
	<-c.done
	first = c.samples[0].footprint
	for _, s := range c.samples {
		peak.anonymous, peak.files = max(peak.anonymous, s.anonymous), max(peak.files, s.files)
	}
	var csv strings.Builder
	csv.WriteString("seconds,anonymous_bytes,file_bytes,event\n")
	for _, s := range c.samples {
		fmt.Fprintf(&csv, "%.3f,%d,%d,%s\n", s.at.Seconds(), s.anonymous, s.files, s.what)
	}
	dir := campaignDir(t)
	for suffix, content := range map[string]string{".csv": csv.String(), ".svg": c.draw(title, peak.anonymous)} {
		if err := os.WriteFile(filepath.Join(dir, name+suffix), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return first, peak
}

// draw draws what was allocated over the time, with a line for each event. Of many samples the highest of every pixel is drawn.
func (c *curve) draw(title string, peak int64) string {
	const left, right, above, below = 60, 780, 60, 340
	end, top := c.samples[len(c.samples)-1].at.Seconds(), float64(peak)*1.1
	x := func(at time.Duration) float64 { return left + (right-left)*at.Seconds()/end }
	y := func(bytes int64) float64 { return below - (below-above)*float64(bytes)/top }
	highest := make(map[int]int64)
	var marks, line strings.Builder
	events := 0
	for _, s := range c.samples {
		pixel := int(x(s.at))
		highest[pixel] = max(highest[pixel], s.anonymous)
		if s.what != "" {
			anchor, shift, row := "start", 3.0, above-4-14*float64(events%2)
			if x(s.at) > (left+right)/2 {
				anchor, shift = "end", -3
			}
			fmt.Fprintf(&marks, `<path d="M%.1f %.0fV%d" stroke="#bbb"/><text x="%.1f" y="%.0f" font-size="11" text-anchor="%s">%s</text>`+"\n",
				x(s.at), row-8, below, x(s.at)+shift, row, anchor, s.what)
			events++
		}
	}
	for pixel := left; pixel <= right; pixel++ {
		if bytes, ok := highest[pixel]; ok {
			fmt.Fprintf(&line, "%d,%.1f ", pixel, y(bytes))
		}
	}
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 800 380" font-family="sans-serif" font-size="12">
<rect width="800" height="380" fill="#fff"/><text x="%[1]d" y="22" font-size="14">%[5]s</text>
<path d="M%[1]d %[3]dV%[4]dH%[2]d" fill="none" stroke="#333"/>
<text x="54" y="%.0[6]f" text-anchor="end">%[7]d MiB</text><text x="54" y="344" text-anchor="end">0</text><text x="56" y="358">0 s</text><text x="780" y="358" text-anchor="end">%.1[8]f s</text>
%[9]s<polyline fill="none" stroke="#0a6" stroke-width="1.5" points="%[10]s"/></svg>
`, left, right, above, below, title, y(peak)+4, peak>>20, end, marks.String(), line.String())
}

// campaignDir returns where campaigns leave their pictures: WEFT_CAMPAIGN_DIR, or a folder that goes with the test.
func campaignDir(t *testing.T) string {
	if dir := os.Getenv("WEFT_CAMPAIGN_DIR"); dir != "" {
		return dir
	}
	return t.TempDir()
}
