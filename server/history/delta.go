package history

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/weftsync/weft/crdt"
	"github.com/weftsync/weft/storage"
)

// Run is a piece of a text between two moments, as it is written in JSON. What came or went has an attribute "ychange": an
// object with "type", which is "added" or "removed", and "by", the user.
type Run struct {
	Insert     any            `json:"insert"`
	Attributes map[string]any `json:"attributes,omitempty"`
}

// Change returns what happened to the run between the two moments: "added", "removed", or nothing, and by whom.
func (r Run) Change() (what, by string) {
	change, _ := r.Attributes["ychange"].(map[string]any)
	what, _ = change["type"].(string)
	by, _ = change["by"].(string)
	return what, by
}

// Delta returns the text of a root at two moments with what came and went between them, and who did it. It builds the
// document up to the later one. Errors: [ErrOrder], [ErrNotText].
func Delta(ctx context.Context, log *storage.Document, from, to uint64, root string) ([]Run, error) {
	if to < from {
		return nil, ErrOrder
	}
	doc := newDoc(true)
	who := authorship{made: make(map[uint64]string), deleted: make(map[uint64][]deletion)}
	var before crdt.Snapshot
	passed := false
	err := replay(ctx, log, from, to, doc, func(e storage.Entry) (any, error) {
		if e.Seq <= from {
			return nil, nil
		}
		if !passed {
			before, passed = doc.Snapshot(), true
		}
		return nil, who.note(e)
	})
	if err != nil {
		return nil, err
	}
	if !passed {
		before = doc.Snapshot()
	}
	who.sort()
	kind := doc.RootKind(root)
	if kind != crdt.KindText && kind != crdt.KindXMLText && kind != crdt.Undeclared {
		return nil, fmt.Errorf("%w but a %s", ErrNotText, kind)
	}
	ops := doc.Text(root).DeltaBetween(before, doc.Snapshot(), func(change crdt.TextChange, first crdt.ID) any {
		user := who.made[first.Client]
		if change == crdt.TextRemoved {
			user = who.deleter(first)
		}
		return crdt.Object{{Key: "type", Value: string(change)}, {Key: "by", Value: user}}
	})
	return shown(ops), nil
}

// authorship says who made operations, and who deleted some.
type authorship struct {
	made    map[uint64]string // by client
	deleted map[uint64][]deletion
}

// deletion is a range of a client's operations that somebody deleted.
type deletion struct {
	clock, end uint64
	user       string
}

// note takes in the contents of an entry.
func (a *authorship) note(e storage.Entry) error {
	contents, err := crdt.ContentsOfUpdate(e.Update)
	if err != nil {
		return err
	}
	for client := range contents.Inserts {
		if _, ok := a.made[client]; !ok {
			a.made[client] = e.User
		}
	}
	for client, ranges := range contents.Deletes {
		for _, r := range ranges {
			a.deleted[client] = append(a.deleted[client], deletion{r.Clock, r.Clock + r.Len, e.User})
		}
	}
	return nil
}

// sort makes deleter quick. Of several who deleted the same the first counts.
func (a *authorship) sort() {
	for _, ranges := range a.deleted {
		slices.SortStableFunc(ranges, func(x, y deletion) int { return cmp.Compare(x.clock, y.clock) })
	}
}

// deleter returns who deleted an operation.
func (a *authorship) deleter(id crdt.ID) string {
	ranges := a.deleted[id.Client]
	i, ok := slices.BinarySearchFunc(ranges, id.Clock, func(d deletion, clock uint64) int { return cmp.Compare(d.clock, clock) })
	if !ok {
		i--
	}
	for ; i >= 0; i-- {
		if id.Clock < ranges[i].end {
			return ranges[i].user
		}
	}
	return ""
}

// shown returns runs as JSON has them.
func shown(ops []crdt.Op) []Run {
	runs := make([]Run, 0, len(ops))
	for _, op := range ops {
		r := Run{Insert: plain(op.Insert)}
		if op.Attributes != nil {
			r.Attributes, _ = plain(op.Attributes).(map[string]any)
		}
		runs = append(runs, r)
	}
	return runs
}

// plain returns a value of the engine as encoding/json takes it. Of a shared type in a text only the kind is shown.
func plain(v any) any {
	switch v := v.(type) {
	case crdt.Object:
		m := make(map[string]any, len(v))
		for _, f := range v {
			m[f.Key] = plain(f.Value)
		}
		return m
	case map[string]any:
		m := make(map[string]any, len(v))
		for key, value := range v {
			m[key] = plain(value)
		}
		return m
	case []any:
		list := make([]any, len(v))
		for i, value := range v {
			list[i] = plain(value)
		}
		return list
	case crdt.Type:
		return map[string]any{"type": true}
	case string:
		return strings.ToValidUTF8(v, "\uFFFD")
	case bool, float64, nil, []byte, crdt.BigInt:
		return v
	}
	return nil // undefined
}
