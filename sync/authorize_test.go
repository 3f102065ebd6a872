package sync_test

import (
	"strings"
	"testing"

	ysync "github.com/weftsync/weft/sync"
)

// TestEveryKindHasARow fails when a kind or a level is added without saying here, once more and in words, what it may.
func TestEveryKindHasARow(t *testing.T) {
	const no, ok, drop, known, never = ysync.Refused, ysync.Allowed, ysync.Ignored, ysync.OnlyKnown, ysync.Nonsense
	want := map[ysync.Kind][]ysync.Verdict{
		//                  none   read   presence write admin
		ysync.Step1:          {no, ok, ok, ok, ok},
		ysync.Step2:          {no, known, known, ok, ok},
		ysync.Update:         {no, no, no, ok, ok},
		ysync.Awareness:      {no, drop, ok, ok, ok},
		ysync.QueryAwareness: {no, ok, ok, ok, ok},
		ysync.Auth:           {never, never, never, never, never},
		ysync.Token:          {ok, ok, ok, ok, ok},
		ysync.Stateless:      {no, drop, drop, ok, ok},
		ysync.Close:          {ok, ok, ok, ok, ok},

		ysync.SyncReply:          {never, never, never, never, never},
		ysync.BroadcastStateless: {never, never, never, never, never},
		ysync.SyncStatus:         {never, never, never, never, never},
	}
	if len(want) != ysync.Kinds {
		t.Errorf("got %d rows, want one for each of the %d kinds", len(want), ysync.Kinds)
	}
	for k := ysync.Kind(1); int(k) <= ysync.Kinds; k++ {
		row, found := want[k]
		if !found || len(row) != ysync.Levels {
			t.Errorf("%s: got a row of %d levels, want %d", k, len(row), ysync.Levels)
			continue
		}
		if strings.HasPrefix(k.String(), "kind ") {
			t.Errorf("kind %d has no name", k)
		}
		for l, verdict := range row {
			if got := ysync.Authorize(ysync.Level(l), k); got != verdict {
				t.Errorf("%s at level %s: got verdict %d, want %d", k, ysync.Level(l), got, verdict)
			}
		}
	}
}

func TestAuthorizeRefusesWhatDoesNotExist(t *testing.T) {
	for _, k := range []ysync.Kind{0, ysync.Kind(ysync.Kinds + 1), 255} {
		if got := ysync.Authorize(ysync.Admin, k); got != ysync.Refused {
			t.Errorf("%s: got verdict %d, want refused", k, got)
		}
	}
	for _, l := range []ysync.Level{ysync.Level(ysync.Levels), 255} {
		if got := ysync.Authorize(l, ysync.Step1); got != ysync.Refused {
			t.Errorf("%s: got verdict %d, want refused", l, got)
		}
	}
}

// TestLevelsOnlyGrow checks that a higher level never may less than a lower one.
func TestLevelsOnlyGrow(t *testing.T) {
	rank := map[ysync.Verdict]int{ysync.Nonsense: 0, ysync.Refused: 0, ysync.Ignored: 1, ysync.OnlyKnown: 2, ysync.Allowed: 3}
	for k := ysync.Kind(1); int(k) <= ysync.Kinds; k++ {
		for l := ysync.Level(1); int(l) < ysync.Levels; l++ {
			if below, here := ysync.Authorize(l-1, k), ysync.Authorize(l, k); rank[here] < rank[below] {
				t.Errorf("%s: level %s may less (%d) than the level below it (%d)", k, l, here, below)
			}
		}
	}
}
