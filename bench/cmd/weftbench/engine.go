package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/weftsync/weft/bench/engine"
	"github.com/weftsync/weft/bench/peers"
	"github.com/weftsync/weft/bench/report"
	"github.com/weftsync/weft/bench/trace"
)

type engineFlags struct {
	Full    bool          `help:"All rows, and all engines beside ours; else the rows on histories, beside Yjs."`
	Traces  []string      `default:"automerge-paper,rustcode,sveltecomponent,friendsforever_flat,generated" help:"Sequential histories to replay; the first has all rows, the others those that depend on the history."`
	Rows    string        `default:"" help:"Only rows whose name, or subject/name, matches this regular expression."`
	Best    int           `default:"5" help:"How often each row is measured at least, if that does not take too long."`
	Seconds float64       `default:"1" help:"How long each row is measured at least, if that is not more than 50 times."`
	Enough  float64       `default:"10" help:"After how many seconds a row is not measured again."`
	Bound   time.Duration `default:"30s" help:"How long a measurement of another engine may take."`
	Peers   []string      `help:"The engines to measure beside ours, by their names in the report."`
	NoPeers bool          `help:"Measure our engine alone."`
	N       int           `default:"6000" help:"The N of crdt-benchmarks."`
}

// perTrace are the rows that are measured on every history, not only on the first; those that are false only in a full
// run.
var perTrace = map[string]bool{
	"local": false, "local-update": true, "remote": true, "remote-serve": false, "load": true, "load-v2": false, "encode": true,
	"encode-v2": false, "memory-loaded": true,
}

// slow are the rows that only a full run has.
var slow = map[string]bool{"merge-all": true}

// on says whether a row is measured on a history.
func (f *engineFlags) on(row string, first bool) bool {
	quick, every := perTrace[row]
	switch {
	case f.Full:
		return first || every
	case first:
		return !slow[row]
	}
	return quick
}

// fixed are the rows that are measured exactly so often: because the document grows with each measurement, and all
// sides should have the same; because Yjs takes long; because memory varies little.
var fixed = map[string]int{"random-insert": 5, "merge": 3, "merge-all": 3, "memory-loaded": 3, "memory-lived": 2, "B4x100": 1}

// most is how often a row is measured at most.
const most = 50

func (f *engineFlags) repeat(row string) peers.Repeat {
	if n := fixed[row]; n > 0 {
		return peers.Repeat{Least: min(n, f.Best), Most: min(n, f.Best), Enough: f.Enough}
	}
	return peers.Repeat{Least: f.Best, Seconds: f.Seconds, Most: max(f.Best, most), Enough: f.Enough}
}

// engine measures the engine on all subjects.
func (b *bench) engine(ctx context.Context) {
	only, err := regexp.Compile(b.Engine.Rows)
	if err != nil {
		b.report.Fail("rows", err)
		return
	}
	b.only = func(subject, row string) bool { return only.MatchString(row) || only.MatchString(subject+"/"+row) }
	names := b.Engine.Traces
	if len(b.real) == 0 {
		names = []string{generated}
	}
	var first *engine.Subject
	for i, name := range names {
		rows := slices.DeleteFunc(engine.Rows(), func(row engine.Row) bool { return !b.Engine.on(row.Name, i == 0) })
		subject, err := b.onHistory(ctx, name, rows)
		if err != nil {
			b.report.Fail("engine on "+name, err)
		}
		if i == 0 {
			first = subject
		}
	}
	if !b.Engine.Full {
		return
	}
	for _, part := range []struct {
		name    string
		measure func() error
	}{
		{"documents", func() error { return b.onDocuments(ctx) }},
		{"crdt-benchmarks", func() error { return b.onScripts(ctx, first) }},
		{"hostile updates", func() error { return b.onHostile(ctx) }},
	} {
		if err := part.measure(); err != nil {
			b.report.Fail("engine on "+part.name, err)
		}
	}
}

// onHistory measures rows on a history and returns what they were measured on.
func (b *bench) onHistory(ctx context.Context, name string, rows []engine.Row) (*engine.Subject, error) {
	t, err := b.history(name)
	if err != nil {
		return nil, err
	}
	if t.Concurrent {
		return nil, errors.New("it is concurrent; the rows need a sequential history")
	}
	log, err := b.updatesOf(ctx, t)
	if err != nil {
		return nil, err
	}
	subject := &engine.Subject{Name: name, Trace: t, Updates: log, Client: author, Sizes: engine.DefaultSizes()}
	b.measure(ctx, name, rows, func(engine.Row) *engine.Subject { return subject })
	return subject, nil
}

// onDocuments measures the rows on whole documents of which no history is here.
func (b *bench) onDocuments(ctx context.Context) error {
	documents, err := trace.Documents()
	if errors.Is(err, trace.ErrNoTraces) {
		return nil // the report says already that they are missing
	}
	if err != nil {
		return err
	}
	if len(documents) == 0 {
		b.report.Lack("documents of the Eg-walker paper", trace.ErrNoTraces)
	}
	for _, d := range documents {
		v2, err := os.ReadFile(d.Path)
		if err != nil {
			return fmt.Errorf("read a document: %w", err)
		}
		whole, err := engine.ReadDocument(v2)
		if err != nil {
			return fmt.Errorf("%s: %w", d.Name, err)
		}
		subject := &engine.Subject{Name: d.Name, Whole: whole, Client: author, Sizes: engine.DefaultSizes()}
		b.measure(ctx, d.Name, engine.DocumentRows(), func(engine.Row) *engine.Subject { return subject })
	}
	return nil
}

// onScripts measures the rows of crdt-benchmarks; those on a history on the first one's.
func (b *bench) onScripts(ctx context.Context, history *engine.Subject) error {
	name := fmt.Sprintf("crdt-benchmarks, N = %d", b.Engine.N)
	subjects := map[string]*engine.Subject{}
	var rows []engine.Row
	for _, row := range engine.ScriptRows(b.Engine.N) {
		subject := &engine.Subject{Name: name, Script: row.Script, Client: author, Sizes: engine.DefaultSizes()}
		if row.History {
			if history == nil || history.Trace.Start != "" {
				return errors.New("B4 needs a history that begins with nothing")
			}
			subject.Trace = history.Trace
		}
		subjects[row.Name] = subject
		rows = append(rows, row.Row)
	}
	b.measure(ctx, name, rows, func(row engine.Row) *engine.Subject { return subjects[row.Name] })
	return b.onHundred(ctx, history)
}

// onHundred measures the rows on the document of B4×100: whether time and memory are linear.
func (b *bench) onHundred(ctx context.Context, history *engine.Subject) error {
	const times = 100
	name := fmt.Sprintf("%s×%d", history.Name, times)
	rows := engine.DocumentRows()
	if !slices.ContainsFunc(rows, func(row engine.Row) bool { return b.only(name, row.Name) }) {
		return nil
	}
	doc, err := engine.Repeated(history.Trace, times)
	if err != nil {
		return err
	}
	whole, err := engine.NewDocument(doc)
	if err != nil {
		return err
	}
	subject := &engine.Subject{Name: name, Whole: whole, Client: author, Sizes: engine.DefaultSizes()}
	b.measure(ctx, name, rows, func(engine.Row) *engine.Subject { return subject })
	return nil
}

// onHostile measures the rows on updates that want to do harm.
func (b *bench) onHostile(ctx context.Context) error {
	const name = "hostile, but valid"
	subjects := map[string]*engine.Subject{}
	var rows []engine.Row
	for _, row := range engine.HostileRows(engine.DefaultHostileSizes()) {
		subjects[row.Name] = &engine.Subject{Name: name, Hostile: row.Hostile, Client: author, Sizes: engine.DefaultSizes()}
		rows = append(rows, row.Row)
	}
	b.measure(ctx, name, rows, func(row engine.Row) *engine.Subject { return subjects[row.Name] })
	return nil
}

// measure measures those rows that were asked for, each on its subject, our engine first and the others in turn.
func (b *bench) measure(ctx context.Context, name string, rows []engine.Row, subject func(engine.Row) *engine.Subject) {
	rows = slices.DeleteFunc(rows, func(row engine.Row) bool { return !b.only(name, row.Name) })
	if len(rows) == 0 || ctx.Err() != nil {
		return
	}
	results := make([]report.EngineRow, len(rows))
	bar := b.progress.bar("engines on "+name, len(rows)*(1+len(b.peers)))
	for i, row := range rows {
		results[i] = b.measureWeft(ctx, subject(row), row)
		bar.set(i + 1)
	}
	done := len(rows)
	for i, row := range rows {
		for _, peer := range b.peers {
			results[i].Peers = append(results[i].Peers, b.measurePeer(ctx, peer, subject(row), row))
			done++
			bar.set(done)
		}
	}
	bar.done()
	b.failures("weft on "+name, b.report.Fail, results, func(r report.EngineRow) string { return r.WeftError })
	for i, peer := range b.peers {
		b.failures(peer.Name+" on "+name, b.report.FailPeer, results, func(r report.EngineRow) string {
			if r.Peers[i].Absence != report.Failed {
				return ""
			}
			return r.Peers[i].Reason
		})
	}
	b.report.Engine = append(b.report.Engine, results...)
}

// failures notes the rows that failed; those that failed for the same reason together.
func (b *bench) failures(who string, fail func(what string, err error), rows []report.EngineRow, reason func(report.EngineRow) string) {
	var reasons []string
	failed := map[string][]string{}
	for _, row := range rows {
		if r := reason(row); r != "" {
			if failed[r] == nil {
				reasons = append(reasons, r)
			}
			failed[r] = append(failed[r], row.Row)
		}
	}
	for _, r := range reasons {
		fail(who+", "+strings.Join(failed[r], ", "), errors.New(r))
	}
}

func (b *bench) measureWeft(ctx context.Context, s *engine.Subject, row engine.Row) report.EngineRow {
	result := report.EngineRow{Subject: s.Name, Row: row.Name, Work: row.Work, Memory: row.Memory}
	if row.Operations != nil {
		result.Operations = row.Operations(s)
	}
	if row.EachOf != nil {
		result.EachOf = row.EachOf(s)
	}
	samples, err := repeat(ctx, b.Engine.repeat(row.Name), func() (engine.Sample, error) { return row.Measure(s) })
	if err != nil {
		result.WeftError = err.Error()
	} else {
		result.Weft = samples
	}
	return result
}

// repeat measures as often as r says.
func repeat(ctx context.Context, r peers.Repeat, measure func() (engine.Sample, error)) ([]engine.Sample, error) {
	var samples []engine.Sample
	for start := time.Now(); r.More(len(samples), time.Since(start).Seconds()); {
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
