package scenario

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/weftsync/weft/bench/target"
)

// soakParts is how many parts a soak has. A multiple of four, because quarters are compared.
const soakParts = 12

// soak is a mixed day in parts, on the same connections.
func soak(ctx context.Context, r *run) error {
	if err := r.start(ctx); err != nil {
		return err
	}
	plan, phase := aDay(r, size(r, 50, 200), max(r.Soak/soakParts, time.Second))
	plan = r.plan(plan)
	s, err := r.open(ctx, plan)
	if err != nil {
		return err
	}
	defer s.Close()
	var held []target.Held
	for i := range soakParts {
		row := Row{Label: fmt.Sprintf("part %d of %d", i+1, soakParts)}
		phase.Name = row.Label
		result, err := r.phase(ctx, s, phase)
		if err == nil {
			row.of(plan, result)
			row.day(&result)
			err = r.holds(&row, &held)
		}
		if err == nil && i == soakParts-1 {
			row.check(ctx, s)
			row.fault(grown(held))
		}
		if err := r.keep(ctx, row, err); err != nil {
			return err
		}
	}
	return nil
}

// holds notes what the server holds at the end of a part. Of a server that the harness has not started nothing is known.
func (r *run) holds(row *Row, held *[]target.Held) error {
	h, err := r.live.Holds()
	if errors.Is(err, errOther) {
		return nil
	}
	if err != nil {
		return err
	}
	*held = append(*held, h)
	row.add("memory at the end", Bytes, float64(h.RSSBytes))
	row.add("open files", Count, float64(h.Files))
	if h.Goroutines >= 0 {
		row.add("goroutines", Count, float64(h.Goroutines))
	}
	return nil
}

// What may grow from the second quarter of a soak to the last, beside a share of what there was: documents become longer,
// and collectors do not come at the same moment each time.
const (
	grownShare  = 0.25
	grownBytes  = 32 << 20
	grownThings = 20 // files, goroutines
)

// grown says what has grown between the second quarter of a soak, when everything has warmed up, and the last: nil for
// nothing. The medians are compared, so that one part in which a collection was late does not count.
func grown(held []target.Held) error {
	if len(held) < soakParts {
		return nil // some parts are gaps, and say so
	}
	quarter := len(held) / 4
	early, late := held[quarter:2*quarter], held[len(held)-quarter:]
	compare := func(what string, of func(target.Held) float64, allowance float64) error {
		before, after := middleOf(early, of), middleOf(late, of)
		if after <= before*(1+grownShare)+allowance {
			return nil
		}
		return fmt.Errorf("%s grew from %.0f to %.0f between the second quarter and the last", what, before, after)
	}
	return errors.Join(
		compare("memory in bytes", func(h target.Held) float64 { return float64(h.RSSBytes) }, grownBytes),
		compare("open files", func(h target.Held) float64 { return float64(h.Files) }, grownThings),
		compare("goroutines", func(h target.Held) float64 { return float64(h.Goroutines) }, grownThings),
	)
}

// middleOf returns the middle value of a part of what was held.
func middleOf(held []target.Held, of func(target.Held) float64) float64 {
	values := make([]float64, len(held))
	for i, h := range held {
		values[i] = of(h)
	}
	slices.Sort(values)
	return values[len(values)/2]
}
