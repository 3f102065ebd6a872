package target

import (
	"errors"
	"time"

	"github.com/weftsync/weft/bench/load"
)

// sampleEvery is how often a meter looks at the memory, and maxSamples how many of the values it keeps: when there would
// be more it keeps every other one.
const (
	sampleEvery = 100 * time.Millisecond
	maxSamples  = 400
)

// A Meter measures what a process uses while a phase of a load runs. It implements [load.Meter].
type Meter struct {
	pid    int
	cpu    time.Duration // at Begin
	usage  load.Usage
	failed error
	end    chan struct{}
	ended  chan struct{}
}

// NewMeter returns a meter of the process.
func NewMeter(pid int) *Meter { return &Meter{pid: pid} }

// Begin starts measuring.
func (m *Meter) Begin() error {
	var err error
	if m.cpu, err = CPU(m.pid); err != nil {
		return err
	}
	rss, err := RSS(m.pid)
	if err != nil {
		return err
	}
	m.usage = load.Usage{RSSBeginBytes: rss, RSSPeakBytes: rss, Every: sampleEvery}
	m.failed, m.end, m.ended = nil, make(chan struct{}), make(chan struct{})
	go m.sample()
	return nil
}

func (m *Meter) sample() {
	defer close(m.ended)
	tick := time.NewTicker(sampleEvery)
	defer tick.Stop()
	keep, n := 1, 0
	for {
		select {
		case <-m.end:
			return
		case <-tick.C:
		}
		rss, err := RSS(m.pid)
		if err != nil {
			m.failed = err
			return
		}
		u := &m.usage
		u.RSSPeakBytes = max(u.RSSPeakBytes, rss)
		if n++; n%keep != 0 {
			continue
		}
		if u.Memory = append(u.Memory, rss); len(u.Memory) == maxSamples {
			for i := range maxSamples / 2 {
				u.Memory[i] = u.Memory[2*i+1]
			}
			u.Memory = u.Memory[:maxSamples/2]
			keep *= 2
			u.Every *= 2
		}
	}
}

// End stops measuring and returns what the process used since Begin. The peak of memory is that of samples 100 ms apart.
func (m *Meter) End() (load.Usage, error) {
	close(m.end)
	<-m.ended
	cpu, err1 := CPU(m.pid)
	rss, err2 := RSS(m.pid)
	if err := errors.Join(m.failed, err1, err2); err != nil {
		return load.Usage{}, err
	}
	m.usage.CPU, m.usage.RSSPeakBytes, m.usage.RSSEndBytes = cpu-m.cpu, max(m.usage.RSSPeakBytes, rss), rss
	return m.usage, nil
}
