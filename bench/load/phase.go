package load

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/coder/websocket"

	"github.com/weftsync/weft/bench/rusage"
)

// phase sends the updates of phase i, of which the first is update first of the run, and waits until all have them.
func (s *session) phase(ctx context.Context, i, first int) (PhaseResult, error) {
	p := s.Phases[i]
	result := PhaseResult{Phase: p}
	patience := s.Patience
	if patience == 0 {
		patience = time.Minute
	}
	if p.Rate > 0 {
		patience += time.Duration(float64(p.Updates) / p.Rate * float64(time.Second))
	}
	ctx, cancel := context.WithTimeoutCause(ctx, patience, errLate)
	defer cancel()
	before := s.trafficBefore(i)
	if s.Meter != nil {
		if err := s.Meter.Begin(); err != nil {
			return result, fmt.Errorf("measure the server: %w", err)
		}
	}
	generator := rusage.Self()
	stopProgress := s.watch(p, first)
	err := errors.Join(s.send(ctx, p, first, &result), s.wait(ctx, i, first))
	stopProgress()
	result.Generator = rusage.Self() - generator
	if s.Meter != nil {
		usage, meterErr := s.Meter.End()
		err = errors.Join(err, meterErr)
		result.Server = usage
	}
	if err != nil {
		return result, err
	}
	s.sumUp(&result, i, first, before)
	return result, nil
}

// send sends the updates at their times. A write that blocks is ended with the context, by closing the connection.
func (s *session) send(ctx context.Context, p Phase, first int, result *PhaseResult) error {
	defer context.AfterFunc(ctx, func() { _ = s.writer.conn.CloseNow() })()
	start := s.now()
	for i := first; i < first+p.Updates; i++ {
		if p.Rate > 0 {
			s.meant[i] = start + int64(float64(i-first)/p.Rate*float64(time.Second))
			if err := sleepUntil(ctx, s.meant[i], s.now); err != nil {
				return fmt.Errorf("send update %d: %w", i, err)
			}
			result.Behind = max(result.Behind, time.Duration(s.now()-s.meant[i]))
		} else {
			s.meant[i] = s.now()
		}
		s.buffer = appendSync(s.buffer[:0], syncUpdate, s.Updates.At(i))
		if err := s.writer.conn.Write(context.Background(), websocket.MessageBinary, s.buffer); err != nil {
			return fmt.Errorf("send update %d: %w", i, errors.Join(err, context.Cause(ctx)))
		}
		result.SentBytes += int64(len(s.buffer))
	}
	return nil
}

// sleepUntil returns at the time, or at once when it has passed.
func sleepUntil(ctx context.Context, at int64, now func() int64) error {
	d := time.Duration(at - now())
	if d <= 0 {
		return nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// wait waits until the writer and every reader have the phase's updates.
func (s *session) wait(ctx context.Context, i, first int) error {
	for k, c := range s.everybody() {
		select {
		case <-s.goals[i][k].reached:
			continue
		default:
		}
		select {
		case <-s.goals[i][k].reached:
		case <-c.done:
			return fmt.Errorf("%s has %d of %d updates: %w", c.name, int(c.reached.Load())-first, s.Phases[i].Updates, c.err)
		case <-ctx.Done():
			return fmt.Errorf("%s has %d of %d updates: %w", c.name, int(c.reached.Load())-first, s.Phases[i].Updates, context.Cause(ctx))
		}
	}
	return nil
}

func (s *session) everybody() []*client {
	return append([]*client{s.writer}, s.readers...)
}

// watch reports progress until the returned function is called, which waits for the last report.
func (s *session) watch(p Phase, first int) (stop func()) {
	if s.Progress == nil {
		return func() {}
	}
	end, ended := make(chan struct{}), make(chan struct{})
	report := func() {
		least := s.writer.reached.Load()
		for _, c := range s.readers {
			least = min(least, c.reached.Load())
		}
		s.Progress(p.Name, max(0, int(least)-first), p.Updates)
	}
	go func() {
		defer close(ended)
		tick := time.NewTicker(200 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				report()
			case <-end:
				report()
				return
			}
		}
	}()
	return func() { close(end); <-ended }
}

// trafficBefore returns what the readers had received when phase i began.
func (s *session) trafficBefore(i int) traffic {
	var sum traffic
	for k, c := range s.readers {
		if i == 0 {
			sum.add(c.greeting)
		} else {
			sum.add(s.goals[i-1][k+1].traffic)
		}
	}
	return sum
}

func (s *session) sumUp(result *PhaseResult, i, first int, before traffic) {
	n := result.Updates
	toAll, echo := make([]int64, n), make([]int64, n)
	last := int64(0)
	for k := range n {
		at := int64(0)
		for _, c := range s.readers {
			at = max(at, c.arrivals[first+k])
		}
		last = max(last, at)
		toAll[k] = at - s.meant[first+k]
		echo[k] = s.writer.arrivals[first+k] - s.meant[first+k]
	}
	result.Took = time.Duration(last - s.meant[first])
	result.ToAll, result.Echo = Summarize(toAll), Summarize(echo)
	var after traffic
	for _, g := range s.goals[i][1:] {
		after.add(g.traffic)
	}
	result.Frames, result.Messages = after.frames-before.frames, after.messages-before.messages
	result.ReceivedBytes = after.bytes - before.bytes
}
