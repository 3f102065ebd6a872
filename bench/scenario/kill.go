package scenario

import (
	"context"
	"fmt"
	"time"

	"github.com/weftsync/weft/bench/load"
)

// kill ends the server while documents are typed into, starts it again and counts what is gone.
func kill(ctx context.Context, r *run) error {
	if !r.peer.Stores {
		return fmt.Errorf("%w: it stores nothing", errGap)
	}
	if _, elsewhere := r.host.(address); elsewhere {
		return errOther
	}
	const documents = 20
	row := Row{Label: fmt.Sprintf("%d documents, 100 edits a second each", documents)}
	if err := r.start(ctx); err != nil {
		return r.keep(ctx, row, err)
	}
	p := r.plan(load.Plan{Documents: documents, Editors: 2, Authors: 1, Stay: true})
	s, err := r.open(ctx, p)
	if err != nil {
		return r.keep(ctx, row, err)
	}
	defer s.Close()
	var died time.Time
	at := size(r, 4*time.Second, 16*time.Second)
	result, err := r.phase(ctx, s, load.Phase{
		Name: "kill", Rate: 100, Hold: at + 100*time.Millisecond, Patience: time.Millisecond, At: at,
		Do: func() error {
			died = time.Now()
			return r.live.Kill()
		},
	})
	row.Plan, row.Connections, row.Latency = &p, documents*2, result.Propagation
	row.Phases = append(row.Phases, result)
	if err != nil {
		return r.keep(ctx, row, err)
	}
	if err := r.again(ctx); err != nil {
		return r.keep(ctx, row, fmt.Errorf("start it again: %w", err))
	}
	s.Server = r.live.Address()
	toll, err := s.Toll(ctx, died)
	if err != nil {
		return r.keep(ctx, row, err)
	}
	row.add("sent", Count, float64(toll.Sent))
	row.add("told", Count, float64(toll.Told))
	row.add("lost", Count, float64(toll.Lost))
	row.took("typing lost", toll.Span)
	row.took("told after p99", result.Ack.P99)
	row.took("listening again after", r.ready())
	return r.keep(ctx, row, nil)
}

// ready returns how long the running server took to start.
func (r *run) ready() time.Duration {
	if p, ok := r.live.(process); ok {
		return p.Ready
	}
	return 0
}
