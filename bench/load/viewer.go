package load

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/weftsync/weft/crdt"
)

// A feed is what a viewer has of a document: its text, and how much of each author's typing has been seen. An event
// stream has no ids of structs; but every author types a letter of its own, so the letters inserted so far tell.
type feed struct {
	conn    *conn
	authors []*author
	text    []byte
	seen    []feedProgress
	whole   bool // an event has come

	line  []byte // of the stream, not whole yet
	event string
	chunk int // bytes that are left of the current chunk; -1: its length comes next, -2: the line end behind it
	size  []byte
}

// A feedProgress is how much a viewer has seen of one author: letters, and the ops that they make up.
type feedProgress struct {
	letters uint32
	next    int
}

func newFeed(authors []*author, c *conn) *feed {
	return &feed{conn: c, authors: authors, seen: make([]feedProgress, len(authors)), chunk: -1}
}

// path returns the path of a document's event stream.
func (*feed) path(document string) string { return "/view/" + document + "?root=" + Root }

func (f *feed) hangUp() {
	f.line, f.size, f.event, f.chunk = f.line[:0], f.size[:0], "", -1
}

// understand reads a body in chunks. It leaves no rest.
func (f *feed) understand(data []byte) (rest []byte, err error) {
	for len(data) > 0 {
		switch {
		case f.chunk > 0:
			n := min(f.chunk, len(data))
			if err := f.take(data[:n]); err != nil {
				return nil, err
			}
			data = data[n:]
			if f.chunk -= n; f.chunk == 0 {
				f.chunk = -2
			}
			continue
		case data[0] == '\r':
		case data[0] != '\n':
			if f.size = append(f.size, data[0]); len(f.size) > 16 || f.chunk == -2 {
				return nil, errors.New("a chunk without a length")
			}
		case f.chunk == -2:
			f.chunk = -1
		default:
			n, err := strconv.ParseUint(string(f.size), 16, 31)
			if err != nil {
				return nil, fmt.Errorf("read the length of a chunk: %w", err)
			}
			if n == 0 {
				return nil, errors.New("the event stream has ended")
			}
			f.chunk, f.size = int(n), f.size[:0]
		}
		data = data[1:]
	}
	return nil, nil
}

// take reads lines of the stream.
func (f *feed) take(data []byte) error {
	for {
		end := bytes.IndexByte(data, '\n')
		if end < 0 {
			f.line = append(f.line, data...)
			if len(f.line) > maxFrameBytes {
				return fmt.Errorf("a line of more than %d bytes", maxFrameBytes)
			}
			return nil
		}
		line := data[:end]
		if len(f.line) > 0 {
			f.line = append(f.line, line...)
			line = f.line
		}
		if err := f.takeLine(line); err != nil {
			return err
		}
		f.line, data = f.line[:0], data[end+1:]
	}
}

func (f *feed) takeLine(line []byte) error {
	if name, ok := bytes.CutPrefix(line, []byte("event: ")); ok {
		f.event = string(name)
		return nil
	}
	data, ok := bytes.CutPrefix(line, []byte("data: "))
	if !ok {
		return nil
	}
	f.conn.session.messages++
	switch f.event {
	case "whole", "reset":
		return f.takeWhole(data)
	case "splice":
		return f.takeSplices(data)
	case "refused":
		return fmt.Errorf("%w: %s", errRefused, data)
	}
	return fmt.Errorf("%w: an event %q", errWrong, f.event)
}

// takeWhole begins again.
func (f *feed) takeWhole(data []byte) error {
	var whole struct {
		Text string `json:"text"`
	}
	if err := json.Unmarshal(data, &whole); err != nil {
		return fmt.Errorf("%w: read a whole text: %w", errWrong, err)
	}
	f.text = []byte(whole.Text)
	if c := f.conn; c.state == stateJoining {
		c.live()
	}
	if f.whole { // a reset, or the viewer has come back: it shows everything up to here, or what is still there of it
		for i, a := range f.authors {
			f.see(i, a.shown(a.clock())-min(f.seen[i].letters, a.shown(a.clock())), false)
		}
	}
	f.whole = true
	return nil
}

// takeSplices applies [[position,deleted,"inserted"],…]. All text is ASCII letters.
func (f *feed) takeSplices(data []byte) error {
	var splices [][3]json.RawMessage
	if at, deleted, inserted, ok := oneSplice(data); ok {
		return f.splice(at, deleted, inserted)
	}
	if err := json.Unmarshal(data, &splices); err != nil {
		return fmt.Errorf("%w: read splices: %w", errWrong, err)
	}
	for _, s := range splices {
		at, err1 := strconv.Atoi(string(s[0]))
		deleted, err2 := strconv.Atoi(string(s[1]))
		var inserted string
		if err := errors.Join(err1, err2, json.Unmarshal(s[2], &inserted)); err != nil {
			return fmt.Errorf("%w: read a splice: %w", errWrong, err)
		}
		if err := f.splice(at, deleted, []byte(inserted)); err != nil {
			return err
		}
	}
	return nil
}

// oneSplice reads the common case without allocating.
func oneSplice(data []byte) (at, deleted int, inserted []byte, ok bool) {
	rest, ok := bytes.CutPrefix(data, []byte("[["))
	if !ok {
		return 0, 0, nil, false
	}
	if at, rest, ok = cutNumber(rest); !ok {
		return 0, 0, nil, false
	}
	if deleted, rest, ok = cutNumber(rest); !ok {
		return 0, 0, nil, false
	}
	inserted, ok = bytes.CutSuffix(rest, []byte(`"]]`))
	if !ok || len(inserted) == 0 || inserted[0] != '"' || bytes.ContainsAny(inserted[1:], `"\`) {
		return 0, 0, nil, false
	}
	return at, deleted, inserted[1:], true
}

func cutNumber(b []byte) (n int, rest []byte, ok bool) {
	i := 0
	for ; i < len(b) && i < 9 && b[i] >= '0' && b[i] <= '9'; i++ {
		n = 10*n + int(b[i]-'0')
	}
	if i == 0 || i == len(b) || b[i] != ',' {
		return 0, nil, false
	}
	return n, b[i+1:], true
}

func (f *feed) splice(at, deleted int, inserted []byte) error {
	if at < 0 || deleted < 0 || at+deleted > len(f.text) {
		return fmt.Errorf("%w: a splice at %d of %d characters in a text of %d", errWrong, at, deleted, len(f.text))
	}
	if at == len(f.text) {
		f.text = append(f.text, inserted...)
	} else {
		tail := len(inserted) - deleted
		old := len(f.text)
		if tail > 0 {
			f.text = append(f.text, inserted[:tail]...)
		}
		copy(f.text[at+len(inserted):], f.text[at+deleted:old])
		copy(f.text[at:], inserted)
		f.text = f.text[:old+tail]
	}
	for i := 0; i < len(inserted); {
		n := 1
		for i+n < len(inserted) && inserted[i+n]|0x20 == inserted[i]|0x20 {
			n++
		}
		ordinal := int(inserted[i]|0x20) - 'a'
		if ordinal < 0 || ordinal >= len(f.authors) {
			return fmt.Errorf("%w: %q was inserted, which nobody types here", errWrong, inserted[i])
		}
		f.see(ordinal, uint32(n), true)
		i += n
	}
	return nil
}

// see says that n more letters of an author have been seen.
func (f *feed) see(ordinal int, n uint32, live bool) {
	s, a, p := f.conn.session, f.authors[ordinal], &f.seen[ordinal]
	p.letters += n
	for p.next < a.sent && a.shown(a.script.ops[p.next].to) <= p.letters {
		o, meant := &a.script.ops[p.next], a.meant[p.next]
		p.next++
		if o.deleted != none {
			continue
		}
		s.seen++
		if live && meant >= f.conn.meant && meant >= s.from {
			s.viewed.record(s.now - meant)
		}
	}
}

// complete reports whether the viewer has seen all insertions.
func (f *feed) complete() bool {
	for i, a := range f.authors {
		if f.seen[i].letters < a.shown(a.clock()) {
			return false
		}
	}
	return true
}

// expected merges everything that was sent into one replica.
func (d *document) expected() (*crdt.Doc, error) {
	doc := crdt.New(crdt.Options{})
	var update []byte
	for _, a := range d.authors {
		for k := range a.sent {
			update = a.script.append(update[:0], k, &a.id)
			if _, err := doc.ApplyUpdate(update); err != nil {
				return nil, fmt.Errorf("merge what was sent to %s: %w", d.name, err)
			}
		}
	}
	return doc, nil
}

// sameText compares two texts and says where they part.
func sameText(got, want string) error {
	if got == want {
		return nil
	}
	n := 0
	for n < len(got) && n < len(want) && got[n] == want[n] {
		n++
	}
	return fmt.Errorf("a text of %d characters, want %d; they part at %d: %s", len(got), len(want), n, strings.ToValidUTF8(got[n:min(n+12, len(got))], "?"))
}
