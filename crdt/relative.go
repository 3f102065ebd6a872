package crdt

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/weftsync/weft/crdt/lib0"
)

// ID names one operation: the client that made it and its number there.
type ID struct {
	Client uint64 `json:"client"`
	Clock  uint64 `json:"clock"`
}

// RelativePosition is a place in a list that stays where it is while others
// edit: it names the element next to it, or the end of the type (Yjs:
// RelativePosition). Cursors in awareness are made of two of them.
type RelativePosition struct {
	Type  *ID    // the item that holds the type; nil for a root
	Root  string // the name of the root, if Type is nil
	Item  *ID    // the element; nil for an end of the type
	Assoc int    // 0 or more: the element is to the right; less: to the left
}

// RelativePosition returns the position before code unit index of the text, or
// after the one before it if assoc is negative. Past the end it is the end. The
// cost is O(log n).
func (t *Text) RelativePosition(index, assoc int) RelativePosition {
	return t.relative(index, assoc)
}

// RelativePosition returns the position before element index, or after the one
// before it if assoc is negative. Past the end it is the end.
func (l list) RelativePosition(index, assoc int) RelativePosition { return l.relative(index, assoc) }

func (s shared) relative(index, assoc int) RelativePosition {
	d, b := s.d, s.b
	p := RelativePosition{Assoc: assoc}
	if b.item == 0 {
		p.Root = b.name
	} else {
		it := d.item(b.item)
		p.Type = d.idOf(it, 0)
	}
	if assoc < 0 {
		if index <= 0 {
			return p
		}
		index--
	}
	switch {
	case index < 0:
		index = 0
		fallthrough
	case index < int(b.length):
		if b.length > 0 {
			r, within := d.locate(b, uint32(index)+1)
			p.Item = d.idOf(d.item(r), within-1)
		}
	case assoc < 0 && b.last != 0:
		it := d.item(b.last)
		p.Item = d.idOf(it, it.len-1)
	}
	return p
}

func (d *Doc) idOf(it *item, offset uint32) *ID {
	return &ID{d.clients[it.client()].id, uint64(it.clock + offset)}
}

// Encode returns the binary form of the position (Yjs: encodeRelativePosition).
// It names the element alone, if there is one.
func (p RelativePosition) Encode() []byte {
	var b []byte
	switch {
	case p.Item != nil:
		b = lib0.AppendUint(lib0.AppendUint([]byte{0}, p.Item.Client), p.Item.Clock)
	case p.Type != nil:
		b = lib0.AppendUint(lib0.AppendUint([]byte{2}, p.Type.Client), p.Type.Clock)
	default:
		b = lib0.AppendBytes([]byte{1}, wtf8(p.Root))
	}
	return lib0.AppendInt(b, int64(p.Assoc))
}

// DecodeRelativePosition reads the binary form. The error is an *UpdateError.
func DecodeRelativePosition(b []byte) (RelativePosition, error) {
	var p RelativePosition
	d := lib0.NewDecoder(b)
	err := p.decode(&d)
	if err == nil && d.Len() > 0 {
		err = d.Fail("trailing bytes after the position")
	}
	if err != nil {
		return RelativePosition{}, refused(err)
	}
	return p, nil
}

func (p *RelativePosition) decode(d *lib0.Decoder) error {
	form, err := d.Uint()
	if err != nil {
		return err
	}
	switch form {
	case 0, 2:
		var id ID
		if id.Client, err = d.Uint(); err == nil {
			id.Clock, err = d.Uint()
		}
		if p.Item = &id; form == 2 {
			p.Item, p.Type = nil, &id
		}
	case 1:
		p.Root, err = d.String()
	default:
		err = d.FailAt(0, "unknown form of a relative position")
	}
	if err != nil || d.Len() == 0 {
		return err
	}
	assoc, _, err := d.Int()
	p.Assoc = int(assoc)
	return err
}

// relativeJSON is the JSON form, its fields in Yjs's order.
type relativeJSON struct {
	Type  *ID    `json:"type,omitempty"`
	TName string `json:"tname,omitempty"`
	Item  *ID    `json:"item,omitempty"`
	Assoc *int   `json:"assoc,omitempty"`
}

// MarshalJSON returns the form that editors put into awareness (Yjs:
// relativePositionToJSON).
func (p RelativePosition) MarshalJSON() ([]byte, error) {
	return json.Marshal(relativeJSON{p.Type, p.Root, p.Item, &p.Assoc})
}

// UnmarshalJSON reads what MarshalJSON and Yjs write.
func (p *RelativePosition) UnmarshalJSON(b []byte) error {
	var j relativeJSON
	if err := json.Unmarshal(b, &j); err != nil {
		return fmt.Errorf("reading a relative position: %w", err)
	}
	*p = RelativePosition{Type: j.Type, Root: j.TName, Item: j.Item}
	if j.Assoc != nil {
		p.Assoc = *j.Assoc
	}
	return nil
}

// ErrPosition is returned for a relative position that cannot be resolved: what
// it names is not known yet, or was collected.
var ErrPosition = errors.New("crdt: the position is not part of the document")

// Resolve returns where a relative position is now: the type, such as a *Text,
// nil for a root that nobody declared; the name of the root that holds it; and
// the index. What was deleted and brought back by an UndoManager of this replica
// is followed to where it is now, which other replicas cannot do. The error is
// ErrPosition (Yjs: createAbsolutePositionFromRelativePosition).
func (d *Doc) Resolve(p RelativePosition) (typ Type, root string, index int, err error) {
	return d.resolved(p, true)
}

// ResolveAsOthers is Resolve as every replica does it: what was undone is not
// followed. It is for positions that many resolve and that have to agree.
func (d *Doc) ResolveAsOthers(p RelativePosition) (typ Type, root string, index int, err error) {
	return d.resolved(p, false)
}

func (d *Doc) resolved(p RelativePosition, follow bool) (typ Type, root string, index int, err error) {
	b, i, err := d.resolve(p, follow)
	if err != nil {
		return nil, "", 0, err
	}
	if b == nil {
		return nil, p.Root, 0, nil
	}
	top := b
	for top.item != 0 {
		top = d.branches[d.item(top.item).parent]
	}
	return d.handle(b), top.name, i, nil
}

func (d *Doc) resolve(p RelativePosition, follow bool) (*branch, int, error) {
	if p.Item != nil {
		it, r, offset := d.lookup(*p.Item, follow)
		if it == nil || it.kind() == kindGC {
			return nil, 0, ErrPosition
		}
		b := d.branches[it.parent]
		if b.item != 0 && d.item(b.item).deleted() || it.key() != 0 {
			return b, 0, nil
		}
		index := int(d.indexOf(b, r))
		if it.visible() > 0 {
			index += int(offset)
			if p.Assoc < 0 {
				index++
			}
		}
		return b, index, nil
	}
	b := d.roots[p.Root]
	if p.Type != nil {
		it, _, _ := d.lookup(*p.Type, follow)
		if it == nil || it.kind() != kindType {
			return nil, 0, ErrPosition
		}
		b = d.branches[it.content]
	}
	if b == nil { // a root that does not exist is empty
		return nil, 0, nil
	}
	if p.Assoc >= 0 {
		return b, int(b.length), nil
	}
	return b, 0, nil
}

// lookup returns the struct that holds an operation, or that in which it was
// brought back, and the offset in it; nil if it is not known.
func (d *Doc) lookup(i ID, follow bool) (it *item, r ref, offset uint32) {
	c, ok := d.clientIndex[i.Client]
	if !ok || i.Clock >= uint64(d.clients[c].next) {
		return nil, 0, 0
	}
	if follow {
		r, offset = d.followRedone(id{c, uint32(i.Clock)})
		return d.item(r), r, offset
	}
	r = d.find(c, uint32(i.Clock))
	it = d.item(r)
	return it, r, uint32(i.Clock) - it.clock
}
