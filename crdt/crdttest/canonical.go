package crdttest

import (
	"encoding/hex"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"

	"github.com/weftsync/weft/crdt"
)

// Canonical returns a text that is equal for equal values and shared types,
// and is the same that web/oracle/values.mjs makes of the JavaScript side.
// Numbers keep the sign of zero, objects keep the order of their keys; keys of
// maps, of attributes and of formatting are sorted, for their order is not
// state.
func Canonical(v any) string {
	var b strings.Builder
	appendCanonical(&b, v)
	return b.String()
}

// CanonicalDelta returns the canonical text of a delta.
func CanonicalDelta(ops []crdt.Op) string {
	var b strings.Builder
	appendDelta(&b, ops)
	return b.String()
}

// CanonicalString returns s as JavaScript's JSON.stringify quotes it.
func CanonicalString(s string) string {
	var b strings.Builder
	appendQuoted(&b, s)
	return b.String()
}

func appendCanonical(b *strings.Builder, v any) {
	switch v := v.(type) {
	case nil:
		b.WriteString("null")
	case bool:
		b.WriteString(strconv.FormatBool(v))
	case float64:
		appendNumber(b, v)
	case crdt.BigInt:
		fmt.Fprintf(b, "%dn", int64(v))
	case string:
		appendQuoted(b, v)
	case []byte:
		b.WriteString("<" + hex.EncodeToString(v) + ">")
	case []any:
		b.WriteByte('[')
		appendList(b, v)
		b.WriteByte(']')
	case crdt.Object:
		appendObject(b, v)
	case crdt.Subdoc:
		appendSubdoc(b, v)
	default:
		if v == crdt.Undefined {
			b.WriteString("undefined")
			return
		}
		appendType(b, v)
	}
}

func appendType(b *strings.Builder, v any) {
	switch t := v.(type) {
	case *crdt.XMLText:
		b.WriteString("xmltext(")
		appendDelta(b, t.Delta())
		b.WriteByte(',')
		appendSorted(b, t.Attributes())
		b.WriteByte(')')
	case *crdt.Text:
		b.WriteString("text(")
		appendDelta(b, t.Delta())
		b.WriteByte(',')
		appendSorted(b, t.Attributes())
		b.WriteByte(')')
	case *crdt.Array:
		b.WriteString("array[")
		appendList(b, t.ToSlice())
		b.WriteByte(']')
	case *crdt.XMLHook:
		b.WriteString("hook(")
		appendQuoted(b, t.Name())
		b.WriteByte(',')
		appendSorted(b, mapOf(&t.Map))
		b.WriteByte(')')
	case *crdt.Map:
		b.WriteString("map")
		appendSorted(b, mapOf(t))
	case *crdt.XMLElement:
		b.WriteString("element(")
		appendQuoted(b, t.Name())
		b.WriteByte(',')
		appendSorted(b, t.Attributes())
		b.WriteString(",[")
		appendList(b, slices.Collect(t.Children()))
		b.WriteString("])")
	case *crdt.XMLFragment:
		b.WriteString("fragment[")
		appendList(b, slices.Collect(t.Children()))
		b.WriteByte(']')
	default:
		fmt.Fprintf(b, "?%T", v)
	}
}

func mapOf(m *crdt.Map) map[string]any {
	out := map[string]any{}
	for _, k := range m.Keys() {
		out[k], _ = m.Get(k)
	}
	return out
}

func appendDelta(b *strings.Builder, ops []crdt.Op) {
	b.WriteByte('[')
	for i, op := range ops {
		if i > 0 {
			b.WriteByte(',')
		}
		appendCanonical(b, op.Insert)
		if len(op.Attributes) > 0 {
			appendSorted(b, op.Attributes)
		}
	}
	b.WriteByte(']')
}

func appendList(b *strings.Builder, list []any) {
	for i, v := range list {
		if i > 0 {
			b.WriteByte(',')
		}
		appendCanonical(b, v)
	}
}

func appendObject(b *strings.Builder, o crdt.Object) {
	b.WriteByte('{')
	for i, f := range o {
		if i > 0 {
			b.WriteByte(',')
		}
		appendQuoted(b, f.Key)
		b.WriteByte(':')
		appendCanonical(b, f.Value)
	}
	b.WriteByte('}')
}

// appendSorted writes a map with its keys in the order of their UTF-16 units,
// the order in which JavaScript sorts strings.
func appendSorted[M ~map[string]any](b *strings.Builder, m M) {
	o := make(crdt.Object, 0, len(m))
	for k, v := range m {
		o = append(o, crdt.Field{Key: k, Value: v})
	}
	slices.SortFunc(o, func(x, y crdt.Field) int { return compareUnits(x.Key, y.Key) })
	appendObject(b, o)
}

func compareUnits(x, y string) int {
	return slices.Compare(utf16.Encode([]rune(x)), utf16.Encode([]rune(y)))
}

func appendSubdoc(b *strings.Builder, s crdt.Subdoc) {
	var o crdt.Object
	if s.KeepDeleted {
		o = append(o, crdt.Field{Key: "gc", Value: false})
	}
	if s.AutoLoad {
		o = append(o, crdt.Field{Key: "autoLoad", Value: true})
	}
	if s.Meta != nil {
		o = append(o, crdt.Field{Key: "meta", Value: s.Meta})
	}
	b.WriteString("doc(")
	appendQuoted(b, s.GUID)
	b.WriteByte(',')
	appendObject(b, o)
	b.WriteByte(')')
}

func appendNumber(b *strings.Builder, n float64) {
	switch {
	case n == 0 && math.Signbit(n):
		b.WriteString("-0")
	case n == math.Trunc(n) && math.Abs(n) < 1<<53:
		b.WriteString(strconv.FormatInt(int64(n), 10))
	case math.IsNaN(n):
		b.WriteString("NaN")
	case math.IsInf(n, 1):
		b.WriteString("Infinity")
	case math.IsInf(n, -1):
		b.WriteString("-Infinity")
	default:
		fmt.Fprintf(b, "f%016x", math.Float64bits(n))
	}
}

func appendQuoted(b *strings.Builder, s string) {
	b.WriteByte('"')
	for _, r := range s {
		switch r {
		case '"', '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case '\b':
			b.WriteString(`\b`)
		case '\t':
			b.WriteString(`\t`)
		case '\n':
			b.WriteString(`\n`)
		case '\f':
			b.WriteString(`\f`)
		case '\r':
			b.WriteString(`\r`)
		default:
			if r < 0x20 {
				fmt.Fprintf(b, `\u%04x`, r)
			} else {
				b.WriteRune(r)
			}
		}
	}
	b.WriteByte('"')
}
