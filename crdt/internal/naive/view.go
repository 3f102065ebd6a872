package naive

import (
	"maps"
	"unicode/utf16"

	"github.com/weftsync/weft/crdt/lib0"
)

// List returns the elements of a list that are not deleted: Unit, Value, Embed,
// *Type or Subdoc. Marks take up no place.
func (t *Type) List() []any {
	var out []any
	for _, op := range t.list.ops {
		if _, mark := op.Content.(Mark); !mark && !op.Deleted {
			out = append(out, op.Content)
		}
	}
	return out
}

// Text returns the text of a list, without what else is in it.
func (t *Type) Text() string {
	var units []uint16
	for _, v := range t.List() {
		if u, ok := v.(Unit); ok {
			units = append(units, uint16(u))
		}
	}
	return string(utf16.Decode(units))
}

// Map returns the value of each key: Value, *Type or Subdoc. A key whose last
// value is deleted has none, whatever came before that.
func (t *Type) Map() map[string]any {
	out := map[string]any{}
	for key, values := range t.keys {
		if n := len(values.ops); n > 0 && !values.ops[n-1].Deleted {
			out[key] = values.ops[n-1].Content
		}
	}
	return out
}

// Span is a piece of formatted text, or one object among it.
type Span struct {
	Content any // string, Embed or *Type
	Marks   map[string]Value
}

// Spans returns a list as formatted text: what stands between two marks is one
// span, also where a mark changes nothing, and so is each object.
func (t *Type) Spans() []Span {
	var out []Span
	var units []uint16
	marks := map[string]Value{}
	flush := func() {
		if len(units) > 0 {
			out = append(out, Span{string(utf16.Decode(units)), maps.Clone(marks)})
			units = nil
		}
	}
	for _, op := range t.list.ops {
		if op.Deleted {
			continue
		}
		switch c := op.Content.(type) {
		case Unit:
			delete(marks, "ychange") // Yjs takes it for its own, and text ends it
			units = append(units, uint16(c))
		case Mark:
			flush()
			if marks[c.Key] = c.Value; c.Value[0] == lib0.TagNull {
				delete(marks, c.Key)
			}
		case Embed, *Type: // other content is no part of a text
			flush()
			out = append(out, Span{c, maps.Clone(marks)})
		}
	}
	flush()
	return out
}
