package server

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/weftsync/weft/crdt"
)

// applySplices applies splices to a text, in UTF-16 code units.
func applySplices(text string, splices []crdt.Splice) string {
	units := utf16.Encode([]rune(text))
	for _, s := range splices {
		units = slices.Replace(units, s.Index, s.Index+s.Deleted, utf16.Encode([]rune(s.Inserted))...)
	}
	return string(utf16.Decode(units))
}

// TestJoinedSplicesMeanTheSame: splices that were joined give the text that they gave one by one.
func TestJoinedSplicesMeanTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringOf(rapid.RuneFrom([]rune("abé😀"))).Draw(t, "text")
		now := text
		var all, joined []crdt.Splice
		for range rapid.IntRange(0, 12).Draw(t, "splices") {
			runes := []rune(now)
			at := rapid.IntRange(0, len(runes)).Draw(t, "at")
			deleted := rapid.IntRange(0, min(2, len(runes)-at)).Draw(t, "deleted")
			s := crdt.Splice{
				Index: utf16Len(string(runes[:at])), Deleted: utf16Len(string(runes[at : at+deleted])),
				Inserted: rapid.SampledFrom([]string{"", "", "x", "😀y"}).Draw(t, "inserted"),
			}
			now = applySplices(now, []crdt.Splice{s})
			all, joined = append(all, s), joinSplice(joined, s)
		}
		if got := applySplices(text, joined); got != now {
			t.Fatalf("got %q from %v joined from %v on %q, want %q", got, joined, all, text, now)
		}
	})
}

func TestTypingIsOneSplice(t *testing.T) {
	tests := []struct {
		name     string
		in, want []crdt.Splice
	}{
		{"typing", []crdt.Splice{{Index: 3, Inserted: "a"}, {Index: 4, Inserted: "😀"}, {Index: 6, Inserted: "c"}}, []crdt.Splice{{Index: 3, Inserted: "a😀c"}}},
		{"backspace", []crdt.Splice{{Index: 5, Deleted: 1}, {Index: 4, Deleted: 1}}, []crdt.Splice{{Index: 4, Deleted: 2}}},
		{"delete", []crdt.Splice{{Index: 5, Deleted: 1}, {Index: 5, Deleted: 2}}, []crdt.Splice{{Index: 5, Deleted: 3}}},
		{"replace", []crdt.Splice{{Index: 5, Deleted: 2}, {Index: 5, Inserted: "x"}}, []crdt.Splice{{Index: 5, Deleted: 2, Inserted: "x"}}},
		{"elsewhere", []crdt.Splice{{Index: 5, Inserted: "x"}, {Index: 0, Inserted: "y"}}, []crdt.Splice{{Index: 5, Inserted: "x"}, {Index: 0, Inserted: "y"}}},
		{"nothing", []crdt.Splice{{Index: 5}}, nil},
	}
	for _, tt := range tests {
		var got []crdt.Splice
		for _, s := range tt.in {
			got = joinSplice(got, s)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

func TestSpliceBetween(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringOf(rapid.RuneFrom([]rune("aé😀😁"))) // the two faces share their first three bytes
		from, to := text.Draw(t, "from"), text.Draw(t, "to")
		s := spliceBetween(from, to)
		if got := applySplices(from, []crdt.Splice{s}); got != to {
			t.Fatalf("got %q from %q with %+v, want %q", got, from, s, to)
		}
	})
}

// TestPatches: the operations between two JSON values turn the one into the other.
func TestPatches(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		value := jsonValue(3)
		from, to := value.Draw(t, "from"), value.Draw(t, "to")
		if rapid.Bool().Draw(t, "alike") { // two values that share much
			from = map[string]any{"same": to, "list": []any{from, 1.0, "x"}, "gone": 1.0}
			to = map[string]any{"same": to, "list": []any{1.0, "x", to}, "new/~key": to}
		}
		before, after := mustMarshal(t, from), mustMarshal(t, to)
		a, b := parseJSON(before), parseJSON(after)
		patch := "[" + string(appendPatch(nil, nil, &a, &b)) + "]"
		if diff := cmp.Diff(to, applyPatch(t, from, patch)); diff != "" {
			t.Fatalf("%s\n%s\n%s (-want +got):\n%s", before, after, patch, diff)
		}
	})
}

// jsonValue generates JSON values.
func jsonValue(depth int) *rapid.Generator[any] {
	scalar := rapid.OneOf(rapid.Just[any](nil), rapid.Just[any](true), rapid.Just[any](1.5), rapid.Just[any](`a"/~\`), rapid.Just[any]("é😀"))
	if depth == 0 {
		return scalar
	}
	inner := jsonValue(depth - 1)
	return rapid.OneOf(scalar,
		rapid.Map(rapid.SliceOfN(inner, 0, 5), func(v []any) any { return v }),
		rapid.Map(rapid.MapOfN(rapid.SampledFrom([]string{"a", "b", "c/d", "~e", `"`}), inner, 0, 4), func(v map[string]any) any { return v }),
	)
}

func mustMarshal(t rapid.TB, v any) []byte {
	b := &strings.Builder{}
	enc := json.NewEncoder(b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		t.Fatalf("encode %v: %v", v, err)
	}
	return []byte(strings.TrimSuffix(b.String(), "\n"))
}

// applyPatch applies operations of RFC 6902, as a page would.
func applyPatch(t interface {
	Helper()
	Fatalf(string, ...any)
}, doc any, patch string) any {
	t.Helper()
	var ops []struct {
		Op, Path string
		Value    any
	}
	if err := json.Unmarshal([]byte(patch), &ops); err != nil {
		t.Fatalf("read %s: %v", patch, err)
	}
	for _, op := range ops {
		var steps []string
		if op.Path != "" {
			steps = strings.Split(op.Path[1:], "/")
		}
		var err error
		if doc, err = patched(doc, steps, op.Op, op.Value); err != nil {
			t.Fatalf("%s %s: %v", op.Op, op.Path, err)
		}
	}
	return doc
}

// patched returns doc with one operation applied below it.
func patched(doc any, steps []string, op string, value any) (any, error) {
	if len(steps) == 0 {
		return value, nil
	}
	key := strings.NewReplacer("~1", "/", "~0", "~").Replace(steps[0])
	switch in := doc.(type) {
	case map[string]any:
		out := make(map[string]any)
		for k, v := range in {
			out[k] = v
		}
		old, ok := out[key]
		switch {
		case len(steps) > 1 || op == "replace":
			if !ok {
				return nil, fmt.Errorf("no key %q", key)
			}
			v, err := patched(old, steps[1:], op, value)
			out[key] = v
			return out, err
		case op == "remove":
			if !ok {
				return nil, fmt.Errorf("no key %q", key)
			}
			delete(out, key)
		default:
			out[key] = value
		}
		return out, nil
	case []any:
		i, err := strconv.Atoi(key)
		if err != nil || i > len(in) || i == len(in) && op != "add" {
			return nil, fmt.Errorf("no index %q", key)
		}
		out := slices.Clone(in)
		switch {
		case len(steps) > 1 || op == "replace":
			out[i], err = patched(in[i], steps[1:], op, value)
		case op == "remove":
			out = slices.Delete(out, i, i+1)
		default:
			out = slices.Insert(out, i, value)
		}
		return out, err
	}
	return nil, fmt.Errorf("%q of a scalar", key)
}
