package server

import (
	"bytes"
	"strconv"
)

// node is one value of a JSON text, with the bytes that it was read from. Values are compared by their bytes: the engine
// writes equal values equally.
type node struct {
	raw  []byte
	keys [][]byte // of an object: with quotes, as written
	kids []node   // of an object or an array
}

// object reports whether n is an object.
func (n *node) object() bool { return n.raw[0] == '{' }

// array reports whether n is an array.
func (n *node) array() bool { return n.raw[0] == '[' }

// parseJSON reads a JSON text without white space that the engine wrote. It keeps slices of text.
func parseJSON(text []byte) node {
	n, _ := parseNode(text, 0)
	return n
}

// parseNode reads the value at i and returns where it ends.
func parseNode(text []byte, i int) (node, int) {
	start := i
	var n node
	switch text[i] {
	case '{', '[':
		i++
		for text[i] != '}' && text[i] != ']' {
			if text[i] == ',' {
				i++
			}
			if text[start] == '{' {
				end := scalarEnd(text, i)
				n.keys = append(n.keys, text[i:end])
				i = end + 1 // the colon
			}
			var kid node
			kid, i = parseNode(text, i)
			n.kids = append(n.kids, kid)
		}
		i++
	default:
		i = scalarEnd(text, i)
	}
	n.raw = text[start:i]
	return n, i
}

// scalarEnd returns where the string, number or word at i ends.
func scalarEnd(text []byte, i int) int {
	if text[i] == '"' {
		for i++; text[i] != '"'; i++ {
			if text[i] == '\\' {
				i++
			}
		}
		return i + 1
	}
	for i < len(text) && text[i] != ',' && text[i] != '}' && text[i] != ']' {
		i++
	}
	return i
}

// appendPatch appends the operations of RFC 6902 that turn from into to, with commas between them. path is the JSON
// pointer of both, escaped as it has to be inside a JSON string.
func appendPatch(b []byte, path []byte, from, to *node) []byte {
	switch {
	case bytes.Equal(from.raw, to.raw):
		return b
	case from.object() && to.object():
		return appendObjectPatch(b, path, from, to)
	case from.array() && to.array():
		return appendArrayPatch(b, path, from, to)
	}
	return appendOperation(b, "replace", path, to.raw)
}

// appendObjectPatch compares two objects key by key.
func appendObjectPatch(b []byte, path []byte, from, to *node) []byte {
	index := make(map[string]int, len(to.keys))
	for i, key := range to.keys {
		index[string(key)] = i
	}
	known := make(map[string]bool, len(from.keys))
	for i, key := range from.keys {
		known[string(key)] = true
		below := appendPointer(path, key)
		if j, ok := index[string(key)]; ok {
			b = appendPatch(b, below, &from.kids[i], &to.kids[j])
		} else {
			b = appendOperation(b, "remove", below, nil)
		}
	}
	for j, key := range to.keys {
		if !known[string(key)] {
			b = appendOperation(b, "add", appendPointer(path, key), to.kids[j].raw)
		}
	}
	return b
}

// appendArrayPatch compares what lies between the elements that two arrays share at their ends.
func appendArrayPatch(b []byte, path []byte, from, to *node) []byte {
	start := 0
	for start < len(from.kids) && start < len(to.kids) && bytes.Equal(from.kids[start].raw, to.kids[start].raw) {
		start++
	}
	oldEnd, newEnd := len(from.kids), len(to.kids)
	for oldEnd > start && newEnd > start && bytes.Equal(from.kids[oldEnd-1].raw, to.kids[newEnd-1].raw) {
		oldEnd--
		newEnd--
	}
	i := start
	for ; i < oldEnd && i < newEnd; i++ {
		b = appendPatch(b, appendIndex(path, i), &from.kids[i], &to.kids[i])
	}
	for n := oldEnd - 1; n >= i; n-- {
		b = appendOperation(b, "remove", appendIndex(path, n), nil)
	}
	for ; i < newEnd; i++ {
		b = appendOperation(b, "add", appendIndex(path, i), to.kids[i].raw)
	}
	return b
}

// appendOperation appends one operation.
func appendOperation(b []byte, op string, path, value []byte) []byte {
	if len(b) > 0 {
		b = append(b, ',')
	}
	b = append(append(append(b, `{"op":"`...), op...), `","path":"`...)
	b = append(append(b, path...), '"')
	if value != nil {
		b = append(append(b, `,"value":`...), value...)
	}
	return append(b, '}')
}

// appendPointer returns the JSON pointer of a key below path. key is as JSON wrote it, so that what JSON escapes stays
// escaped; "~" and "/" are escaped as pointers want it.
func appendPointer(path, key []byte) []byte {
	below := append(path[:len(path):len(path)], '/')
	for _, c := range key[1 : len(key)-1] {
		switch c {
		case '~':
			below = append(below, "~0"...)
		case '/':
			below = append(below, "~1"...)
		default:
			below = append(below, c)
		}
	}
	return below
}

// appendIndex returns the JSON pointer of an element below path.
func appendIndex(path []byte, i int) []byte {
	return strconv.AppendInt(append(path[:len(path):len(path)], '/'), int64(i), 10)
}
