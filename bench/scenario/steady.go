package scenario

import (
	"context"
	"fmt"
	"time"

	"github.com/weftsync/weft/bench/load"
)

// fanOut has one document that ever more follow.
func fanOut(ctx context.Context, r *run) error {
	for _, n := range size(r, []int{500}, []int{50, 100, 200, 500, 1000}) {
		row, err := r.hold(ctx, fmt.Sprintf("%d connections", n),
			load.Plan{Documents: 1, Editors: n, Authors: 10},
			load.Phase{Name: "fan-out", Rate: 5, Hold: size(r, 4*time.Second, 15*time.Second)})
		if err == nil {
			p := &row.Phases[0]
			row.add("delivered/s", Count, p.PerSecond)
			row.latencies(p.Propagation)
			row.took("acknowledged p99", p.Ack.P99)
			row.costs(p)
		}
		if err := r.keep(ctx, row, err); err != nil {
			return err
		}
	}
	return nil
}

// rooms has many documents with few editors.
func rooms(ctx context.Context, r *run) error {
	for _, n := range size(r, []int{300}, []int{300, 1000}) {
		row, err := r.hold(ctx, fmt.Sprintf("%d × 3", n),
			load.Plan{Documents: n, Editors: 3, Authors: 3},
			load.Phase{Name: "rooms", Rate: 1.5, Cursors: 2, Hold: size(r, 5*time.Second, 20*time.Second), Ramp: 500 * time.Millisecond})
		if err == nil {
			p := &row.Phases[0]
			row.add("delivered/s", Count, p.PerSecond)
			row.latencies(p.Propagation)
			row.took("acknowledged p99", p.Ack.P99)
			row.took("cursors p99", p.Cursor.P99)
			row.costs(p)
		}
		if err := r.keep(ctx, row, err); err != nil {
			return err
		}
	}
	return nil
}

// viewers has readers of event streams.
func viewers(ctx context.Context, r *run) error {
	if !r.peer.Views {
		return fmt.Errorf("%w: it has no event streams", errGap)
	}
	for _, n := range size(r, []int{50}, []int{10, 100, 500}) {
		row, err := r.hold(ctx, fmt.Sprintf("10 documents × (2 editors, %d viewers)", n),
			load.Plan{Documents: 10, Editors: 2, Authors: 2, Viewers: n},
			load.Phase{Name: "viewers", Rate: 4, Hold: size(r, 4*time.Second, 15*time.Second)})
		if err == nil {
			p := &row.Phases[0]
			row.Latency = p.Viewed
			row.add("seen/s", Count, float64(p.Seen)/p.Took.Seconds())
			row.took("seen p50", p.Viewed.P50)
			row.took("p99", p.Viewed.P99)
			row.took("max", p.Viewed.Max)
			row.took("editors p99", p.Propagation.P99)
			row.costs(p)
		}
		if err := r.keep(ctx, row, err); err != nil {
			return err
		}
	}
	return nil
}

// aDay is the load of a mixed day.
func aDay(r *run, documents int, hold time.Duration) (load.Plan, load.Phase) {
	p := load.Plan{Documents: documents, Editors: 4, Authors: 4, Pattern: load.Bursts}
	if r.peer.Views {
		p.Viewers = 1
	}
	return p, load.Phase{
		Name: "mixed day", Rate: 1, Cursors: 1, Hold: hold, Ramp: hold / 10,
		Absences: 0.2 * hold.Seconds() / 10, Away: 2 * time.Second,
	}
}

func mixedDay(ctx context.Context, r *run) error {
	documents := size(r, 50, 100)
	plan, phase := aDay(r, documents, size(r, 6*time.Second, time.Minute))
	row, err := r.hold(ctx, fmt.Sprintf("%d × 4", documents), plan, phase)
	if err == nil {
		p := &row.Phases[0]
		row.day(p)
	}
	return r.keep(ctx, row, err)
}

// day adds what a mixed day is about.
func (r *Row) day(p *load.PhaseResult) {
	r.add("delivered/s", Count, p.PerSecond)
	r.latencies(p.Propagation)
	r.took("acknowledged p99", p.Ack.P99)
	r.add("came back", Count, float64(p.Returns))
	r.took("returned p99", p.Returned.P99)
	r.costs(p)
}

// slowReaders has some who stop reading.
func slowReaders(ctx context.Context, r *run) error {
	flood := load.Pattern{Name: "flood", Pastes: 1, PasteUnits: 2000}
	row, err := r.hold(ctx, "30 connections, 10 of them slow",
		load.Plan{Documents: 1, Editors: 30, Authors: 10, Slow: 10, Pattern: flood},
		load.Phase{Name: "slow readers", Rate: 50, Hold: size(r, 5*time.Second, 15*time.Second), Patience: 30 * time.Second})
	if err == nil {
		p := &row.Phases[0]
		row.add("delivered/s", Count, p.PerSecond)
		row.latencies(p.Propagation)
		row.add("slow ones cut", Count, float64(p.Dropped))
		if p.Server.RSSEndBytes > 0 {
			row.add("growth", Bytes, float64(p.Server.RSSPeakBytes-p.Server.RSSBeginBytes))
		}
		row.costs(p)
	}
	return r.keep(ctx, row, err)
}
