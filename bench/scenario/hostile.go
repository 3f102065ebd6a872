package scenario

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/weftsync/weft/bench/engine"
	"github.com/weftsync/weft/bench/load"
)

// hostile has the same load twice, the second time beside somebody who does harm.
func hostile(ctx context.Context, r *run) error {
	if err := r.start(ctx); err != nil {
		return err
	}
	const documents, editors = 20, 10
	p := r.plan(load.Plan{Documents: documents, Editors: editors, Authors: editors})
	s, err := r.open(ctx, p)
	if err != nil {
		return err
	}
	defer s.Close()
	phase := load.Phase{Name: "alone", Rate: 1, Hold: size(r, 3*time.Second, 15*time.Second), Patience: time.Minute}
	attack := newAttack()
	for _, beside := range []bool{false, true} {
		row := Row{Label: "200 good ones alone"}
		stop := func() int { return 0 }
		if beside {
			row.Label, phase.Name = "beside a hostile one", "hostile"
			stop = attack.begin(ctx, r)
		}
		result, err := r.phase(ctx, s, phase)
		blows := stop()
		if err == nil {
			row.of(p, result)
			row.latencies(result.Propagation)
			row.took("acknowledged p99", result.Ack.P99)
			row.add("blows", Count, float64(blows))
			row.costs(&result)
			if beside {
				row.check(ctx, s)
			}
		}
		if err := r.keep(ctx, row, err); err != nil {
			return err
		}
	}
	return nil
}

// An attack is what a hostile client sends, each on a connection of its own to a document of its own.
type attack struct{ blows [][]byte }

func newAttack() *attack {
	a := &attack{}
	for _, row := range engine.HostileRows(engine.DefaultHostileSizes()) {
		if row.Name == "inserts" || row.Name == "pending" || row.Name == "roots" {
			a.blows = append(a.blows, row.Hostile.Update)
		}
	}
	a.blows = append(a.blows,
		nil,                               // no update at all
		[]byte{1, 1, 1, 0, 4, 1, 1},       // one that is cut
		[]byte{0xff, 0xff, 0xff, 0x7f, 1}, // one that claims 268 million clients
		[]byte{1, 1, 9, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f, 0}, // a collected run as long as clocks go
	)
	return a
}

// begin strikes until it is told to stop, and then says how many blows there were.
func (a *attack) begin(ctx context.Context, r *run) (stop func() int) {
	ctx, cancel := context.WithCancel(ctx)
	plan := r.plan(load.Plan{})
	var blows int
	var done sync.WaitGroup
	done.Go(func() {
		for ctx.Err() == nil {
			a.strike(ctx, plan, fmt.Sprintf("hostile-%d", blows), a.blows[blows%len(a.blows)])
			blows++
			select {
			case <-ctx.Done():
			case <-time.After(50 * time.Millisecond):
			}
		}
	})
	return func() int {
		cancel()
		done.Wait()
		return blows
	}
}

// strike sends one update. What becomes of the connection is the attacker's own business.
func (a *attack) strike(ctx context.Context, plan load.Plan, document string, blow []byte) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	c, err := load.DialClient(ctx, plan, document, nil)
	if err != nil {
		return
	}
	defer c.Close()
	defer context.AfterFunc(ctx, c.Close)()
	if _, err := c.Join(); err != nil {
		return
	}
	_ = c.SendUpdate(blow)
	_, _ = c.WaitForEnd(100 * time.Millisecond) // it may be refused, or taken
}
