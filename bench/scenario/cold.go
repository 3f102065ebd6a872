package scenario

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/weftsync/weft/bench/load"
)

// joinBound is how long one client may wait for its document, and fillBound how long it may take to bring it there.
const (
	joinBound = 30 * time.Second
	fillBound = 5 * time.Minute
)

// join connects once and returns how long it took until the document was there. What was sent is checked.
func (r *run) join(ctx context.Context, document string, c *cut, missed bool) (took time.Duration, bytes int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, joinBound)
	defer cancel()
	var vector []byte
	if missed {
		vector = c.vector
	}
	began := time.Now()
	client, err := load.DialClient(ctx, r.plan(load.Plan{}), document, vector)
	if err != nil {
		return 0, 0, err
	}
	defer client.Close()
	received, err := client.Join()
	took = time.Since(began)
	if err != nil {
		return 0, 0, err
	}
	wrong := c.check(received, missed)
	for wrong != nil { // it may come late: y-websocket's server answers before it has loaded the document
		more, err := client.More(lateBound)
		took = time.Since(began)
		if err != nil || len(more) == 0 {
			return 0, 0, errors.Join(wrong, err)
		}
		received = append(received, more...)
		wrong = c.check(received, missed)
	}
	return took, client.Received, nil
}

// lateBound is how long a server that has answered with less than the document is waited for.
const lateBound = 5 * time.Second

// fill brings a history into a document: its beginning as one update, the rest one by one.
func (r *run) fill(ctx context.Context, document string, c *cut) error {
	ctx, cancel := context.WithTimeout(ctx, fillBound)
	defer cancel()
	client, err := load.DialClient(ctx, r.plan(load.Plan{}), document, nil)
	if err != nil {
		return err
	}
	defer client.Close()
	if _, err := client.Join(); err != nil {
		return err
	}
	return client.Fill(append([][]byte{c.base}, c.missed...))
}

// cold measures how long a client waits for a long document: one that was written a moment before the server was started,
// in a process that has served nothing yet and in one that has; one that lay there for long enough that what the server
// does to it in the background is done; and one that is loaded.
func cold(ctx context.Context, r *run) error {
	c, err := r.History.cut(1000)
	if err != nil {
		return err
	}
	if err := r.start(ctx); err != nil {
		return err
	}
	row := Row{Label: r.History.Name}
	names := make([]string, size(r, 3, 6))
	for i := range names {
		names[i] = fmt.Sprintf("cold-%d", i)
		if err := r.fill(ctx, names[i], c); err != nil {
			return r.keep(ctx, row, fmt.Errorf("bring the document there: %w", err))
		}
	}
	if err := r.quiet(ctx); err != nil {
		return r.keep(ctx, row, err)
	}
	if err := r.coldRow(ctx, &row, names, c); err != nil {
		return r.keep(ctx, row, err)
	}
	return r.keep(ctx, row, nil)
}

func (r *run) coldRow(ctx context.Context, row *Row, names []string, c *cut) error {
	var process, document, rested, warm, missed []time.Duration
	measure := func(to *[]time.Duration, name string, onlyMissed bool) error {
		took, _, err := r.join(ctx, name, c, onlyMissed)
		*to = append(*to, took)
		return err
	}
	if r.peer.Stores {
		for range size(r, 2, 5) {
			if err := r.restart(ctx); err != nil {
				return err
			}
			if err := measure(&process, names[0], false); err != nil {
				return fmt.Errorf("join the first document: %w", err)
			}
			for _, name := range names[1:] {
				if err := measure(&document, name, false); err != nil {
					return fmt.Errorf("join a cold document: %w", err)
				}
			}
		}
		row.took("cold process", median(process))
		row.took("cold document", median(document))
		if err := r.still(ctx, 5); err != nil {
			return err
		}
		if err := r.restart(ctx); err != nil {
			return err
		}
		for _, name := range names {
			if err := measure(&rested, name, false); err != nil {
				return fmt.Errorf("join a document at rest: %w", err)
			}
		}
		row.took("at rest", median(rested))
	}
	// A document stays loaded while somebody has it open.
	open, err := load.DialClient(ctx, r.plan(load.Plan{}), names[0], nil)
	if err != nil {
		return err
	}
	defer open.Close()
	if _, err := open.Join(); err != nil {
		return err
	}
	for range 20 {
		if err := measure(&warm, names[0], false); err != nil {
			return fmt.Errorf("join a warm document: %w", err)
		}
		if err := measure(&missed, names[0], true); err != nil {
			return fmt.Errorf("join after 1,000 missed updates: %w", err)
		}
	}
	row.took("warm", median(warm))
	row.took("1,000 missed", median(missed))
	return nil
}

// restart stops the server in good order and starts it with the same documents.
func (r *run) restart(ctx context.Context) error {
	if err := r.live.Stop(); err != nil {
		return err
	}
	return r.again(ctx)
}

func median(took []time.Duration) time.Duration {
	if len(took) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(took))
	return sorted[len(sorted)/2]
}

// catchUp measures how long a client waits that missed much.
func catchUp(ctx context.Context, r *run) error {
	for _, n := range size(r, []int{1000, 10_000}, []int{1000, 100_000}) {
		row := Row{Label: fmt.Sprintf("%d missed updates", n)}
		err := r.caughtUp(ctx, &row, n)
		if err := r.keep(ctx, row, err); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) caughtUp(ctx context.Context, row *Row, n int) error {
	c, err := r.History.cut(n)
	if err != nil {
		return err
	}
	if err := r.start(ctx); err != nil {
		return err
	}
	document := fmt.Sprintf("catch-up-%d", n)
	if err := r.fill(ctx, document, c); err != nil {
		return fmt.Errorf("bring the document there: %w", err)
	}
	if err := r.quiet(ctx); err != nil {
		return err
	}
	open, err := load.DialClient(ctx, r.plan(load.Plan{}), document, nil)
	if err != nil {
		return err
	}
	defer open.Close()
	if _, err := open.Join(); err != nil {
		return err
	}
	var took []time.Duration
	var bytes int64
	for range size(r, 5, 11) {
		one, size, err := r.join(ctx, document, c, true)
		if err != nil {
			return err
		}
		took, bytes = append(took, one), size
	}
	row.took("caught up", median(took))
	row.took("longest", slices.Max(took))
	row.add("received", Bytes, float64(bytes))
	if r.peer.Stores {
		open.Close()
		if err := r.restart(ctx); err != nil {
			return err
		}
		one, _, err := r.join(ctx, document, c, true)
		if err != nil {
			return err
		}
		row.took("after a restart", one)
	}
	return nil
}
