package trace

import (
	"bytes"
	"compress/gzip"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func pack(t testing.TB, json string) *bytes.Buffer {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write([]byte(json)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return &b
}

// A character outside the basic plane takes two units, and everything behind it moves.
func TestReadConvertsToUTF16(t *testing.T) {
	const json = `{"startContent":"a🙂b","endContent":"🧵x🙂é","txns":[
		{"patches":[[0,1,"🧵🧵"],[1,1,"x"]]},
		{"patches":[[3,1,""],[3,0,"é"]]}]}`
	got, err := Read("t", pack(t, json))
	if err != nil {
		t.Fatal(err)
	}
	want := []Txn{
		{Patches: []Patch{{0, 1, "🧵🧵"}, {2, 2, "x"}}},
		{Patches: []Patch{{5, 1, ""}, {5, 0, "é"}}},
	}
	if diff := cmp.Diff(want, got.Txns); diff != "" {
		t.Error("transactions (-want +got):\n" + diff)
	}
	text, err := got.TextAfter(len(got.Txns))
	if err != nil {
		t.Fatal(err)
	}
	if text != got.End {
		t.Errorf("text = %q, want %q", text, got.End)
	}
}

func TestReadConcurrent(t *testing.T) {
	const json = `{"kind":"concurrent","endContent":"ab","txns":[
		{"agent":0,"parents":[],"patches":[[0,0,"a"]]},
		{"agent":1,"parents":[],"patches":[[0,0,"b"]]},
		{"agent":0,"parents":[0,1],"patches":[]}]}`
	got, err := Read("t", pack(t, json))
	if err != nil {
		t.Fatal(err)
	}
	if !got.Concurrent || got.Agents != 2 {
		t.Errorf("concurrent %v with %d agents, want true with 2", got.Concurrent, got.Agents)
	}
	if diff := cmp.Diff([]int{0, 1}, got.Txns[2].Parents); diff != "" {
		t.Error("parents (-want +got):\n" + diff)
	}
	if _, err := got.TextAfter(1); err == nil {
		t.Error("TextAfter of a concurrent history: no error")
	}
}

func TestReadRefuses(t *testing.T) {
	for name, json := range map[string]string{
		"no json":            `{`,
		"no transactions":    `{"txns":[]}`,
		"patch of two":       `{"txns":[{"patches":[[0,0]]}]}`,
		"patch of strings":   `{"txns":[{"patches":[["0",0,""]]}]}`,
		"insert past end":    `{"txns":[{"patches":[[1,0,"a"]]}]}`,
		"delete past end":    `{"startContent":"ab","txns":[{"patches":[[1,2,""]]}]}`,
		"negative":           `{"startContent":"ab","txns":[{"patches":[[-1,0,""]]}]}`,
		"negative delete":    `{"startContent":"ab","txns":[{"patches":[[1,-1,""]]}]}`,
		"overflow":           `{"startContent":"ab","txns":[{"patches":[[1,9223372036854775807,""]]}]}`,
		"forward parent":     `{"txns":[{"parents":[0],"patches":[]}]}`,
		"parents descend":    `{"txns":[{"parents":[],"patches":[]},{"parents":[],"patches":[]},{"parents":[1,0],"patches":[]}]}`,
		"some parents":       `{"txns":[{"parents":[],"patches":[]},{"patches":[]}]}`,
		"agent":              `{"txns":[{"agent":-1,"patches":[]}]}`,
		"too many agents":    `{"txns":[{"agent":7,"patches":[]}]}`,
		"wide in concurrent": `{"txns":[{"parents":[],"patches":[[0,0,"🙂"]]}]}`,
		"concurrent start":   `{"startContent":"a","txns":[{"parents":[],"patches":[]}]}`,
	} {
		if got, err := Read(name, pack(t, json)); err == nil {
			t.Errorf("%s: read %+v, want an error", name, got)
		}
	}
	if _, err := Read("plain", strings.NewReader(`{"txns":[]}`)); err == nil {
		t.Error("not gzipped: no error")
	}
	whole := pack(t, `{"endContent":"a","txns":[{"patches":[[0,0,"a"]]}]}`).Bytes()
	for n := range whole {
		if _, err := Read("cut", bytes.NewReader(whole[:n])); err == nil {
			t.Errorf("cut after %d of %d bytes: no error", n, len(whole))
		}
	}
}

// Every real sequential history, replayed on a plain buffer, ends in its own end content.
func TestRealTracesEndAsTheySay(t *testing.T) {
	paths, err := Real()
	if errors.Is(err, ErrNoTraces) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	sequential := 0
	for _, path := range paths {
		trace, err := Load(path)
		if err != nil {
			t.Error(err)
			continue
		}
		if trace.Concurrent {
			continue
		}
		sequential++
		got, err := trace.TextAfter(len(trace.Txns))
		if err != nil {
			t.Error(err)
		} else if got != trace.End {
			t.Errorf("%s: the replayed text (%d bytes) differs from the end content (%d bytes)", trace.Name, len(got), len(trace.End))
		}
	}
	t.Logf("replayed %d real sequential histories", sequential)
	if sequential == 0 {
		t.Error("no sequential history among the real ones")
	}
}
