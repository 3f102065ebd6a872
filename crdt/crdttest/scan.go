package crdttest

import (
	"fmt"
	"strings"

	"github.com/weftsync/weft/crdt/lib0"
)

// Struct is one struct of a V1 update, as ScanUpdate reads it.
type Struct struct {
	Kind   string // GC, Skip, Deleted, JSON, Binary, String, Embed, Format, Type, Any, Doc
	Client uint64
	Clock  uint64
	Len    uint64
	Text   string // origins, parent and content in words
}

// Deletion is one range of an update's delete set.
type Deletion struct{ Client, Clock, Len uint64 }

var kinds = [...]string{"GC", "Deleted", "JSON", "Binary", "String", "Embed", "Format", "Type", "Any", "Doc", "Skip"}

// ScanUpdate reads a V1 update without the engine's decoder, so that what a
// test counts and prints does not depend on what it tests.
func ScanUpdate(update []byte) (structs []Struct, deletes []Deletion, err error) {
	s := scanner{dec: lib0.NewDecoder(update)}
	defer func() {
		if r := recover(); r != nil {
			if e, ok := r.(scanError); ok {
				err = e.error
				return
			}
			panic(r)
		}
	}()
	for range s.uint() {
		n, client, clock := s.uint(), s.uint(), s.uint()
		for range n {
			one := s.one(client, clock)
			clock += one.Len
			structs = append(structs, one)
		}
	}
	for range s.uint() {
		client, n := s.uint(), s.uint()
		for range n {
			deletes = append(deletes, Deletion{client, s.uint(), s.uint()})
		}
	}
	if s.dec.Len() > 0 {
		return structs, deletes, fmt.Errorf("%d bytes follow the delete set", s.dec.Len())
	}
	return structs, deletes, nil
}

// Describe returns an update in words, a line for each struct and each range.
func Describe(update []byte) string {
	structs, deletes, err := ScanUpdate(update)
	var b strings.Builder
	for _, s := range structs {
		fmt.Fprintf(&b, "  %d:%d+%d %s %s\n", s.Client, s.Clock, s.Len, s.Kind, s.Text)
	}
	for _, d := range deletes {
		fmt.Fprintf(&b, "  delete %d:%d+%d\n", d.Client, d.Clock, d.Len)
	}
	if err != nil {
		fmt.Fprintf(&b, "  (%v)\n", err)
	}
	return b.String()
}

type scanError struct{ error }

type scanner struct{ dec lib0.Decoder }

func (s *scanner) must(err error) {
	if err != nil {
		panic(scanError{err})
	}
}

func (s *scanner) uint() uint64 {
	v, err := s.dec.Uint()
	s.must(err)
	return v
}

func (s *scanner) string() string {
	v, err := s.dec.Bytes()
	s.must(err)
	return string(v)
}

func (s *scanner) byte() byte {
	v, err := s.dec.Byte()
	s.must(err)
	return v
}

func (s *scanner) one(client, clock uint64) Struct {
	info := s.byte()
	kind := info & 0x1f
	if int(kind) >= len(kinds) {
		s.must(fmt.Errorf("content ref %d", kind))
	}
	out := Struct{Kind: kinds[kind], Client: client, Clock: clock}
	if kind == 0 || kind == 10 {
		out.Len = s.uint()
		return out
	}
	var words []string
	if info&0x80 != 0 {
		words = append(words, fmt.Sprintf("origin %d:%d", s.uint(), s.uint()))
	}
	if info&0x40 != 0 {
		words = append(words, fmt.Sprintf("right %d:%d", s.uint(), s.uint()))
	}
	if info&0xc0 == 0 {
		if s.uint() == 1 {
			words = append(words, fmt.Sprintf("root %q", s.string()))
		} else {
			words = append(words, fmt.Sprintf("parent %d:%d", s.uint(), s.uint()))
		}
		if info&0x20 != 0 {
			words = append(words, fmt.Sprintf("key %q", s.string()))
		}
	}
	content, length := s.content(kind)
	out.Len = length
	out.Text = strings.Join(append(words, content), ", ")
	return out
}

func (s *scanner) content(kind byte) (words string, length uint64) {
	switch kind {
	case 1:
		return "", s.uint()
	case 2:
		n := s.uint()
		var all []string
		for range n {
			all = append(all, s.string())
		}
		return strings.Join(all, " "), n
	case 3:
		return fmt.Sprintf("%x", s.string()), 1
	case 4:
		text := s.string()
		return CanonicalString(text), units(text)
	case 5:
		return s.string(), 1
	case 6:
		return s.string() + "=" + s.string(), 1
	case 7:
		ref := s.uint()
		if ref == 3 || ref == 5 {
			return fmt.Sprintf("type %d %q", ref, s.string()), 1
		}
		return fmt.Sprintf("type %d", ref), 1
	case 8:
		n := s.uint()
		from := s.dec.Rest()
		for range n {
			_, err := lib0.CanonicalAny(nil, &s.dec)
			s.must(err)
		}
		return fmt.Sprintf("%d values %x", n, from[:len(from)-s.dec.Len()]), n
	default:
		guid := s.string()
		options, err := lib0.CanonicalAny(nil, &s.dec)
		s.must(err)
		return fmt.Sprintf("%q %x", guid, options), 1
	}
}

func units(s string) (n uint64) {
	for _, r := range s {
		n++
		if r > 0xffff {
			n++
		}
	}
	return n
}
