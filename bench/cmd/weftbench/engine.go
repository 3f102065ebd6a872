package main

import (
	"context"
	"errors"
	"regexp"
	"strings"
	"time"

	"github.com/weftsync/weft/bench/engine"
	"github.com/weftsync/weft/bench/report"
	"github.com/weftsync/weft/bench/yjs"
)

type engineFlags struct {
	Traces  []string `default:"automerge-paper,rustcode,sveltecomponent,friendsforever_flat,generated" help:"Sequential histories to replay; the first has all rows, the others those that depend on the history."`
	Rows    string   `default:"" help:"Only rows whose name matches this regular expression."`
	Best    int      `default:"5" help:"How often each row is measured at least."`
	Seconds float64  `default:"1" help:"How long each row is measured at least, if that is not more than 50 times."`
	NoYjs   bool     `help:"Do not measure Yjs beside us."`
}

// perTrace are the rows that are measured on every history, not only on the first.
var perTrace = map[string]bool{"local-update": true, "remote": true, "load": true, "encode": true, "memory-loaded": true}

// fixed are the rows that are measured exactly so often: because the document grows with each measurement, and both
// sides should have the same; because Yjs takes long; because memory varies little.
var fixed = map[string]int{"random-insert": 5, "merge": 3, "memory-loaded": 3, "memory-lived": 2}

// most is how often a row is measured at most.
const most = 50

func (f *engineFlags) repeat(row string) yjs.Repeat {
	if n := fixed[row]; n > 0 {
		return yjs.Repeat{Least: min(n, f.Best), Most: min(n, f.Best)}
	}
	return yjs.Repeat{Least: f.Best, Seconds: f.Seconds, Most: max(f.Best, most)}
}

// engine measures the engine on all histories.
func (b *bench) engine(ctx context.Context) {
	only, err := regexp.Compile(b.Engine.Rows)
	if err != nil {
		b.report.Fail("rows", err)
		return
	}
	names := b.Engine.Traces
	if len(b.real) == 0 {
		names = []string{generated}
	}
	for i, name := range names {
		if ctx.Err() != nil {
			return
		}
		var rows []engine.Row
		for _, row := range engine.Rows() {
			if (i == 0 || perTrace[row.Name]) && only.MatchString(row.Name) {
				rows = append(rows, row)
			}
		}
		if err := b.engineOn(ctx, name, rows); err != nil {
			b.report.Fail("engine on "+name, err)
		}
	}
}

func (b *bench) engineOn(ctx context.Context, name string, rows []engine.Row) error {
	t, err := b.history(name)
	if err != nil {
		return err
	}
	if t.Concurrent {
		return errors.New("it is concurrent; the rows need a sequential history")
	}
	log, err := b.updatesOf(ctx, t)
	if err != nil {
		return err
	}
	subject := &engine.Subject{Trace: t, Updates: log, Client: author, Sizes: engine.DefaultSizes()}
	results := b.measureWeft(ctx, subject, rows)
	b.measureYjs(ctx, subject, results)
	b.failures("weft on "+name, results, func(r report.EngineRow) string { return r.WeftError })
	b.failures("Yjs on "+name, results, func(r report.EngineRow) string { return r.YjsError })
	b.report.Engine = append(b.report.Engine, results...)
	return nil
}

// failures notes the rows that failed; those that failed for the same reason together.
func (b *bench) failures(who string, rows []report.EngineRow, reason func(report.EngineRow) string) {
	var reasons []string
	failed := map[string][]string{}
	for _, row := range rows {
		if r := reason(row); r != "" && r != report.NotMeasured {
			if failed[r] == nil {
				reasons = append(reasons, r)
			}
			failed[r] = append(failed[r], row.Row)
		}
	}
	for _, r := range reasons {
		b.report.Fail(who+", "+strings.Join(failed[r], ", "), errors.New(r))
	}
}

func (b *bench) measureWeft(ctx context.Context, s *engine.Subject, rows []engine.Row) []report.EngineRow {
	results := make([]report.EngineRow, len(rows))
	bar := b.progress.bar("weft on "+s.Trace.Name, len(rows))
	defer bar.done()
	for i, row := range rows {
		results[i] = report.EngineRow{Trace: s.Trace.Name, Row: row.Name, Work: row.Work, Memory: row.Memory}
		if row.Operations != nil {
			results[i].Operations = row.Operations(s)
		}
		samples, err := repeat(ctx, b.Engine.repeat(row.Name), func() (engine.Sample, error) { return row.Measure(s) })
		if err != nil {
			results[i].WeftError = err.Error()
		} else {
			results[i].Weft = samples
		}
		bar.set(i + 1)
	}
	return results
}

// repeat measures as often as r says.
func repeat(ctx context.Context, r yjs.Repeat, measure func() (engine.Sample, error)) ([]engine.Sample, error) {
	var samples []engine.Sample
	start := time.Now()
	for len(samples) < r.Least || len(samples) < r.Most && time.Since(start).Seconds() < r.Seconds {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		sample, err := measure()
		if err != nil {
			return nil, err
		}
		samples = append(samples, sample)
	}
	return samples, nil
}

// measureYjs fills in what Yjs does.
func (b *bench) measureYjs(ctx context.Context, s *engine.Subject, results []report.EngineRow) {
	if b.node == nil || b.Engine.NoYjs {
		for i := range results {
			results[i].YjsError = report.NotMeasured
		}
		return
	}
	bar := b.progress.bar("Yjs on "+s.Trace.Name, len(results))
	defer bar.done()
	for i := range results {
		row := &results[i]
		values, err := b.node.Measure(ctx, s.Trace, s.Client, s.Sizes, row.Row, b.Engine.repeat(row.Row), nil)
		if err != nil {
			row.YjsError = err.Error()
		} else {
			row.Yjs = values
		}
		bar.set(i + 1)
	}
}
