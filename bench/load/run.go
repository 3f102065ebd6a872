package load

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/weftsync/weft/bench/updates"
)

// A Run is one document on one server: a writer sends the updates of a history one by one, readers receive them.
type Run struct {
	// Server is the server's address, for example "http://127.0.0.1:8080/".
	Server string
	// Document is the document's name. It must not exist yet.
	Document string
	// Root is the name of the root text, for the check at the end.
	Root string
	// Updates are what is sent; all are edits of Client on one plain text.
	Updates *updates.Log
	// Client is the client id in the updates.
	Client uint64
	// Text is the text after the updates of all phases.
	Text string
	// Readers is how many clients receive, at least 1. The writer, who also receives, is one more.
	Readers int
	// Phases follow one another on the same connections.
	Phases []Phase
	// Meter watches the server's process while a phase runs; nil means not.
	Meter Meter
	// Progress, if not nil, is called now and then with how many updates of a phase have reached every reader.
	Progress func(phase string, reached, total int)
	// Patience is how long a phase may take beyond the time that its rate asks for; 0 means a minute.
	Patience time.Duration
}

// A Phase sends the next Updates updates.
type Phase struct {
	Name    string `json:"name"`
	Updates int    `json:"updates"`
	// Rate is how many updates a second are meant to be sent, whatever happens to those before. 0 means as fast as the
	// connection takes them; an update's time then begins when its sending does.
	Rate float64 `json:"rate_per_second"`
}

// A Meter measures what a process uses between Begin and End.
type Meter interface {
	Begin() error
	End() (Usage, error)
}

// Usage is what a process used.
type Usage struct {
	CPU          time.Duration `json:"cpu_nanoseconds"`
	RSSPeakBytes int64         `json:"rss_peak_bytes"`
	RSSEndBytes  int64         `json:"rss_end_bytes"`
}

// Result is what a run measured. Err says why a run, or the part of it that is missing, came to nothing.
type Result struct {
	Readers     int           `json:"readers"`
	Phases      []PhaseResult `json:"phases"`
	Convergence Convergence   `json:"convergence"`
}

// A PhaseResult is what one phase measured.
type PhaseResult struct {
	Phase
	// Took is from the first update's intended time until every reader had the last one.
	Took time.Duration `json:"took_nanoseconds"`
	// ToAll is how long each update took to reach all readers, Echo until the writer had it back, which a server that
	// keeps its promise sends when the update is on disk.
	ToAll Latency `json:"to_all_readers"`
	Echo  Latency `json:"echo"`
	// Behind is how late the writer itself was at worst against the intended times.
	Behind time.Duration `json:"writer_behind_max_nanoseconds"`
	// SentBytes and ReceivedBytes count WebSocket payloads, of the writer and of all readers together.
	SentBytes     int64 `json:"sent_bytes"`
	ReceivedBytes int64 `json:"received_bytes"`
	// Frames and Messages count what the readers received with document content, all together. Fewer frames than
	// updates times readers means that the server put several into one.
	Frames   int `json:"frames"`
	Messages int `json:"messages"`
	// Server is what the server's process used, Generator what this one did.
	Server    Usage         `json:"server"`
	Generator time.Duration `json:"generator_cpu_nanoseconds"`
}

// UpdatesPerSecond returns how many updates a second reached every reader.
func (r *PhaseResult) UpdatesPerSecond() float64 {
	return float64(r.Updates) / r.Took.Seconds()
}

// Do runs all phases and then checks that everybody has the text. The error says what went wrong first: a connection
// that ended, an update that did not arrive in time, a text that differs. Result holds what was measured until then.
// Do returns when every connection is closed and every goroutine has ended.
func (r *Run) Do(ctx context.Context) (result Result, err error) {
	s, err := r.prepare()
	if err != nil {
		return result, fmt.Errorf("prepare the load: %w", err)
	}
	defer s.close()
	if err := s.join(ctx); err != nil {
		return result, err
	}
	result.Readers = r.Readers
	first := 0
	for i, phase := range r.Phases {
		p, err := s.phase(ctx, i, first)
		if err != nil {
			return result, fmt.Errorf("phase %s: %w", phase.Name, err)
		}
		result.Phases = append(result.Phases, p)
		first += phase.Updates
	}
	s.close()
	result.Convergence, err = s.converged(ctx)
	return result, err
}

// session is a run that goes on.
type session struct {
	*Run
	address string
	began   time.Time
	writer  *client
	readers []*client
	open    []*client // those whose connection has to be closed
	goals   [][]*goal // by phase: the writer's, then each reader's
	meant   []int64   // intended sending time of each update, nanoseconds since began
	buffer  []byte    // of the frame being sent
}

func (r *Run) prepare() (*session, error) {
	total := 0
	for _, p := range r.Phases {
		if p.Updates <= 0 || p.Rate < 0 {
			return nil, fmt.Errorf("phase %s has %d updates and rate %g", p.Name, p.Updates, p.Rate)
		}
		total += p.Updates
	}
	if total == 0 || total > r.Updates.Len() || r.Readers < 1 {
		return nil, fmt.Errorf("%d updates wanted of %d, %d readers", total, r.Updates.Len(), r.Readers)
	}
	address, err := documentURL(r.Server, r.Document)
	if err != nil {
		return nil, err
	}
	targets, err := targetsOf(r.Updates.Slice(total), r.Client)
	if err != nil {
		return nil, err
	}
	s := &session{Run: r, address: address, began: time.Now(), meant: make([]int64, total), goals: make([][]*goal, len(r.Phases))}
	s.writer = s.client("the writer", targets)
	for i := range r.Readers {
		s.readers = append(s.readers, s.client("reader "+strconv.Itoa(i+1), targets))
	}
	return s, nil
}

// targetsOf says what must be covered when each update has arrived.
func targetsOf(log *updates.Log, id uint64) ([]target, error) {
	c := coverage{client: id}
	targets := make([]target, log.Len())
	for i := range targets {
		if err := c.add(log.At(i)); err != nil {
			return nil, fmt.Errorf("look at update %d: %w", i, err)
		}
		targets[i] = target{clock: c.clock, deleted: c.deleted}
	}
	return targets, nil
}

func (s *session) client(name string, targets []target) *client {
	c := &client{name: name, targets: targets, arrivals: make([]int64, len(targets)), covered: coverage{client: s.Client}, clock: s.now}
	n := 0
	for i, p := range s.Phases {
		n += p.Updates
		g := &goal{n: n, reached: make(chan struct{})}
		c.goals = append(c.goals, g)
		s.goals[i] = append(s.goals[i], g)
	}
	return c
}

func (s *session) now() int64 { return int64(time.Since(s.began)) }

func (s *session) join(ctx context.Context) error {
	for _, c := range append([]*client{s.writer}, s.readers...) {
		if err := dial(ctx, c, s.address); err != nil {
			return err
		}
		s.open = append(s.open, c)
		if c.covered.clock != 0 {
			return fmt.Errorf("join as %s: document %s is not new", c.name, s.Document)
		}
	}
	return nil
}

// close may be called again.
func (s *session) close() {
	for _, c := range s.open {
		c.close()
	}
	s.open = nil
}

// errLate says that a phase took too long.
var errLate = errors.New("it did not arrive in time")
