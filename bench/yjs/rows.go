package yjs

import (
	"context"
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

// RowOrder asks for one row, measured best times.
type RowOrder struct {
	Row  string `json:"row"`
	Best int    `json:"best"`
}

// A Row is what Yjs did: one value for each measurement, in seconds or bytes, or the reason why there is none.
type Row struct {
	Values []float64
	Err    error
}

// Measure runs the rows in one Node process, in the order given, and returns them by name; a row that the process did
// not come to is missing from the map. progress, if not nil, is called after each measurement.
func (n *Node) Measure(ctx context.Context, t *trace.Trace, client uint64, sizes Sizes, rows []RowOrder, progress func(row string, step int)) (map[string]Row, error) {
	_, updates, err := n.updates(ctx, t, client)
	if err != nil {
		return nil, err
	}
	history, _, err := n.writeTrace(t)
	if err != nil {
		return nil, err
	}
	measured := make(map[string]Row, len(rows))
	err = n.run(ctx, "rows.mjs", job{Trace: history, Updates: updates, Client: client, Rows: rows, Sizes: sizes}, func(m message) error {
		switch {
		case m.Error != "":
			measured[m.Row] = Row{Err: fmt.Errorf("measure Yjs on %s: %s", m.Row, m.Error)}
		case m.Values != nil:
			measured[m.Row] = Row{Values: m.Values}
		case m.Step > 0 && progress != nil:
			progress(m.Row, m.Step)
		}
		return nil
	})
	return measured, err
}
