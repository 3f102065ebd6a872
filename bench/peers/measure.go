package peers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/weftsync/weft/bench/yjs"
)

// ErrCannot says that an engine cannot do a row in its own way.
var ErrCannot = errors.New("it cannot do that in its own way")

// A SlowError says that a measurement took longer than it may.
type SlowError struct {
	Bound     time.Duration
	Preparing bool // what took so long was to prepare a measurement, or to check it
}

func (e *SlowError) Error() string {
	if e.Preparing {
		return fmt.Sprintf("preparing took more than %v", e.Bound)
	}
	return fmt.Sprintf("it took more than %v", e.Bound)
}

// prepareBounds is how many times as long as a measurement its preparation may take: it may make an engine's own updates
// of a whole history, once.
const prepareBounds = 4

// A Job is a row and the files with its input; a row needs only some of them. See job.mjs.
type Job struct {
	Row    string `json:"row"`
	Client uint64 `json:"client"`
	Repeat Repeat `json:"repeat"`
	Sizes

	Trace   string `json:"trace,omitempty"`   // the history
	Updates string `json:"updates,omitempty"` // its updates in the format of Yjs
	Own     string `json:"own,omitempty"`     // where those in an engine's own format are kept; a suffix is added
	V1      string `json:"v1,omitempty"`      // a whole document, in both formats of Yjs
	V2      string `json:"v2,omitempty"`
	Text    string `json:"text,omitempty"`   // its text
	Root    string `json:"root,omitempty"`   // the root that the text is in, if it is not that of all histories
	Script  string `json:"script,omitempty"` // the input of a row of crdt-benchmarks
	Base    string `json:"base,omitempty"`   // an update that is there before
	Update  string `json:"update,omitempty"` // the one that wants to do harm
}

// order is a job as the script reads it.
type order struct {
	Job
	Engine string `json:"engine"`
	Folder string `json:"folder"`
}

// message is what the script says, one on a line.
type message struct {
	Timing int
	Values []Value
	Cannot string
	Error  string
}

// Measure measures one row of an engine in a process of its own and returns each measurement. One that takes longer than
// bound is ended with the process, and the error is a [*SlowError]. The error wraps [ErrCannot] when the engine has no way to do the row, and [ErrMissing] when it is not installed.
func (p *Peer) Measure(parent context.Context, n *yjs.Node, job Job, bound time.Duration) ([]Value, error) {
	if p.Missing != nil {
		return nil, p.Missing
	}
	if job.Own != "" {
		job.Own += "-" + p.script + p.Version + ".updates"
	}
	ctx, cancel := context.WithCancelCause(parent)
	defer cancel(nil)
	bounded := func(slow *SlowError) *time.Timer { return time.AfterFunc(slow.Bound, func() { cancel(slow) }) }
	preparing := &SlowError{Bound: prepareBounds * bound, Preparing: true}
	clock := bounded(preparing)
	defer func() { clock.Stop() }()
	var values []Value
	script := filepath.Join(n.Root, "bench", "peers", "measure.mjs")
	err := n.Run(ctx, script, order{Job: job, Engine: p.script, Folder: p.folder}, func(line []byte) error {
		var m message
		if err := json.Unmarshal(line, &m); err != nil {
			return fmt.Errorf("understand %q: %w", line, err)
		}
		switch {
		case m.Error != "":
			return errors.New(m.Error)
		case m.Cannot != "":
			return fmt.Errorf("%w: %s", ErrCannot, m.Cannot)
		case m.Values != nil:
			values = m.Values
		}
		limit := preparing
		if m.Timing > 0 {
			limit = &SlowError{Bound: bound}
		}
		clock.Stop()
		clock = bounded(limit)
		return nil
	})
	var late *SlowError
	if errors.As(context.Cause(ctx), &late) {
		return nil, fmt.Errorf("measure %s: %w", p.Name, late)
	}
	if err == nil && len(values) == 0 {
		err = errors.New("it gave no values")
	}
	if err != nil {
		return nil, fmt.Errorf("measure %s: %w", p.Name, err)
	}
	return values, nil
}
