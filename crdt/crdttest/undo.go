package crdttest

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/weftsync/weft/crdt"
)

// UndoSpec says what an undo manager of a script undoes, and how.
type UndoSpec struct {
	Scope     string `json:"scope"`               // all roots, one (the first), or doc
	Group     bool   `json:"group,omitempty"`     // edits are one step until the script says stop
	Overwrite bool   `json:"overwrite,omitempty"` // values of keys that others have set since
	Foreign   bool   `json:"foreign,omitempty"`   // undoes what comes from elsewhere too
	Filter    bool   `json:"filter,omitempty"`    // does not delete items whose clock is a multiple of 3
}

// undoAll gives the replica its undo manager.
func (r *Replica) undoAll(s UndoSpec) {
	o := crdt.UndoOptions{CaptureTimeout: -1, OverwriteRemote: s.Overwrite, Now: func() time.Time { return time.Unix(1, 0) }}
	if s.Group {
		o.CaptureTimeout = time.Hour
	}
	if s.Foreign {
		o.Origins = []any{nil, remote}
	}
	if s.Filter {
		o.DeleteFilter = func(it crdt.Item) bool { return it.ID().Clock%3 != 0 }
	}
	var scope []crdt.Type
	for i, name := range r.Roots {
		if s.Scope == "all" || s.Scope == "one" && i == 0 {
			scope = append(scope, rootOf(r.Doc, name).(crdt.Type))
		}
	}
	r.undo = r.Doc.NewUndoManager(o, scope...)
	note := func(name string) func(crdt.StackEvent) {
		return func(e crdt.StackEvent) {
			what := "undo"
			if e.Redo {
				what = "redo"
			}
			r.log = append(r.log, name+" "+what)
		}
	}
	r.undo.OnAdded(note("stack-item-added"))
	r.undo.OnUpdated(note("stack-item-updated"))
	r.undo.OnPopped(note("stack-item-popped"))
	r.undo.OnCleared(func(undo, redo bool) {
		r.log = append(r.log, fmt.Sprintf("stack-cleared %v %v", undo, redo))
	})
}

func (r *Replica) undoStep(verb Verb) (*Entry, error) {
	var step *crdt.StackItem
	var update []byte
	var err error
	switch verb {
	case VerbUndo:
		step, update, err = r.undo.Undo()
	case VerbRedo:
		step, update, err = r.undo.Redo()
	case VerbStop:
		r.undo.StopCapturing()
		return &Entry{}, nil
	default:
		r.undo.Clear(true, true)
	}
	e := &Entry{Stacks: fmt.Sprintf("%v | %s | %s", step != nil, stackText(r.undo.UndoStack()), stackText(r.undo.RedoStack()))}
	r.wrote(e, update)
	return e, err
}

func stackText(stack []*crdt.StackItem) string {
	var b strings.Builder
	for _, s := range stack {
		fmt.Fprintf(&b, "(+ %s - %s)", rangesText(s.Inserted()), rangesText(s.Deleted()))
	}
	return b.String()
}

func rangesText(rs []crdt.IDRange) string {
	var b strings.Builder
	for i, r := range rs {
		switch {
		case i > 0 && rs[i-1].Client == r.Client:
			b.WriteString(",")
		case i > 0:
			b.WriteString(" ")
			fallthrough
		default:
			fmt.Fprintf(&b, "%d:", r.Client)
		}
		fmt.Fprintf(&b, "%d+%d", r.Clock, r.Len)
	}
	return b.String()
}

// positioned are the types that have relative positions.
type positioned interface {
	Len() int
	RelativePosition(index, assoc int) crdt.RelativePosition
}

// cursor makes a relative position and remembers it.
func (r *Replica) cursor(s Step) (*Entry, error) {
	t, ok := resolve(rootOf(r.Doc, s.Root), s.Path).(positioned)
	if !ok {
		return &Entry{}, nil
	}
	p := t.RelativePosition(s.At%(t.Len()+1), s.Assoc)
	r.cursors = append(r.cursors, p)
	asJSON, err := json.Marshal(p)
	if err != nil {
		return nil, fmt.Errorf("write a relative position as JSON: %w", err)
	}
	return &Entry{Cursor: hex.EncodeToString(p.Encode()) + " " + string(asJSON)}, nil
}

// resolveAll resolves all remembered positions, in both ways.
func (r *Replica) resolveAll() *Entry {
	var out []string
	for _, p := range r.cursors {
		out = append(out, r.place(r.Doc.Resolve(p))+"/"+r.place(r.Doc.ResolveAsOthers(p)))
	}
	return &Entry{Cursor: strings.Join(out, " ")}
}

func (r *Replica) place(t any, root string, index int, err error) string {
	if err != nil {
		return "-"
	}
	if t == nil {
		t = rootOf(r.Doc, root)
	}
	return fmt.Sprintf("%d:%s", index, Canonical(t))
}
