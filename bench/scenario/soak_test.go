package scenario

import (
	"strings"
	"testing"

	"github.com/weftsync/weft/bench/target"
)

// TestGrowthIsJudged: what grows part by part is a fault, by its name; what warms up, jumps once or stays is none.
func TestGrowthIsJudged(t *testing.T) {
	const mb = 1 << 20
	tests := []struct {
		name string
		of   func(part int) target.Held
		want string // of the fault, "" for none
	}{
		{"steady", func(int) target.Held { return target.Held{RSSBytes: 100 * mb, Files: 1000, Goroutines: 1000} }, ""},
		{"warming up", func(i int) target.Held {
			return target.Held{RSSBytes: int64(min(i, 4)) * 50 * mb, Files: min(i, 3) * 300, Goroutines: -1}
		}, ""},
		{"one late collection", func(i int) target.Held {
			h := target.Held{RSSBytes: 100 * mb, Files: 1000, Goroutines: 1000}
			if i == 10 {
				h.RSSBytes *= 3
			}
			return h
		}, ""},
		{"memory leaks", func(i int) target.Held { return target.Held{RSSBytes: int64(100+20*i) * mb, Files: 9, Goroutines: 9} }, "memory"},
		{"files leak", func(i int) target.Held { return target.Held{RSSBytes: mb, Files: 100 + 10*i, Goroutines: -1} }, "open files"},
		{"goroutines leak", func(i int) target.Held { return target.Held{RSSBytes: mb, Files: 9, Goroutines: 800 + 60*i} }, "goroutines"},
	}
	for _, tt := range tests {
		var held []target.Held
		for i := range soakParts {
			held = append(held, tt.of(i))
		}
		switch err := grown(held); {
		case tt.want == "" && err != nil:
			t.Errorf("%s: got %v, want no fault", tt.name, err)
		case tt.want != "" && (err == nil || !strings.HasPrefix(err.Error(), tt.want) || strings.Contains(err.Error(), "\n")):
			t.Errorf("%s: got %v, want it found that %s grew, and nothing else", tt.name, err, tt.want)
		}
	}
}
