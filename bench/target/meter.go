package target

import (
	"errors"
	"time"

	"github.com/weftsync/weft/bench/load"
)

// sampleEvery is how often a meter looks at the memory.
const sampleEvery = 50 * time.Millisecond

// A Meter measures what a process uses while a phase of a load runs. It implements [load.Meter].
type Meter struct {
	pid    int
	cpu    time.Duration // at Begin
	peak   int64
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
	if m.peak, err = RSS(m.pid); err != nil {
		return err
	}
	m.failed, m.end, m.ended = nil, make(chan struct{}), make(chan struct{})
	go m.sample()
	return nil
}

func (m *Meter) sample() {
	defer close(m.ended)
	tick := time.NewTicker(sampleEvery)
	defer tick.Stop()
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
		m.peak = max(m.peak, rss)
	}
}

// End stops measuring and returns what the process used since Begin. The peak of memory is that of samples 50 ms apart.
func (m *Meter) End() (load.Usage, error) {
	close(m.end)
	<-m.ended
	cpu, err1 := CPU(m.pid)
	rss, err2 := RSS(m.pid)
	if err := errors.Join(m.failed, err1, err2); err != nil {
		return load.Usage{}, err
	}
	return load.Usage{CPU: cpu - m.cpu, RSSPeakBytes: max(m.peak, rss), RSSEndBytes: rss}, nil
}
