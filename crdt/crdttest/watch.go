package crdttest

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/weftsync/weft/crdt"
)

var phaseNames = map[crdt.Phase]string{
	crdt.BeforeAllTransactions: "beforeAllTransactions", crdt.BeforeTransaction: "beforeTransaction",
	crdt.BeforeObserverCalls: "beforeObserverCalls", crdt.AfterTransaction: "afterTransaction",
	crdt.AfterTransactionCleanup: "afterTransactionCleanup", crdt.AfterAllTransactions: "afterAllTransactions",
}

// remote is the origin of what comes from elsewhere.
const remote = "remote"

// watch writes down all that the document tells of its transactions, in the
// lines that web/oracle/watch.mjs writes.
func (r *Replica) watch() {
	line := func(format string, args ...any) { r.log = append(r.log, fmt.Sprintf(format, args...)) }
	for p, name := range phaseNames {
		r.Doc.OnTransaction(p, func(tx *crdt.Tx) {
			if p == crdt.BeforeAllTransactions {
				line("%s", name)
			} else {
				line("%s %s", name, who(tx))
			}
		})
	}
	r.Doc.OnUpdate(func(u []byte, tx *crdt.Tx) { line("update %s %s", who(tx), hex.EncodeToString(u)) })
	r.Doc.OnUpdateV2(func(u []byte, tx *crdt.Tx) { line("updateV2 %s %s", who(tx), hex.EncodeToString(u)) })
	r.Doc.OnSubdocs(func(e crdt.SubdocsEvent) {
		line("subdocs added %s; removed %s; loaded %s", guids(e.Added), guids(e.Removed), guids(e.Loaded))
	})
	for _, name := range r.Roots {
		t := rootOf(r.Doc, name).(crdt.Type)
		t.Observe(func(e *crdt.Event) { line("%s: %s %s", name, who(e.Tx()), eventText(e)) })
		t.ObserveDeep(func(events []*crdt.Event) {
			for _, e := range events {
				line("%s deep: %s %s", name, who(e.Tx()), eventText(e))
			}
		})
	}
}

func guids(list []crdt.Subdoc) string {
	var out []string
	for _, s := range list {
		out = append(out, s.GUID)
	}
	return strings.Join(out, " ")
}

func who(tx *crdt.Tx) string {
	side, origin := "foreign", "-"
	if tx.Local() {
		side = "local"
	}
	switch o := tx.Origin().(type) {
	case *crdt.UndoManager:
		origin = "undo"
	case string:
		origin = o
	}
	return side + " " + origin
}

func eventText(e *crdt.Event) string {
	var path []string
	for _, p := range e.Path() {
		if s, ok := p.(string); ok {
			path = append(path, CanonicalString(s))
		} else {
			path = append(path, fmt.Sprint(p))
		}
	}
	var ops []string
	keys := keysText(e)
	for _, op := range e.Delta() {
		ops = append(ops, opText(op))
	}
	return fmt.Sprintf("[%s] keys %s; delta %s; now %s", strings.Join(path, " "), keys, strings.Join(ops, ", "), Canonical(e.Target))
}

func keysText(e *crdt.Event) string {
	changes := e.Keys()
	var names []string
	for k := range changes {
		names = append(names, k)
	}
	slices.SortFunc(names, compareUnits)
	for i, k := range names {
		c := changes[k]
		names[i] = CanonicalString(k) + " " + string(c.Action)
		if c.Action != crdt.ActionAdd {
			names[i] += " " + Canonical(c.Old)
		}
	}
	return strings.Join(names, ", ")
}

func opText(op crdt.DeltaOp) string {
	var b strings.Builder
	switch {
	case op.Retain > 0:
		fmt.Fprintf(&b, "retain %d", op.Retain)
	case op.Delete > 0:
		fmt.Fprintf(&b, "delete %d", op.Delete)
	default:
		b.WriteString("insert " + Canonical(op.Insert))
	}
	if op.Attributes != nil {
		appendSorted(&b, op.Attributes)
	}
	return b.String()
}

// react lets the document answer every change from elsewhere with an edit of
// its own, made by an observer.
func (r *Replica) react() {
	n := 0
	for _, name := range r.Roots {
		root := rootOf(r.Doc, name)
		root.(crdt.Type).ObserveDeep(func(events []*crdt.Event) {
			if events[0].Tx().Local() {
				return
			}
			n++
			_, err := r.Doc.Update(func(tx *crdt.Tx) error { return answer(root, tx, n) }, crdt.WithOrigin("react"))
			if err != nil {
				panic(fmt.Sprintf("crdttest: an observer's edit: %v", err))
			}
		})
	}
}

func answer(root any, tx *crdt.Tx, n int) error {
	switch t := root.(type) {
	case *crdt.Text:
		if n%2 == 1 {
			return t.Insert(tx, min(n%5, t.Len()), fmt.Sprint("r", n), crdt.Attrs{"b": true})
		}
		return t.Insert(tx, min(n%5, t.Len()), fmt.Sprint("r", n))
	case *crdt.Array:
		return t.Push(tx, n)
	case *crdt.Map:
		return t.Set(tx, "k", n)
	case *crdt.XMLFragment:
		if t.Len() > 0 && n%3 == 0 {
			return t.Delete(tx, 0, 1)
		}
	}
	return nil
}
