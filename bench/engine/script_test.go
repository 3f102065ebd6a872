package engine

import (
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/weftsync/weft/bench/peers"
	"github.com/weftsync/weft/bench/trace"
)

// Every row of crdt-benchmarks measures something and refuses a wrong end, where it knows one.
func TestScriptRows(t *testing.T) {
	h := trace.Generated(1, 300)
	rows := ScriptRows(100)
	if len(rows) != 11+4+5+2 {
		t.Errorf("%d rows", len(rows))
	}
	for _, row := range rows {
		s := &Subject{Trace: h, Script: row.Script}
		if sample, err := row.Measure(s); err != nil || sample.Value <= 0 {
			t.Errorf("%s: %+v, error %v", row.Name, sample, err)
		}
		if _, err := json.Marshal(row.Script); err != nil {
			t.Errorf("%s: %v", row.Name, err)
		}
		wrong := *row.Script
		switch {
		case wrong.Length > 0:
			wrong.Length++
		case strings.HasPrefix(row.Name, "B1"):
			wrong.End += "!"
		default:
			continue
		}
		if _, err := row.Measure(&Subject{Script: &wrong}); err == nil {
			t.Errorf("%s with a wrong end: no error", row.Name)
		}
	}
	if _, err := rows[0].Measure(&Subject{Script: &Script{Edits: []trace.Patch{{Index: 7, Inserted: "x"}}}}); err == nil {
		t.Error("an edit outside the text: no error")
	}
}

func TestScriptsAreTheSameEachTime(t *testing.T) {
	for i, row := range ScriptRows(50) {
		one, err := json.Marshal(row.Script)
		if err != nil {
			t.Fatal(err)
		}
		two, err := json.Marshal(ScriptRows(50)[i].Script)
		if err != nil || string(one) != string(two) {
			t.Errorf("%s: made again it differs, error %v", row.Name, err)
		}
	}
}

// What wants to do harm is valid, and measured.
func TestHostileRows(t *testing.T) {
	for _, row := range HostileRows(HostileSizes{Inserts: 50, Splits: 60, Clients: 70, Deletes: 80, Roots: 90, Keys: 20}) {
		s := &Subject{Hostile: row.Hostile, Sizes: peers.Sizes{Batch: 20}}
		for range 2 {
			if sample, err := row.Measure(s); err != nil || sample.Value <= 0 {
				t.Errorf("%s: %+v, error %v", row.Name, sample, err)
			}
		}
		doc, err := row.Hostile.harmed(true)
		if err != nil {
			t.Fatal(err)
		}
		stats := doc.Stats()
		switch row.Name {
		case "splits":
			if got := len(doc.RootString(Root)); got != 61 {
				t.Errorf("splits leave %d letters, want 61", got)
			}
		case "pending":
			if stats.Pending != 70 {
				t.Errorf("%d structs wait, want 70", stats.Pending)
			}
		case "roots":
			if got := len(doc.Roots()); got != 90 {
				t.Errorf("%d roots, want 90", got)
			}
		}
	}
}

// The real documents are read, in both formats, where they are.
func TestDocuments(t *testing.T) {
	documents, err := trace.Documents()
	if errors.Is(err, trace.ErrNoTraces) || len(documents) == 0 {
		t.Skip("no documents", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range documents {
		v2, err := os.ReadFile(d.Path)
		if err != nil {
			t.Fatal(err)
		}
		whole, err := ReadDocument(v2)
		if err != nil {
			t.Fatal(err)
		}
		if len(whole.Text) < 1000 || whole.Root == "" {
			t.Errorf("%s: a text of %d bytes in root %q", d.Name, len(whole.Text), whole.Root)
		}
		for _, row := range DocumentRows() {
			if sample, err := row.Measure(&Subject{Whole: whole}); err != nil || sample.Value <= 0 {
				t.Errorf("%s on %s: %+v, error %v", row.Name, d.Name, sample, err)
			}
		}
	}
	if _, err := ReadDocument([]byte{1}); err == nil {
		t.Error("a damaged document: no error")
	}
}
