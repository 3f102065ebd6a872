package load

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/weftsync/weft/bench/rusage"
)

// A Phase is a time during which the authors edit.
type Phase struct {
	Name string `json:"name"`
	// Rate is how many edits a second each author means to make, whatever becomes of those before; Cursors how many
	// cursors a second each editor sends.
	Rate    float64 `json:"edits_per_second"`
	Cursors float64 `json:"cursors_per_second"`
	// Hold is how long they edit. They begin one after the other over the time of Ramp, which is part of it.
	Hold time.Duration `json:"hold_nanoseconds"`
	Ramp time.Duration `json:"ramp_nanoseconds"`
	// Patience is how long after that everything may take to arrive; 0 means 10 s.
	Patience time.Duration `json:"patience_nanoseconds"`
	// Absences is how many times the average editor goes offline, edits on, and comes back after Away; 0 away means at
	// once.
	Absences float64       `json:"absences"`
	Away     time.Duration `json:"away_nanoseconds"`

	// At is called once, when so much of the time has passed, for what a scenario does to the server meanwhile.
	At time.Duration `json:"-"`
	Do func() error  `json:"-"`
	// Meter watches the server's process; nil means not.
	Meter Meter `json:"-"`
	// Progress, if not nil, is called now and then.
	Progress func(Live) `json:"-"`
}

// A Live is how far a phase is.
type Live struct {
	Phase         string
	Done          float64 // of the time, 0 to 1
	PerSecond     float64 // delivered a second since the last one
	P99           time.Duration
	ToCome, Total int64 // deliveries
}

// A Meter measures what a process uses between Begin and End.
type Meter interface {
	Begin() error
	End() (Usage, error)
}

// Usage is what a process used.
type Usage struct {
	CPU           time.Duration `json:"cpu_nanoseconds"`
	RSSBeginBytes int64         `json:"rss_begin_bytes"`
	RSSPeakBytes  int64         `json:"rss_peak_bytes"`
	RSSEndBytes   int64         `json:"rss_end_bytes"`
	// Memory are the resident bytes over time, evenly spaced by Every.
	Memory []int64       `json:"memory,omitempty"`
	Every  time.Duration `json:"memory_every_nanoseconds,omitempty"`
}

// A PhaseResult is what a phase measured.
type PhaseResult struct {
	Phase
	// Took is from the beginning of the phase until everything had arrived, or patience was lost.
	Took time.Duration `json:"took_nanoseconds"`
	// Sent is how many updates were made. Delivered counts each of them once for each other editor that has it, however
	// they were merged on the way; PerSecond is those delivered while the phase held.
	Sent      int64   `json:"sent"`
	Delivered int64   `json:"delivered"`
	PerSecond float64 `json:"delivered_per_second"`
	// Lost is how many deliveries never came, Unacknowledged how many updates were neither acknowledged nor echoed to
	// their authors, Refused how many were refused.
	Lost           int64 `json:"lost"`
	Unacknowledged int64 `json:"unacknowledged"`
	Refused        int64 `json:"refused"`
	// Duplicates is how many updates brought nothing new to a receiver.
	Duplicates int64 `json:"duplicates"`
	// Propagation is from when an update was meant to be sent until another editor had it; Ack until its author had the
	// acknowledgement, or the echo in the dialect of y-websocket. Returned is from when an author was to come back until
	// what it had made offline was there. Viewed is until a viewer had it. Cursor is that of awareness.
	Propagation Latency `json:"propagation"`
	Ack         Latency `json:"ack"`
	Returned    Latency `json:"returned"`
	Viewed      Latency `json:"viewed"`
	Cursor      Latency `json:"cursor"`
	Joins       Latency `json:"joins"`
	// Seen is how many insertions viewers have seen; CursorsSent and CursorsDelivered count awareness.
	Seen             int64 `json:"seen"`
	CursorsSent      int64 `json:"cursors_sent"`
	CursorsDelivered int64 `json:"cursors_delivered"`
	// Frames and Messages that were received, and bytes.
	Frames        int64 `json:"frames"`
	Messages      int64 `json:"messages"`
	ReceivedBytes int64 `json:"received_bytes"`
	SentBytes     int64 `json:"sent_bytes"`
	// Dropped is how many connections the server ended, Returns how often somebody came back.
	Dropped int64 `json:"dropped"`
	Returns int64 `json:"returns"`
	// Behind is how late the generator sent at the worst, Generator the CPU time that it used.
	Behind    time.Duration `json:"behind_nanoseconds"`
	Generator time.Duration `json:"generator_cpu_nanoseconds"`
	Server    Usage         `json:"server"`
}

// CPUPerThousand returns the server's CPU time for a thousand deliveries: of updates, and of cursors.
func (r *PhaseResult) CPUPerThousand() time.Duration {
	n := r.Delivered + r.CursorsDelivered + r.Seen
	if n == 0 {
		return 0
	}
	return time.Duration(float64(r.Server.CPU) * 1000 / float64(n))
}

// Complete reports whether everything that was sent has arrived everywhere, once and unaltered.
func (r *PhaseResult) Complete() error {
	var errs []error
	for _, fault := range []struct {
		n    int64
		what string
	}{
		{r.Lost, "deliveries were lost"}, {r.Unacknowledged, "updates were not acknowledged"},
		{r.Refused, "updates were refused"}, {r.Duplicates, "updates came twice"}, {r.Dropped, "connections were ended by the server"},
	} {
		if fault.n > 0 {
			errs = append(errs, fmt.Errorf("%d %s", fault.n, fault.what))
		}
	}
	return errors.Join(errs...)
}

// Run carries out a phase. The error says what made it impossible, or what the server sent that it should not have;
// whether everything arrived is in the result.
func (s *Session) Run(ctx context.Context, p Phase) (result PhaseResult, err error) {
	result.Phase = p
	if p.Patience == 0 {
		p.Patience = 10 * time.Second
	}
	if p.Meter != nil {
		if err := p.Meter.Begin(); err != nil {
			return result, fmt.Errorf("measure the server: %w", err)
		}
	}
	generator := rusage.Self()
	if err = s.begin(p); err == nil {
		err = s.hold(ctx)
	}
	result.Took = time.Duration(s.clock() - s.from)
	result.Generator = rusage.Self() - generator
	if p.Meter != nil {
		usage, meterErr := p.Meter.End()
		err, result.Server = errors.Join(err, meterErr), usage
	}
	s.sumUp(&result)
	s.agenda.clear()
	s.phase = nil
	if err = errors.Join(err, s.complaints.err()); err != nil {
		return result, fmt.Errorf("phase %s: %w", p.Name, err)
	}
	return result, nil
}

// begin plans the first edit of everybody. What takes time is done before the time begins.
func (s *Session) begin(p Phase) error {
	needed := int(p.Rate*p.Hold.Seconds()*1.3) + 16
	for _, c := range s.conns {
		if a := c.author(); a != nil && p.Rate > 0 {
			if err := a.script.grow(a.sent + needed); err != nil {
				return err
			}
		}
		if c.slow {
			if err := c.pause(true); err != nil {
				return err
			}
		}
	}
	s.tally = tally{phase: &p, from: s.clock(), outstanding: s.outstanding, unacked: s.unacked}
	s.until = s.from + int64(p.Hold)
	s.bringBack()
	first := func(i int, rate float64) int64 {
		ramp := float64(p.Ramp) * float64(i) / float64(len(s.conns))
		return s.from + int64(ramp+s.random.Float64()*float64(time.Second)/rate)
	}
	edits := p.Rate / float64(max(1, s.Pattern.Burst)) // bursts do not all begin together
	for i, c := range s.conns {
		if c.author() != nil && p.Rate > 0 {
			c.burst = 0
			s.agenda.add(deed{at: first(i, edits), conn: c.id, kind: deedEdit})
		}
		if c.feed == nil && p.Cursors > 0 {
			s.agenda.add(deed{at: first(i, p.Cursors), conn: c.id, kind: deedCursor})
		}
	}
	s.planAbsences(p)
	if p.Do != nil {
		s.agenda.add(deed{at: s.from + int64(p.At), what: func(int64) error { return p.Do() }})
	}
	return nil
}

// bringBack lets those come back whose connection ended between phases, or who had given up.
func (s *Session) bringBack() {
	for _, c := range s.conns {
		if c.state == stateClosed && !s.Stay {
			c.tries = 0
			c.comeBack(1)
		}
	}
}

// planAbsences lets editors go offline and come back before the time is over.
func (s *Session) planAbsences(p Phase) {
	for range int(p.Absences * float64(len(s.conns))) {
		c := s.conns[s.random.IntN(len(s.conns))]
		room := max(1, int64(p.Hold-p.Away-time.Second))
		s.agenda.add(deed{at: s.from + s.random.Int64N(room), what: func(int64) error {
			if c.state == stateLive && !c.slow {
				c.hangUp()
				c.comeBack(max(int64(p.Away), 1))
			}
			return nil
		}})
	}
}

// hold takes turns until the time is over, and then until everything has arrived.
func (s *Session) hold(ctx context.Context) error {
	report := s.reporter()
	for s.clock() < s.until {
		if err := ctx.Err(); err != nil {
			return err
		}
		report()
		if err := s.turn(min(s.until, s.clock()+int64(100*time.Millisecond))); err != nil {
			return err
		}
	}
	for _, c := range s.conns {
		if c.slow {
			if err := c.pause(false); err != nil {
				return err
			}
		}
	}
	// What was meant to be done before the end is done even if the generator could not do it in time.
	err := s.settle(ctx, s.phase.Patience, func() bool {
		report()
		at, due := s.agenda.next()
		return !(due && at < s.until) && s.arrivedEverywhere()
	})
	if errors.Is(err, errLate) {
		return nil // the result says what did not arrive
	}
	return err
}

// Drain waits, after a phase that ended before everything had arrived, until it has.
func (s *Session) Drain(ctx context.Context, patience time.Duration) error {
	if err := s.settle(ctx, patience, s.arrivedEverywhere); err != nil {
		return fmt.Errorf("%d deliveries and %d acknowledgements have yet to come: %w", s.outstanding, s.unacked, err)
	}
	return s.complaints.err()
}

func (s *Session) arrivedEverywhere() bool {
	if s.outstanding > 0 || s.unacked > 0 {
		return false
	}
	for _, c := range s.conns {
		if c.away != 0 {
			return false // what is planned ends with the phase, and it would never come back
		}
	}
	for _, d := range s.documents {
		for _, v := range d.viewers {
			if v.state == stateLive && !v.feed.complete() {
				return false
			}
		}
	}
	return true
}

// reporter returns what calls Progress twice a second.
func (s *Session) reporter() func() {
	if s.phase.Progress == nil {
		return func() {}
	}
	last, delivered := s.from, int64(0)
	return func() {
		now := s.clock()
		if now-last < int64(500*time.Millisecond) {
			return
		}
		p99 := time.Duration(0)
		if h := s.propagation.histogram; h != nil {
			p99 = time.Duration(h.ValueAtQuantile(99)) * time.Microsecond
		}
		s.phase.Progress(Live{
			Phase: s.phase.Name, Done: min(1, float64(now-s.from)/float64(max(1, s.until-s.from))),
			PerSecond: float64(s.delivered-delivered) / (float64(now-last) / 1e9), P99: p99,
			ToCome: s.outstanding, Total: s.delivered + s.outstanding,
		})
		last, delivered = now, s.delivered
	}
}

func (s *Session) sumUp(r *PhaseResult) {
	r.Sent, r.Delivered, r.Refused, r.Duplicates = s.sent, s.delivered, s.refusals, s.duplicates
	if r.Hold > 0 {
		r.PerSecond = float64(s.inHold) / r.Hold.Seconds()
	}
	r.Unacknowledged = s.unacked
	r.Propagation, r.Ack, r.Returned = s.propagation.latency(), s.ack.latency(), s.returned.latency()
	r.Viewed, r.Cursor, r.Joins = s.viewed.latency(), s.cursor.latency(), s.joins.latency()
	r.Seen, r.CursorsSent, r.CursorsDelivered = s.seen, s.cursors, s.cursorsDelivered
	r.Frames, r.Messages, r.ReceivedBytes, r.SentBytes = s.frames, s.messages, s.received, s.written
	r.Dropped, r.Returns, r.Behind = s.dropped, s.returns, time.Duration(s.behind)
	for _, c := range s.conns {
		if c.replica == nil {
			continue
		}
		own := c.replica.missingOf(c.ordinal)
		r.Lost += int64(c.replica.missing() - own)
	}
}
