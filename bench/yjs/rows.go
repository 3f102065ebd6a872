package yjs

import (
	"context"
	"errors"
	"fmt"

	"github.com/weftsync/weft/bench/trace"
)

// Sizes are the sizes of the synthetic rows, which both sides must share.
type Sizes struct {
	// Items is how many items a document of the position rows has.
	Items int `json:"items"`
	// Batch is how many operations one measurement of an operation spans.
	Batch int `json:"batch"`
	// Clients is how many clients are known in the map row.
	Clients int `json:"clients"`
	// Merge is how many updates the merge row merges.
	Merge int `json:"merge"`
}

// Repeat says how often something is measured: at least Least times, and on until it has taken Seconds in all or has
// been done Most times.
type Repeat struct {
	Least   int     `json:"least"`
	Seconds float64 `json:"seconds"`
	Most    int     `json:"most"`
}

// A Value is one measurement: seconds, or bytes for a row of memory, and the CPU time that all threads of the process
// used meanwhile.
type Value struct {
	Value      float64 `json:"value"`
	CPUSeconds float64 `json:"cpu"`
}

// Measure measures one row in a Node process of its own and returns each measurement. progress, if not nil, is called after each measurement with their number.
func (n *Node) Measure(ctx context.Context, t *trace.Trace, client uint64, sizes Sizes, row string, repeat Repeat, progress func(done int)) ([]Value, error) {
	_, updates, err := n.updates(ctx, t, client)
	if err != nil {
		return nil, err
	}
	history, _, err := n.writeTrace(t)
	if err != nil {
		return nil, err
	}
	var values []Value
	j := job{Trace: history, Updates: updates, Client: client, Row: row, Repeat: repeat, Sizes: sizes}
	err = n.run(ctx, "rows.mjs", j, func(m message) error {
		switch {
		case m.Error != "":
			return errors.New(m.Error)
		case m.Values != nil:
			values = m.Values
		case m.Step > 0 && progress != nil:
			progress(m.Step)
		}
		return nil
	})
	if err == nil && len(values) == 0 {
		err = errors.New("it gave no values")
	}
	if err != nil {
		return nil, fmt.Errorf("measure Yjs: %w", err)
	}
	return values, nil
}
