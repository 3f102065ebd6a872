package crdttest

import (
	"encoding/json"
	"fmt"
	"strings"
)

// Script is a history: documents, and steps that edit them, deliver between
// them and read them.
type Script struct {
	Docs  []DocSpec `json:"docs"`
	Roots []string  `json:"roots"` // first letter: t text, a array, m map, x XML fragment
	Steps []Step    `json:"steps"`
}

// DocSpec is one document of a script.
type DocSpec struct {
	Client   uint64    `json:"c"`
	Collect  bool      `json:"gc"`
	Filter   string    `json:"filter,omitempty"`   // of collection, by name
	Undo     *UndoSpec `json:"undo,omitempty"`     // has an undo manager
	Clean    bool      `json:"clean,omitempty"`    // cleans up formatting after remote edits
	Observer bool      `json:"observer,omitempty"` // never edits and never declares a root
	Watch    bool      `json:"watch,omitempty"`    // writes down all that the document tells
	React    bool      `json:"react,omitempty"`    // an observer edits after what comes from elsewhere
}

// Verb says what a step does.
type Verb string

// The verbs of steps; web/oracle/machine.mjs describes them.
const (
	VerbOp     Verb = "op"     // one transaction of Ops
	VerbRecv   Verb = "recv"   // apply the updates of Slots one by one
	VerbRecv2  Verb = "recv2"  // the same in V2
	VerbMerge  Verb = "merge"  // merge the updates of Slots and apply the result
	VerbSync   Verb = "sync"   // apply what document From answers to the state vector
	VerbReload Verb = "reload" // encode, load into a fresh document, go on with that as Client
	VerbUndo   Verb = "undo"
	VerbRedo   Verb = "redo"
	VerbStop   Verb = "stop"    // the next edit is a step of its own
	VerbClear  Verb = "clear"   // forget what can be undone and redone
	VerbCursor Verb = "cursor"  // make a relative position and remember it
	VerbPlaces Verb = "resolve" // resolve all remembered positions
	VerbDiff   Verb = "diff"    // merge the updates of Slots and take a difference, without a document
	VerbCheck  Verb = "check"   // read everything; roots too if Deep

	VerbSnap     Verb = "snap"     // remember a snapshot; Picks, if any, lower its state vector
	VerbAt       Verb = "at"       // read all roots at Snaps[0]
	VerbBetween  Verb = "between"  // read all texts between Snaps[0] and Snaps[1]
	VerbRestore  Verb = "restore"  // restore from Snaps[0]; Deep: into a document that collects
	VerbContains Verb = "contains" // are the updates of Slots in Snaps[0], and is that Snaps[1]
)

// Step is one step of a script. Slots are numbers of earlier steps and stand
// for the updates that these emitted.
type Step struct {
	Verb   Verb
	Doc    int
	From   int
	Ops    []Op
	Slots  []int
	Client uint64
	Picks  []int // choose a state vector below the full one, a fraction of 255 a client
	Deep   bool
	Root   string // of a cursor: where it is
	Path   []int
	At     int
	Assoc  int
	Snaps  []int // numbers of the steps that took the snapshots; -1 is the empty one
}

// Op is one operation of a transaction; web/oracle/ops.mjs says what each verb
// does to each type.
type Op struct {
	Kind   string `json:"k"`
	Root   string `json:"r"`
	Path   []int  `json:"p,omitempty"`
	At     int    `json:"a"`
	Count  int    `json:"b"`
	String any    `json:"s,omitempty"` // a script value
	Value  any    `json:"v"`
	Attrs  any    `json:"w,omitempty"`
	Type   string `json:"y,omitempty"`
	Key    string `json:"m,omitempty"`

	Build *Build      `json:"t,omitempty"` // a type with content
	Node  *Build      `json:"n,omitempty"` // an XML node with content
	Delta []DeltaStep `json:"d,omitempty"`
	From  string      `json:"z,omitempty"` // root and path of another type
	Way   []int       `json:"q,omitempty"`
}

// MarshalJSON writes a step as the array that web/oracle reads.
func (s Step) MarshalJSON() ([]byte, error) {
	switch s.Verb {
	case VerbOp:
		return json.Marshal([]any{s.Verb, s.Doc, s.Ops})
	case VerbRecv, VerbRecv2, VerbMerge:
		return json.Marshal([]any{s.Verb, s.Doc, s.Slots})
	case VerbSync:
		return json.Marshal([]any{s.Verb, s.Doc, s.From})
	case VerbCursor:
		return json.Marshal([]any{s.Verb, s.Doc, s.Root, s.Path, s.At, s.Assoc})
	case VerbReload:
		return json.Marshal([]any{s.Verb, s.Doc, s.Client})
	case VerbDiff:
		return json.Marshal([]any{s.Verb, s.Slots, s.Picks})
	case VerbCheck:
		return json.Marshal([]any{s.Verb, s.Doc, s.Picks, s.Deep})
	case VerbSnap:
		return json.Marshal([]any{s.Verb, s.Doc, append([]int{}, s.Picks...)})
	case VerbAt:
		return json.Marshal([]any{s.Verb, s.Doc, s.Snaps[0]})
	case VerbBetween:
		return json.Marshal([]any{s.Verb, s.Doc, s.Snaps[0], s.Snaps[1]})
	case VerbRestore:
		return json.Marshal([]any{s.Verb, s.Doc, s.Snaps[0], s.Deep})
	case VerbContains:
		return json.Marshal([]any{s.Verb, s.Snaps[0], s.Snaps[1], s.Slots})
	default:
		return json.Marshal([]any{s.Verb, s.Doc})
	}
}

// UnmarshalJSON reads what MarshalJSON writes.
func (s *Step) UnmarshalJSON(data []byte) error {
	var parts []json.RawMessage
	if err := json.Unmarshal(data, &parts); err != nil {
		return err
	}
	*s = Step{}
	fields := []any{&s.Verb, &s.Doc}
	if len(parts) > 0 {
		if err := json.Unmarshal(parts[0], &s.Verb); err != nil {
			return err
		}
	}
	switch s.Verb {
	case VerbOp:
		fields = append(fields, &s.Ops)
	case VerbRecv, VerbRecv2, VerbMerge:
		fields = append(fields, &s.Slots)
	case VerbSync:
		fields = append(fields, &s.From)
	case VerbCursor:
		fields = append(fields, &s.Root, &s.Path, &s.At, &s.Assoc)
	case VerbReload:
		fields = append(fields, &s.Client)
	case VerbDiff:
		fields = []any{&s.Verb, &s.Slots, &s.Picks}
	case VerbCheck:
		fields = append(fields, &s.Picks, &s.Deep)
	case VerbSnap:
		fields = append(fields, &s.Picks)
	case VerbAt:
		s.Snaps = make([]int, 1)
		fields = append(fields, &s.Snaps[0])
	case VerbBetween:
		s.Snaps = make([]int, 2)
		fields = append(fields, &s.Snaps[0], &s.Snaps[1])
	case VerbRestore:
		s.Snaps = make([]int, 1)
		fields = append(fields, &s.Snaps[0], &s.Deep)
	case VerbContains:
		s.Snaps = make([]int, 2)
		fields = []any{&s.Verb, &s.Snaps[0], &s.Snaps[1], &s.Slots}
	}
	if len(parts) != len(fields) {
		return fmt.Errorf("step %q has %d parts, want %d", s.Verb, len(parts), len(fields))
	}
	for i, field := range fields {
		if err := json.Unmarshal(parts[i], field); err != nil {
			return err
		}
	}
	return nil
}

// String returns the script as JSON with a line for each step, as it stands in
// a file of kept histories.
func (s *Script) String() string {
	var b strings.Builder
	docs, _ := json.Marshal(s.Docs)
	roots, _ := json.Marshal(s.Roots)
	fmt.Fprintf(&b, "{\"docs\": %s,\n \"roots\": %s,\n \"steps\": [\n", docs, roots)
	for i, step := range s.Steps {
		line, err := step.MarshalJSON()
		if err != nil {
			line = fmt.Appendf(nil, "%q", err.Error())
		}
		b.WriteString("  ")
		b.Write(line)
		if i < len(s.Steps)-1 {
			b.WriteByte(',')
		}
		b.WriteByte('\n')
	}
	b.WriteString(" ]}\n")
	return b.String()
}

// Entry is what one step showed. Bytes are hex, values are canonical text.
type Entry struct {
	Own     []string             `json:"own"`     // updates that the document emitted on its own account
	Changed []bool               `json:"changed"` // for each update applied: did anything change
	Merged  string               `json:"merged"`  // what was merged, encoded or answered
	Vector  string               `json:"sv"`
	Update  string               `json:"update"` // the encoded state
	Below   string               `json:"diffSV"` // the state vector of the difference
	Diff    string               `json:"diff"`
	Update2 string               `json:"update2"` // the same two in V2
	Diff2   string               `json:"diff2"`
	Convert []string             `json:"converted"`  // updates converted to V2
	Back    string               `json:"back"`       // and converted back
	Hidden  []string             `json:"obfuscated"` // what was merged, obfuscated, in V1 and V2
	Meta    []string             `json:"meta"`       // its extent, by V1 and V2
	Vector2 string               `json:"sv2"`        // its state vector, by V2
	Pending bool                 `json:"pending"`    // structs wait
	Roots   map[string]RootEntry `json:"roots"`
	Log     []string             `json:"log"`     // what the document told, if it is watched
	Stacks  string               `json:"stacks"`  // what can be undone and redone
	Cursor  string               `json:"cursor"`  // relative positions
	Snap    string               `json:"snap"`    // the snapshot
	Snap2   string               `json:"snap2"`   // and in V2
	At      map[string]string    `json:"at"`      // roots at a snapshot
	Between []string             `json:"between"` // texts between two
	Answers []bool               `json:"answers"` // what a snapshot contains, and whether two are equal
	Refused bool                 `json:"refused"` // nothing was restored
	Err     string               `json:"err"`
}

// RootEntry is what can be read from a root type. Fields that a type does not
// have are empty.
type RootEntry struct {
	Dump   string `json:"dump"`
	JSON   string `json:"json"`
	Text   string `json:"text"`
	Delta  string `json:"delta"`
	XML    string `json:"xml"`
	Length int    `json:"length"`
	View   string `json:"view"` // what else a type offers to read
}
