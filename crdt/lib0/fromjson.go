package lib0

import (
	"bytes"
	"math"
	"strconv"
	"unicode/utf8"
)

// AnyFromJSON appends the canonical Any form of one JSON text to dst. It
// accepts what JSON.parse accepts and gives numbers, repeated keys and escaped
// lone surrogates the meaning that JSON.parse gives them; objects and arrays
// nested deeper than MaxDepth are refused. Offsets in errors count from the
// start of text. After an error dst is returned unchanged in length.
func AnyFromJSON(dst, text []byte) ([]byte, error) {
	p := jsonParser{buf: text}
	n := len(dst)
	out, err := p.document(dst)
	if err != nil {
		return dst[:n], err
	}
	return out, nil
}

type jsonParser struct {
	buf []byte
	pos int
}

func (p *jsonParser) fail(reason string) error { return &Error{p.pos, "JSON: " + reason} }

func (p *jsonParser) space() {
	for p.pos < len(p.buf) {
		switch p.buf[p.pos] {
		case ' ', '\t', '\n', '\r':
			p.pos++
		default:
			return
		}
	}
}

// peek returns the next byte that is not white space, or 0 at the end.
func (p *jsonParser) peek() byte {
	p.space()
	if p.pos < len(p.buf) {
		return p.buf[p.pos]
	}
	return 0
}

func (p *jsonParser) document(dst []byte) ([]byte, error) {
	dst, err := p.value(dst, 0)
	if err != nil {
		return dst, err
	}
	p.space()
	if p.pos < len(p.buf) {
		return dst, p.fail("unexpected text after the value")
	}
	return dst, nil
}

func (p *jsonParser) value(dst []byte, depth int) ([]byte, error) {
	switch c := p.peek(); {
	case c == '{' || c == '[':
		if depth >= MaxDepth {
			return dst, p.fail("nested too deep")
		}
		p.pos++
		if c == '{' {
			return p.object(dst, depth+1)
		}
		return p.array(dst, depth+1)
	case c == '"':
		s, err := p.str()
		if err != nil {
			return dst, err
		}
		return AppendBytes(append(dst, TagString), s), nil
	case c == '-' || c >= '0' && c <= '9':
		return p.number(dst)
	}
	for _, w := range [...]struct {
		word string
		tag  byte
	}{{"null", TagNull}, {"true", TagTrue}, {"false", TagFalse}} {
		if bytes.HasPrefix(p.buf[p.pos:], []byte(w.word)) {
			p.pos += len(w.word)
			return append(dst, w.tag), nil
		}
	}
	if p.pos == len(p.buf) {
		return dst, p.fail("unexpected end")
	}
	return dst, p.fail("unexpected character")
}

// list reads elements separated by commas up to the closing bracket and
// returns how many there were.
func (p *jsonParser) list(closing byte, element func() error) (n int, err error) {
	if p.peek() == closing {
		p.pos++
		return 0, nil
	}
	for {
		if err := element(); err != nil {
			return n, err
		}
		n++
		switch p.peek() {
		case ',':
			p.pos++
		case closing:
			p.pos++
			return n, nil
		default:
			return n, p.fail("expected a comma or " + string(closing))
		}
	}
}

func (p *jsonParser) array(dst []byte, depth int) ([]byte, error) {
	body, err := []byte(nil), error(nil)
	n, err := p.list(']', func() (err error) {
		body, err = p.value(body, depth)
		return err
	})
	if err != nil {
		return dst, err
	}
	dst = AppendUint(append(dst, TagArray), uint64(n))
	return append(dst, body...), nil
}

func (p *jsonParser) object(dst []byte, depth int) ([]byte, error) {
	var body []byte
	var fields []field
	odd := false
	n, err := p.list('}', func() error {
		if p.peek() != '"' {
			return p.fail("expected a key")
		}
		f := field{start: len(body)}
		var err error
		if f.key, err = p.str(); err != nil {
			return err
		}
		if p.peek() != ':' {
			return p.fail("expected a colon")
		}
		p.pos++
		body = AppendBytes(body, f.key)
		if body, err = p.value(body, depth); err != nil {
			return err
		}
		f.end = len(body)
		odd = odd || isArrayIndex(f.key)
		fields = append(fields, f)
		return nil
	})
	if err != nil {
		return dst, err
	}
	dst = AppendUint(append(dst, TagObject), uint64(n))
	at := len(dst)
	dst = append(dst, body...)
	if !odd && !hasRepeatedKey(fields) {
		return dst, nil
	}
	for i := range fields {
		fields[i].start += at
		fields[i].end += at
	}
	return reorder(dst, at, n, fields), nil
}

func (p *jsonParser) number(dst []byte) ([]byte, error) {
	start := p.pos
	digits := func() int {
		from := p.pos
		for p.pos < len(p.buf) && p.buf[p.pos] >= '0' && p.buf[p.pos] <= '9' {
			p.pos++
		}
		return p.pos - from
	}
	accept := func(set string) bool {
		if p.pos < len(p.buf) && bytes.IndexByte([]byte(set), p.buf[p.pos]) >= 0 {
			p.pos++
			return true
		}
		return false
	}
	accept("-")
	zero := p.pos < len(p.buf) && p.buf[p.pos] == '0'
	ok := true
	if n := digits(); n == 0 || zero && n > 1 {
		ok = false
	}
	if ok && accept(".") {
		ok = digits() > 0
	}
	if ok && accept("eE") {
		accept("+-")
		ok = digits() > 0
	}
	if !ok {
		p.pos = start
		return dst, p.fail("malformed number")
	}
	f, err := strconv.ParseFloat(string(p.buf[start:p.pos]), 64)
	if err != nil && !math.IsInf(f, 0) {
		p.pos = start
		return dst, p.fail("malformed number")
	}
	return AppendNumber(dst, f), nil
}

// str reads a quoted string as WTF-8, aliasing the input if it has no escapes.
func (p *jsonParser) str() ([]byte, error) {
	p.pos++
	start := p.pos
	var out []byte
	for p.pos < len(p.buf) {
		switch c := p.buf[p.pos]; {
		case c == '"':
			s := p.buf[start:p.pos]
			p.pos++
			if out != nil {
				s = append(out, s...)
			}
			return s, nil
		case c < 0x20:
			return nil, p.fail("control character in a string")
		case c == '\\':
			out = append(out, p.buf[start:p.pos]...)
			var err error
			if out, err = p.escape(out); err != nil {
				return nil, err
			}
			start = p.pos
		default:
			p.pos++
		}
	}
	return nil, p.fail("unterminated string")
}

const jsonEscapes, jsonEscaped = `"\/bfnrt`, "\"\\/\b\f\n\r\t"

func (p *jsonParser) escape(out []byte) ([]byte, error) {
	if p.pos+1 < len(p.buf) {
		c := p.buf[p.pos+1]
		if c == 'u' {
			u, ok := p.hex()
			if !ok {
				return nil, p.fail("malformed escape")
			}
			return AppendUTF16Unit(out, u), nil
		}
		if i := bytes.IndexByte([]byte(jsonEscapes), c); i >= 0 {
			p.pos += 2
			return append(out, jsonEscaped[i]), nil
		}
	}
	return nil, p.fail("malformed escape")
}

// hex reads a \uXXXX escape.
func (p *jsonParser) hex() (uint16, bool) {
	if p.pos+6 > len(p.buf) {
		return 0, false
	}
	v := uint16(0)
	for _, c := range p.buf[p.pos+2 : p.pos+6] {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		v = v<<4 | uint16(c)
	}
	p.pos += 6
	return v, true
}

// AppendUTF16Unit appends one UTF-16 code unit to a WTF-8 string. A low
// surrogate joins a high one that ends the string.
func AppendUTF16Unit(s []byte, u uint16) []byte {
	if u < 0xD800 || u > 0xDFFF {
		return utf8.AppendRune(s, rune(u))
	}
	if n := len(s); u >= 0xDC00 && n >= 3 && s[n-3] == 0xED && s[n-2] >= 0xA0 && s[n-2] < 0xB0 {
		high := rune(0xD800) | rune(s[n-2]&0x0F)<<6 | rune(s[n-1]&0x3F)
		return utf8.AppendRune(s[:n-3], 0x10000+(high-0xD800)<<10+rune(u)-0xDC00)
	}
	return append(s, 0xED, 0x80|byte(u>>6)&0x3F, 0x80|byte(u)&0x3F)
}
