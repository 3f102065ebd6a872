package report

import (
	"errors"
	"slices"

	"github.com/weftsync/weft/bench/engine"
	"github.com/weftsync/weft/bench/peers"
)

// A Peer is an engine beside ours.
type Peer struct {
	Name    string `json:"name"`
	Version string `json:"version,omitempty"`
	Missing string `json:"missing,omitempty"` // why it was not measured
}

// An EngineRow is one kind of work on one subject, by our engine and by others. A side without samples says why.
type EngineRow struct {
	Subject    string          `json:"subject"`
	Row        string          `json:"row"`
	Work       string          `json:"work"`
	Memory     bool            `json:"memory"`     // values are bytes, else seconds
	Operations int             `json:"operations"` // that a value spans; 0 if it is that of one already
	EachOf     int             `json:"each_of"`    // how many operations a measurement has whose value is that of one; 0 for one
	Weft       []engine.Sample `json:"weft"`
	WeftError  string          `json:"weft_error,omitempty"`
	Peers      []Cell          `json:"peers"` // as in Report.Peers
}

// A Cell is what another engine did on a row.
type Cell struct {
	Peer   string        `json:"peer"`
	Values []peers.Value `json:"values"`
	// Absence says why there are no values, and Reason says more about it.
	Absence Absence `json:"absence,omitempty"`
	Reason  string  `json:"reason,omitempty"`
	// BoundSeconds is what it took more than, when it was too slow.
	BoundSeconds float64 `json:"bound_seconds,omitempty"`
}

// Absence is why there are no values.
type Absence string

// The reasons why an engine has no values on a row. Only Failed makes the report incomplete.
const (
	Missing     Absence = "not installed"
	NotMeasured Absence = "not measured" // by wish
	Cannot      Absence = "cannot"       // it has no way of its own to do this
	Slow        Absence = "slow"         // it was ended because it took too long
	Unprepared  Absence = "unprepared"   // and so was what comes before the measurement
	Failed      Absence = "failed"
)

// CellOf returns the cell of a measurement and its error.
func CellOf(peer string, values []peers.Value, err error) Cell {
	c := Cell{Peer: peer, Values: values}
	if err == nil {
		return c
	}
	c.Values, c.Reason = nil, err.Error()
	var slow *peers.SlowError
	switch {
	case errors.As(err, &slow):
		c.Absence, c.BoundSeconds = Slow, slow.Bound.Seconds()
		if slow.Preparing {
			c.Absence = Unprepared
		}
	case errors.Is(err, peers.ErrMissing):
		c.Absence = Missing
	case errors.Is(err, peers.ErrCannot):
		c.Absence = Cannot
	default:
		c.Absence = Failed
	}
	return c
}

// weft returns the values and the CPU times of our samples, the others' are those of a cell.
func (r *EngineRow) weft() (values, cpu []float64) {
	for _, s := range r.Weft {
		values, cpu = append(values, s.Value), append(cpu, s.CPUSeconds)
	}
	return values, cpu
}

func (c *Cell) samples() (values, cpu []float64) {
	for _, s := range c.Values {
		values, cpu = append(values, s.Value), append(cpu, s.CPUSeconds)
	}
	return values, cpu
}

// cell returns that of an engine; one that is not in the row was not measured.
func (r *EngineRow) cell(peer string) *Cell {
	for i := range r.Peers {
		if r.Peers[i].Peer == peer {
			return &r.Peers[i]
		}
	}
	return &Cell{Peer: peer, Absence: NotMeasured}
}

// reference returns the best of the engine that ratios are to. atLeast says that it is only a bound: that engine took
// longer. It is 0 when nothing is known.
func (r *EngineRow) reference() (value float64, atLeast bool) {
	c := r.cell(peers.Reference)
	if values, _ := c.samples(); len(values) > 0 {
		return slices.Min(values), false
	}
	if c.Absence == Slow && !r.Memory {
		return c.BoundSeconds / float64(max(r.EachOf, 1)), true
	}
	return 0, false
}

// format returns how values of the row are written.
func (r *EngineRow) format() func(float64) string {
	if r.Memory {
		return bytesOf
	}
	return seconds
}

// timesOf writes how many times as fast, or as small, a value is as the reference.
func (r *EngineRow) timesOf(value float64) string {
	reference, atLeast := r.reference()
	if reference == 0 || value <= 0 {
		return ""
	}
	times := digits(reference/value) + "×"
	if atLeast {
		return ">" + times
	}
	return times
}

func (r *EngineRow) text(c *Cell) string {
	values, _ := c.samples()
	if len(values) == 0 {
		return c.why()
	}
	best := slices.Min(values)
	if c.Peer == peers.Reference {
		return r.format()(best)
	}
	return withTimes(r.format()(best), r.timesOf(best))
}

// why says in a word or two why there are no values.
func (c *Cell) why() string {
	switch c.Absence {
	case Cannot, NotMeasured:
		return "–"
	case Slow:
		return "> " + short(c.BoundSeconds)
	case Unprepared:
		return "preparing > " + short(c.BoundSeconds)
	case Missing:
		return string(Missing)
	}
	return none
}

func withTimes(value, times string) string {
	if times == "" {
		return value
	}
	return value + " · " + times
}

// peersTable is all engines beside one another: the best of each, and how many times as fast as the reference.
func (r *Report) peersTable() *table {
	t := &table{title: "Engines: best, and how many times as fast (or small) as " + peers.Reference, columns: []string{"work", "weft"}}
	for _, p := range r.Peers {
		t.columns = append(t.columns, p.Name)
	}
	r.grouped(t, func(row *EngineRow) []string {
		ours := none
		if values, _ := row.weft(); len(values) > 0 {
			best := slices.Min(values)
			ours = withTimes(row.format()(best), row.timesOf(best))
		}
		cells := []string{row.Work, ours}
		for _, p := range r.Peers {
			cells = append(cells, row.text(row.cell(p.Name)))
		}
		return cells
	})
	return t
}

// detailTable says more of ours and of the reference.
func (r *Report) detailTable() *table {
	t := &table{
		title:   "Engines: weft and " + peers.Reference + " in detail",
		columns: []string{"work", "weft best", "median", "each", "allocs each", peers.Reference + " best", "median", "by CPU time", "runs"},
	}
	r.grouped(t, (*EngineRow).detail)
	return t
}

func (r *EngineRow) detail() []string {
	format := r.format()
	best, mid, each, allocs, cpuRatio, runs := none, none, "", "", "", "0"
	values, cpu := r.weft()
	if len(values) > 0 {
		best, mid, runs = format(slices.Min(values)), format(median(values)), count(int64(len(values)))
		n := max(r.Operations, 1)
		if r.Operations > 1 {
			each = format(slices.Min(values) / float64(n))
		}
		if !r.Memory {
			allocs = digits(r.Weft[slices.Index(values, slices.Min(values))].Allocs / float64(n))
		}
	}
	c := r.cell(peers.Reference)
	theirs, theirMid := c.why(), ""
	theirValues, theirCPU := c.samples()
	if len(theirValues) > 0 {
		theirs, theirMid = format(slices.Min(theirValues)), format(median(theirValues))
		runs += " · " + count(int64(len(theirValues)))
	}
	if len(cpu) > 0 && len(theirCPU) > 0 && !r.Memory && slices.Min(cpu) > 0 {
		cpuRatio = digits(slices.Min(theirCPU)/slices.Min(cpu)) + "×"
	}
	return []string{r.Work, best, mid, each, allocs, theirs, theirMid, cpuRatio, runs}
}

// grouped adds the rows to a table, those of a subject under its name.
func (r *Report) grouped(t *table, cells func(*EngineRow) []string) {
	subject := ""
	for i := range r.Engine {
		if row := &r.Engine[i]; i == 0 || row.Subject != subject {
			subject = row.Subject
			t.group(subject)
		}
		t.add(cells(&r.Engine[i])...)
	}
}
