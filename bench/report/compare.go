package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/weftsync/weft/bench/scenario"
)

// Compare returns two runs beside each other, as text for a terminal: what both measured, and how many times as much it
// is in the second. Runs on different machines, or under different load, say little about each other, so where they were
// taken comes first.
func Compare(before, after *Report) string {
	var b strings.Builder
	for _, line := range []struct {
		name string
		r    *Report
	}{{"before", before}, {"after", after}} {
		b.WriteString(line.name + ":\n")
		for _, fact := range line.r.machineLines() {
			b.WriteString("  - " + fact + "\n")
		}
		for _, failure := range slices.Concat(line.r.Failures, line.r.PeerFailures) {
			b.WriteString("  ! " + strings.ReplaceAll(failure, "\n", "; ") + "\n")
		}
	}
	tables := []*table{compareEngine(before, after)}
	if before.Server != nil && after.Server != nil {
		for _, sc := range before.Server.scenarios() {
			tables = append(tables, compareScenario(sc, before.Server.of(sc.Name), after.Server.of(sc.Name)))
		}
	}
	compared := false
	for _, t := range tables {
		if len(t.rows) > 0 {
			b.WriteString("\n" + t.text())
			compared = true
		}
	}
	if !compared {
		b.WriteString("\nThe two runs have nothing in common.\n")
	}
	return b.String()
}

func compareEngine(before, after *Report) *table {
	t := &table{title: "Engine: weft's best", columns: []string{"work", "before", "after", "times"}}
	for i := range before.Engine {
		old := &before.Engine[i]
		k := slices.IndexFunc(after.Engine, func(r EngineRow) bool { return r.Subject == old.Subject && r.Row == old.Row })
		if k < 0 || len(old.Weft) == 0 || len(after.Engine[k].Weft) == 0 {
			continue
		}
		was, _ := old.weft()
		is, _ := after.Engine[k].weft()
		format := seconds
		if old.Memory {
			format = bytesOf
		}
		t.add(old.Subject+", "+old.Row, format(slices.Min(was)), format(slices.Min(is)), times(slices.Min(was), slices.Min(is)))
	}
	return t
}

// compareScenario has a row for each metric that both runs have.
func compareScenario(sc scenario.Scenario, before, after []scenario.Result) *table {
	t := &table{title: sc.Title + " (" + sc.Name + ")", columns: []string{"server, size, what", "before", "after", "times"}}
	for i := range before {
		k := slices.IndexFunc(after, func(r scenario.Result) bool { return r.Peer == before[i].Peer })
		if k < 0 {
			continue
		}
		for _, row := range before[i].Rows {
			other := rowOf(&after[k], row.Label)
			if other == nil {
				continue
			}
			for _, m := range row.Metrics {
				n := slices.IndexFunc(other.Metrics, func(o scenario.Metric) bool { return o.Name == m.Name })
				if n < 0 {
					continue
				}
				mark := ""
				if len(row.Faults)+len(other.Faults) > 0 {
					mark = wrong
				}
				t.add(fmt.Sprintf("%s, %s, %s%s", before[i].Peer, row.Label, m.Name, mark), Format(m), Format(other.Metrics[n]), times(m.Value, other.Metrics[n].Value))
			}
		}
	}
	return t
}

// times says how many times as much one value is as another.
func times(before, after float64) string {
	if before == 0 {
		return "–"
	}
	return digits(after/before) + "×"
}
