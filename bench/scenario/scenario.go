package scenario

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/weftsync/weft/bench/load"
)

// A Scenario is something that is done to a server.
type Scenario struct {
	// Name is what it is asked for by, Title one line about it, About how the rows are to be read.
	Name  string
	Title string
	About string
	// Long says that it is done only when it is asked for by name.
	Long bool
	// QuickWithin is after how long a quick run gives a server up; 0 for the usual time.
	QuickWithin time.Duration

	run func(ctx context.Context, r *run) error
}

// All returns the scenarios in the order of the report.
func All() []Scenario {
	return []Scenario{
		{Name: "fan-out", Title: "One document, many connections, 10 of them writing 5 edits a second each", run: fanOut,
			About: "p50 to max: from when an edit was meant to be sent until another editor had it. CPU: of the server, for 1,000 deliveries."},
		{Name: "rooms", Title: "Many documents with 3 editors each: 1.5 edits and 2 cursors a second by everybody", run: rooms,
			About: "CPU includes the cursors, which are delivered too. Acknowledged: the time until the author had the acknowledgement or, in the dialect of y-websocket, the echo."},
		{Name: "max-throughput", Title: "As many edits as the server delivers within 100 ms", run: throughput,
			About: "The rate is raised until p99 passes 100 ms or deliveries fall behind; shown is the highest rate held. An update counts once for each other editor that has it, however many travelled in one frame."},
		{Name: "idle", Title: "Connections that do nothing", run: idle,
			About: "Memory: what the server's resident memory grew by, divided by the connections."},
		{Name: "cold", Title: "How long a client waits for a document", run: cold,
			About: "From the connection's beginning until the document is there, the WebSocket's upgrade included. Cold process: the first document after a start. Cold document: one that the process has not loaded. At rest: the same, when the server has done what it does in the background. Medians."},
		{Name: "catch-up", Title: "How long a client waits that was away while others typed", run: catchUp,
			About: "The client knows the document as it was so many updates ago, and gets what it lacks. Medians of several."},
		{Name: "connect-storm", Title: "All clients come back at once", run: storm,
			About: "From the moment at which all begin to connect until they have their documents."},
		{Name: "slow-readers", Title: "Some stop reading while others paste 1 MB a second", run: slowReaders,
			About: "p50 to max: of those who read. Growth: of the server's memory at its peak. Afterwards the slow ones read again, and have to get everything."},
		{Name: "viewers", Title: "Readers of an event stream beside editors", run: viewers,
			About: "Seen: from when an edit was meant to be sent until a viewer had it."},
		{Name: "mixed-day", Title: "Editors in bursts, cursors, readers, people who go offline and come back", run: mixedDay,
			About: "Returned: from when somebody was to come back until the others had what was written offline."},
		{Name: "kill", Title: "kill -9 while 20 documents are typed into", run: kill,
			About: "Told: updates that were acknowledged or, in the dialect of y-websocket, echoed. Lost: those of them that are gone when the server has started again."},
		{Name: "hostile", Title: "A hostile writer beside 200 good ones", run: hostile, QuickWithin: 20 * time.Second,
			About: "The same load twice, the second time with a client that sends what does harm to documents of its own."},
		{Name: "soak", Title: "A mixed day that goes on", Long: true, run: soak,
			About: "A row for each part of the time, on the same connections. At its end: memory, open files and, of a Go server that has an admin page, goroutines. The last quarter is compared with the second; what has grown is a fault."},
	}
}

// Find returns the scenario with a name.
func Find(name string) (Scenario, error) {
	for _, s := range All() {
		if s.Name == name {
			return s, nil
		}
	}
	return Scenario{}, fmt.Errorf("there is no scenario %q", name)
}

// Options are how a scenario is carried out.
type Options struct {
	// Quick makes everything smaller and shorter.
	Quick bool
	Seed  uint64
	// AnyMachine lets the server be elsewhere.
	AnyMachine bool
	// Soak is how long that scenario goes on.
	Soak time.Duration
	// History is for the scenarios that need a long document.
	History *History
	// Progress, if not nil, is told now and then how far a phase is.
	Progress func(load.Live)
}

// A Unit is what a metric counts.
type Unit string

// The units.
const (
	Count   Unit = "count"
	Seconds Unit = "seconds"
	Bytes   Unit = "bytes"
	Share   Unit = "share" // of one core, 1 for all of it
)

// A Metric is one value of a row.
type Metric struct {
	Name  string  `json:"name"`
	Unit  Unit    `json:"unit"`
	Value float64 `json:"value"`
}

// A Point is one of a curve: what was delivered a second, and how long it took.
type Point struct {
	PerSecond float64       `json:"per_second"`
	P99       time.Duration `json:"p99_nanoseconds"`
}

// A Row is what one size of a scenario gave.
type Row struct {
	Label   string   `json:"label"`
	Metrics []Metric `json:"metrics"`
	// Faults say what did not arrive, came twice, or differs. A row with faults is not to be trusted as a figure.
	Faults []string `json:"faults,omitempty"`
	// Gap says why there is nothing here.
	Gap string `json:"gap,omitempty"`
	// Connections is how many there were, for curves over them.
	Connections int                `json:"connections,omitempty"`
	Latency     load.Latency       `json:"latency"`
	Memory      []int64            `json:"memory,omitempty"`
	MemoryEvery time.Duration      `json:"memory_every_nanoseconds,omitempty"`
	Curve       []Point            `json:"curve,omitempty"`
	Plan        *load.Plan         `json:"plan,omitempty"`
	Phases      []load.PhaseResult `json:"phases,omitempty"`
	Converged   []load.Convergence `json:"converged,omitempty"`
}

func (r *Row) add(name string, unit Unit, value float64) {
	r.Metrics = append(r.Metrics, Metric{Name: name, Unit: unit, Value: value})
}

func (r *Row) took(name string, d time.Duration) { r.add(name, Seconds, d.Seconds()) }

func (r *Row) fault(err error) {
	if err != nil {
		r.Faults = append(r.Faults, err.Error())
	}
}

// A Result is what a scenario gave on one server.
type Result struct {
	Scenario string        `json:"scenario"`
	Peer     string        `json:"peer"`
	Rows     []Row         `json:"rows"`
	Took     time.Duration `json:"took_nanoseconds"`
	// Failure says why the scenario ended early.
	Failure string `json:"failure,omitempty"`
	// Gap says why it cannot be carried out on this server at all.
	Gap string `json:"gap,omitempty"`
}

// OK reports whether everything was measured and nothing was wrong.
func (r *Result) OK() bool {
	for _, row := range r.Rows {
		if len(row.Faults) > 0 {
			return false
		}
	}
	return r.Failure == ""
}

// errGap says that a server has no way to do what a scenario needs.
var errGap = errors.New("cannot be measured")

// run is a scenario that is being carried out.
type run struct {
	Options
	peer   Peer
	host   Host
	result *Result
	live   Instance // the running server, if any
	failed []error  // of rows; the others were carried out all the same
}

// Run carries out a scenario on a server. It always returns a result; what went wrong is in it. No server is left
// running.
func (s Scenario) Run(ctx context.Context, peer Peer, host Host, o Options) (result *Result) {
	result = &Result{Scenario: s.Name, Peer: peer.Name, Rows: []Row{}}
	began := time.Now()
	r := &run{Options: o, peer: peer, host: host, result: result}
	err := errors.Join(append([]error{s.run(ctx, r)}, r.failed...)...)
	if cause := context.Cause(ctx); cause != nil {
		err = errors.Join(cause, err)
	}
	if r.live != nil {
		if died := r.live.Died(); died != nil {
			err = errors.Join(died, err)
		}
		if stop := r.live.Stop(); err == nil {
			err = stop
		}
	}
	switch {
	case errors.Is(err, errGap), errors.Is(err, ErrMissing), errors.Is(err, errOther):
		result.Gap = err.Error()
	case err != nil:
		result.Failure = err.Error()
	}
	result.Took = time.Since(began)
	return result
}

// start starts a server without documents, in place of the one before.
func (r *run) start(ctx context.Context) error {
	if r.live != nil {
		if err := r.live.Stop(); err != nil {
			r.failed = append(r.failed, err) // it has ended, so another can be started
		}
	}
	r.live = nil
	live, err := r.host.Start(ctx)
	if err == nil {
		r.live = live
	}
	return err
}

// again starts a server with the documents of the one before, which has ended.
func (r *run) again(ctx context.Context) error {
	r.live = nil
	live, err := r.host.Again(ctx)
	if err == nil {
		r.live = live
	}
	return err
}

// plan returns a plan for the running server.
func (r *run) plan(p load.Plan) load.Plan {
	p.Server, p.Path, p.Dialect, p.AnyMachine = r.live.Address(), r.peer.Path, r.peer.Dialect, r.AnyMachine
	if p.Seed == 0 {
		p.Seed = r.Seed
	}
	if p.Pattern.Name == "" {
		p.Pattern = load.Typing
	}
	p.Prefix = fmt.Sprintf("%s-%d-%d", r.result.Scenario, os.Getpid(), len(r.result.Rows))
	return p
}

// size returns one number when everything is to be quick, and another else.
func size[T any](r *run, quick, full T) T {
	if r.Quick {
		return quick
	}
	return full
}

// connectWithin is how long everybody may take to connect.
const connectWithin = 2 * time.Minute

// open connects everybody of a plan.
func (r *run) open(ctx context.Context, p load.Plan) (*load.Session, error) {
	s, err := load.Open(p)
	if err != nil {
		return nil, err
	}
	if _, err := s.Connect(ctx, connectWithin); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// hold connects everybody of a plan to a fresh server, carries out a phase, checks what everybody has, and returns a row
// with what is common to all scenarios.
func (r *run) hold(ctx context.Context, label string, p load.Plan, phase load.Phase) (row Row, err error) {
	row.Label = label
	if err := r.start(ctx); err != nil {
		return row, err
	}
	p = r.plan(p)
	s, err := r.open(ctx, p)
	if err != nil {
		return row, err
	}
	defer s.Close()
	result, err := r.phase(ctx, s, phase)
	if err != nil {
		return row, err
	}
	row.of(p, result)
	row.check(ctx, s)
	return row, nil
}

// phase carries out a phase on the running server, measured.
func (r *run) phase(ctx context.Context, s *load.Session, p load.Phase) (load.PhaseResult, error) {
	p.Meter, p.Progress = r.live.Meter(), r.Progress
	if p.Do != nil {
		p.Meter = nil // it does something to the process
	}
	return s.Run(ctx, p)
}

// of notes what a phase gave.
func (r *Row) of(p load.Plan, result load.PhaseResult) {
	r.Plan, r.Connections = &p, p.Documents*(p.Editors+p.Viewers)
	r.Latency = result.Propagation
	r.Memory, r.MemoryEvery = result.Server.Memory, result.Server.Every
	r.Phases = append(r.Phases, result)
	r.fault(result.Complete())
}

// check compares what everybody has with what was sent.
func (r *Row) check(ctx context.Context, s *load.Session) {
	c, err := s.Check(ctx)
	r.Converged = append(r.Converged, c)
	r.fault(err)
}

// latencies adds how long deliveries took.
func (r *Row) latencies(l load.Latency) {
	r.took("p50", l.P50)
	r.took("p95", l.P95)
	r.took("p99", l.P99)
	r.took("max", l.Max)
}

// costs adds what the server used.
func (r *Row) costs(p *load.PhaseResult) {
	if p.Server.RSSEndBytes == 0 {
		return // nothing is known of the process
	}
	r.took("CPU per 1,000", p.CPUPerThousand())
	r.add("CPU", Share, p.Server.CPU.Seconds()/p.Took.Seconds())
	r.add("memory", Bytes, float64(p.Server.RSSPeakBytes))
}

// keep stores a row; an error becomes a gap in it. It returns the error when there is no sense in trying other rows.
func (r *run) keep(ctx context.Context, row Row, err error) error {
	if err != nil {
		row.Gap = err.Error()
	}
	r.result.Rows = append(r.result.Rows, row)
	switch {
	case ctx.Err() != nil, errors.Is(err, errGap), errors.Is(err, ErrMissing), errors.Is(err, errOther):
		return err
	case err != nil:
		r.failed = append(r.failed, fmt.Errorf("%s: %w", row.Label, err))
	}
	return nil
}
