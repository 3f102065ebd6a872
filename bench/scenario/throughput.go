package scenario

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/weftsync/weft/bench/load"
)

// bearable is the p99 up to which a rate counts as held.
const bearable = 100 * time.Millisecond

// throughput raises the rate until the server falls behind.
func throughput(ctx context.Context, r *run) error {
	shapes := size(r,
		[]load.Plan{{Documents: 300, Editors: 3, Authors: 3}, {Documents: 1, Editors: 200, Authors: 20}},
		[]load.Plan{{Documents: 300, Editors: 3, Authors: 3}, {Documents: 1, Editors: 50, Authors: 20}, {Documents: 1, Editors: 200, Authors: 20}, {Documents: 1, Editors: 500, Authors: 20}})
	for _, shape := range shapes {
		row, err := r.climb(ctx, shape)
		if err := r.keep(ctx, row, err); err != nil {
			return err
		}
	}
	return nil
}

// climb looks for the highest rate that a server holds: it doubles, then halves the distance.
func (r *run) climb(ctx context.Context, p load.Plan) (Row, error) {
	row := Row{Label: fmt.Sprintf("%d × %d, %d writers", p.Documents, p.Editors, p.Documents*p.Authors)}
	if err := r.start(ctx); err != nil {
		return row, err
	}
	p = r.plan(p)
	s, err := r.open(ctx, p)
	if err != nil {
		return row, err
	}
	defer s.Close()
	perEdit := float64(p.Documents*p.Authors) * float64(p.Editors-1) // deliveries a second at an edit a second
	rate, good, bad := size(r, 8000.0, 4000.0)/perEdit, 0.0, 0.0
	var best *load.PhaseResult
	for refined, failed := 0, false; refined < size(r, 2, 3); {
		result, err := r.phase(ctx, s, load.Phase{
			Name: fmt.Sprintf("%.0f/s", rate*perEdit), Rate: rate, Hold: size(r, 1500*time.Millisecond, 4*time.Second), Patience: 15 * time.Second,
		})
		if err != nil {
			return row, err
		}
		row.Phases = append(row.Phases, result)
		row.Curve = append(row.Curve, Point{PerSecond: result.PerSecond, P99: result.Propagation.P99})
		if result.Lost > 0 || result.Dropped > 0 {
			break // it has not caught up: what follows would measure the past
		}
		if held(&result, rate*perEdit) {
			if best == nil || result.PerSecond > best.PerSecond {
				best = &row.Phases[len(row.Phases)-1]
			}
			good, failed = rate, false
		} else if !failed {
			failed = true // one stall of the machine is not the server's limit
			continue
		} else {
			bad, failed = rate, false
		}
		if bad == 0 {
			rate *= 2
			continue
		}
		refined++
		if rate = (good + bad) / 2; good == 0 {
			rate = bad / 4
		}
	}
	if best == nil {
		return row, errors.New("it holds no rate that was tried")
	}
	kept := *best // row.Phases has grown since
	row.of(p, kept)
	row.Phases = row.Phases[:len(row.Phases)-1]
	row.add("delivered/s", Count, kept.PerSecond)
	row.add("sent/s", Count, float64(kept.Sent)/kept.Hold.Seconds())
	row.latencies(kept.Propagation)
	row.add("frames/s", Count, float64(kept.Frames)/kept.Took.Seconds())
	row.costs(&kept)
	row.add("generator CPU", Share, kept.Generator.Seconds()/kept.Took.Seconds())
	row.fault(s.Drain(ctx, time.Minute))
	row.check(ctx, s)
	return row, nil
}

// held reports whether a rate was held: everything arrived in time, and while it was sent.
func held(p *load.PhaseResult, want float64) bool {
	return p.Propagation.P99 <= bearable && p.PerSecond >= 0.85*want && p.Lost == 0
}
