package crdt

import (
	"math"
	"strconv"

	"github.com/weftsync/weft/crdt/lib0"
)

// ObfuscateOptions say what ObfuscateUpdate leaves readable beyond the structure
// of the document. The zero value leaves nothing.
type ObfuscateOptions struct {
	KeepFormatting bool // keys and values of formats (Yjs: formatting false)
	KeepSubdocs    bool // ids and options of subdocuments (Yjs: subdocs false)
	KeepXMLNames   bool // names of XML elements and hooks (Yjs: yxml false)
}

// ObfuscateUpdate returns a V1 update with its content replaced, so that it can
// be shown to others to find a fault (Yjs: obfuscateUpdate). Text becomes
// digits of the same length; keys, names and values become numbers, equal ones
// equal numbers. Clients, clocks, origins and the names of root types stay, and
// so does what they tell. The error wraps an *UpdateError.
func ObfuscateUpdate(update []byte, o ObfuscateOptions) ([]byte, error) {
	return obfuscateUpdate(v1, update, o)
}

// ObfuscateUpdateV2 is ObfuscateUpdate for a V2 update.
func ObfuscateUpdateV2(update []byte, o ObfuscateOptions) ([]byte, error) {
	return obfuscateUpdate(v2, update, o)
}

func obfuscateUpdate(f format, update []byte, o ObfuscateOptions) ([]byte, error) {
	b := obfuscator{ObfuscateOptions: o, keys: map[string]string{}, nodes: map[string]string{}, formats: map[string]string{}, formatValues: map[string][]byte{}}
	return convertUpdate(f, f, update, b.change)
}

// obfuscator replaces the content of one struct after the other. Each item gets
// a number; the first to use a name or a value gives it its own.
type obfuscator struct {
	ObfuscateOptions
	number       int
	keys         map[string]string // of maps
	nodes        map[string]string
	formats      map[string]string
	formatValues map[string][]byte // by canonical value; for scalars only
	text, values []byte            // scratch
}

var emptyObject = []byte{lib0.TagObject, 0}

func (o *obfuscator) change(p *part) {
	if p.kind == kindGC || p.kind == kindSkip {
		return
	}
	p.raw = nil
	o.content(p)
	// JavaScript takes an empty key for none.
	if p.info&infoKey != 0 && p.info&(infoOrigin|infoRight) == 0 && len(p.key) > 0 {
		p.key = []byte(o.name(o.keys, p.key, ""))
	}
	o.number++
}

func (o *obfuscator) content(p *part) {
	switch p.kind {
	case kindString:
		p.text = o.digits(int(p.len))
	case kindAny, kindJSON:
		o.values = o.values[:0]
		for range p.len {
			o.values = lib0.AppendNumber(o.values, float64(o.number))
		}
		p.values = o.values
	case kindBinary:
		p.text = []byte{byte(o.number)}
	case kindEmbed:
		p.values = emptyObject
	case kindFormat:
		if !o.KeepFormatting {
			p.text = []byte(o.name(o.formats, p.text, ""))
			p.values = o.formatValue(p.values)
		}
	case kindType:
		switch {
		case o.KeepXMLNames:
		case p.typeKind == KindXMLElement:
			p.text = []byte(o.name(o.nodes, p.text, "node-"))
		case p.typeKind == KindXMLHook:
			p.text = []byte(o.name(o.nodes, p.text, "hook-"))
		}
	case kindDoc:
		if !o.KeepSubdocs {
			p.text, p.values = strconv.AppendInt(nil, int64(o.number), 10), emptyObject
		}
	}
}

// digits returns the last digit of the item's number n times.
func (o *obfuscator) digits(n int) []byte {
	o.text = o.text[:0]
	for range n {
		o.text = append(o.text, '0'+byte(o.number%10))
	}
	return o.text
}

// name returns what stands for a name, from the first item that has it.
func (o *obfuscator) name(names map[string]string, name []byte, prefix string) string {
	if s, ok := names[string(name)]; ok {
		return s
	}
	s := prefix + strconv.Itoa(o.number)
	names[string(name)] = s
	return s
}

// formatValue returns what stands for the value of a format. The end of a
// format, null, stays what it is. Objects are told apart even if they look
// alike, as JavaScript does.
func (o *obfuscator) formatValue(v []byte) []byte {
	n := lib0.SkipAny(v)
	switch v[0] {
	case lib0.TagNull:
		return v[:n]
	case lib0.TagObject, lib0.TagArray, lib0.TagBytes:
		return o.numbered()
	}
	key := string(v[:n])
	switch f, _ := decodeValue(v[:n]).(float64); {
	case f != f:
		key = "NaN" // of any bits
	case f == 0 && math.Signbit(f):
		key = string([]byte{lib0.TagInteger, 0})
	}
	if _, ok := o.formatValues[key]; !ok {
		o.formatValues[key] = o.numbered()
	}
	return o.formatValues[key]
}

// numbered returns the object {i: number of the item}.
func (o *obfuscator) numbered() []byte {
	return lib0.AppendNumber([]byte{lib0.TagObject, 1, 1, 'i'}, float64(o.number))
}
