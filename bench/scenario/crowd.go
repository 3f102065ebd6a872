package scenario

import (
	"context"
	"fmt"
	"time"

	"github.com/weftsync/weft/bench/load"
)

// idle has connections that do nothing: each its own document, then all on one.
func idle(ctx context.Context, r *run) error {
	n := size(r, 1000, 2000)
	for _, shape := range []struct {
		label string
		plan  load.Plan
	}{
		{fmt.Sprintf("%d documents × 1", n), load.Plan{Documents: n, Editors: 1, Silent: true}},
		{fmt.Sprintf("1 document × %d", n), load.Plan{Documents: 1, Editors: n, Silent: true}},
	} {
		row, err := r.rest(ctx, shape.label, shape.plan, n)
		if err := r.keep(ctx, row, err); err != nil {
			return err
		}
	}
	return nil
}

// rest connects everybody and lets them rest.
func (r *run) rest(ctx context.Context, label string, p load.Plan, n int) (Row, error) {
	row := Row{Label: label, Connections: n}
	if err := r.start(ctx); err != nil {
		return row, err
	}
	before, err := r.live.RSS()
	if err != nil {
		return row, err
	}
	p = r.plan(p)
	s, err := r.open(ctx, p)
	if err != nil {
		return row, err
	}
	defer s.Close()
	result, err := r.phase(ctx, s, load.Phase{Name: "idle", Hold: size(r, 3*time.Second, 20*time.Second)})
	if err != nil {
		return row, err
	}
	row.of(p, result)
	row.add("at rest", Bytes, float64(before))
	row.add("each connection", Bytes, float64(result.Server.RSSEndBytes-before)/float64(n))
	row.add("memory", Bytes, float64(result.Server.RSSEndBytes))
	row.add("CPU", Share, result.Server.CPU.Seconds()/result.Took.Seconds())
	return row, nil
}

// storm has everybody come back at once.
func storm(ctx context.Context, r *run) error {
	if err := r.start(ctx); err != nil {
		return err
	}
	documents := size(r, 50, 100)
	const editors = 10
	row := Row{Label: fmt.Sprintf("%d clients, %d documents", documents*editors, documents), Connections: documents * editors}
	p := r.plan(load.Plan{Documents: documents, Editors: editors, Authors: 2})
	s, err := load.Open(p)
	if err != nil {
		return err
	}
	defer s.Close()
	if _, err = s.Connect(ctx, connectWithin); err != nil {
		return err
	}
	result, err := r.phase(ctx, s, load.Phase{Name: "before", Rate: 20, Hold: 2 * time.Second})
	if err != nil {
		return err
	}
	row.fault(result.Complete())
	s.Disconnect()
	if err := r.quiet(ctx); err != nil {
		return err
	}
	s.AtOnce = documents * editors
	meter := r.live.Meter()
	if meter != nil {
		if err := meter.Begin(); err != nil {
			return err
		}
	}
	joined, err := s.Connect(ctx, 30*time.Second)
	row.fault(err)
	row.Plan, row.Latency = &p, joined.Each
	row.took("until all are there", joined.Took)
	row.took("each p50", joined.Each.P50)
	row.took("p99", joined.Each.P99)
	row.add("failed", Count, float64(joined.Clients-joined.Joined))
	if meter != nil {
		usage, err := meter.End()
		if err != nil {
			return err
		}
		row.took("CPU time", usage.CPU)
		row.add("memory", Bytes, float64(usage.RSSPeakBytes))
		row.Memory, row.MemoryEvery = usage.Memory, usage.Every
	}
	row.check(ctx, s)
	return r.keep(ctx, row, nil)
}

// quiet waits until the server has nothing to do, so that what comes next is not paid by what was before.
func (r *run) quiet(ctx context.Context) error { return r.still(ctx, 1) }

// still waits until the server has had nothing to do for so many fifths of a second, which is longer than what it does in
// the background rests between two pieces of it.
func (r *run) still(ctx context.Context, fifths int) error {
	meter := r.live.Meter()
	if meter == nil {
		return nil
	}
	idle := 0
	for range 50 {
		if err := meter.Begin(); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			_, _ = meter.End() // the context's error is the one that matters
			return ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
		usage, err := meter.End()
		if err != nil {
			return err
		}
		if usage.CPU > 10*time.Millisecond {
			idle = 0
		} else if idle++; idle == fifths {
			return nil
		}
	}
	return nil
}
