package engine

import (
	"fmt"
	"strings"

	"github.com/weftsync/weft/bench/updates"
	"github.com/weftsync/weft/crdt"
	"github.com/weftsync/weft/crdt/lib0"
)

// A Hostile is a valid update that wants to do harm.
type Hostile struct {
	Base   []byte // an update that is there before, or nil
	Update []byte
	Keys   *updates.Log // keystrokes of another client, for the row that receives them
}

// A HostileRow is a row and its input.
type HostileRow struct {
	Row
	Hostile *Hostile
}

// HostileSizes are how large the inputs are.
type HostileSizes struct{ Inserts, Splits, Clients, Deletes, Roots, Keys int }

// DefaultHostileSizes are the sizes that the rows' words name.
func DefaultHostileSizes() HostileSizes {
	return HostileSizes{Inserts: 8_000, Splits: 150_000, Clients: 60_000, Deletes: 100_000, Roots: 50_000, Keys: 2_000}
}

// HostileRows returns the rows on updates that want to do harm.
func HostileRows(sizes HostileSizes) []HostileRow {
	base, splits := split(sizes.Splits)
	typed := func(s *Subject) int { return s.Sizes.Batch }
	received := func(s *Subject) int { return s.Hostile.Keys.Len() }
	waiting := &Hostile{Update: deletes(sizes.Deletes), Keys: keys(sizes.Keys)}
	return []HostileRow{
		{Row{Name: "inserts", PeerRow: "hostile-apply", Work: "8,000 inserts at one place", Measure: (*Subject).hostileApply},
			&Hostile{Update: inserts(sizes.Inserts)}},
		{Row{Name: "splits", PeerRow: "hostile-apply", Work: "150,000 splits of one string", Measure: (*Subject).hostileApply},
			&Hostile{Base: base, Update: splits}},
		{Row{Name: "pending", PeerRow: "hostile-apply", Work: "60,000 clients that wait", Measure: (*Subject).hostileApply},
			&Hostile{Update: clients(sizes.Clients)}},
		{Row{Name: "typing", PeerRow: "hostile-typing", Work: "a keystroke while 100,000 deletes wait", EachOf: typed, Measure: (*Subject).hostileTyping}, waiting},
		{Row{Name: "receiving", PeerRow: "hostile-receiving", Work: "another's keystroke while they wait", EachOf: received, Measure: (*Subject).hostileReceiving}, waiting},
		{Row{Name: "roots", PeerRow: "hostile-encode", Work: "encode 50,000 roots", Measure: (*Subject).hostileEncode},
			&Hostile{Update: roots(sizes.Roots)}},
	}
}

// The first bytes of structs: what they hold, and that they have a left origin.
const (
	gcInfo     = 0
	stringInfo = 4
	leftOrigin = 0x80
)

// raw builds updates by hand.
type raw []byte

func (r raw) uint(vs ...int) raw {
	for _, v := range vs {
		r = lib0.AppendUint(r, uint64(v))
	}
	return r
}

func (r raw) str(s string) raw { return lib0.AppendString(r, s) }

// inserts returns an update in which n clients insert a character each at the start of a text.
func inserts(n int) []byte {
	u := raw(nil).uint(n)
	for c := n; c > 0; c-- {
		u = append(u.uint(1, c, 0), stringInfo).uint(1).str(Root).str(string(rune('a' + c%26)))
	}
	return u.uint(0)
}

// split returns a text and an update that deletes every other of its letters, n of them.
func split(n int) (base, update []byte) {
	base = append(raw(nil).uint(1, 1, 9, 0), stringInfo).uint(1).str(Root).str(strings.Repeat("x", 2*n+1)).uint(0)
	u := raw(nil).uint(0, 1, 9, n)
	for i := range n {
		u = u.uint(2*i+1, 1)
	}
	return base, u
}

// clients returns an update of n clients that all wait for what they did before.
func clients(n int) []byte {
	u := raw(nil).uint(n)
	for c := n; c > 0; c-- {
		u = append(u.uint(1, c, 5), gcInfo).uint(1)
	}
	return u.uint(0)
}

// deletes returns an update that deletes n clocks of a client that nobody knows, each apart from the others.
func deletes(n int) []byte {
	u := raw(nil).uint(0, 1, 8, n)
	for i := range n {
		u = u.uint(10_000+2*i, 1)
	}
	return u
}

// roots returns an update that makes n texts.
func roots(n int) []byte {
	u := raw(nil).uint(1, n, 7, 0)
	for i := range n {
		u = append(u, stringInfo).uint(1).str(fmt.Sprintf("r%d", i)).str("x")
	}
	return u.uint(0)
}

// keys returns the updates of n keystrokes at the end of a text.
func keys(n int) *updates.Log {
	l := &updates.Log{}
	for i := range n {
		u := raw(nil).uint(1, 1, author, i)
		if i == 0 {
			u = append(u, stringInfo).uint(1).str(Root)
		} else {
			u = append(u, leftOrigin|stringInfo).uint(author, i-1)
		}
		l.Append(u.str("x").uint(0))
	}
	return l
}

// author is the client of the keystrokes, and reader that of the document, which nobody else is.
const author, reader = 3_141_592_653, 4_000_000_001

// harmed returns a document that holds the base and, if asked, has taken the update.
func (h *Hostile) harmed(taken bool) (*crdt.Doc, error) {
	doc := crdt.New(crdt.Options{ClientID: reader})
	all := [][]byte{h.Update}
	if !taken {
		all = nil
	}
	if h.Base != nil {
		all = append([][]byte{h.Base}, all...)
	}
	return doc, applyEach(doc, all)
}

func (s *Subject) hostileApply() (Sample, error) {
	doc, err := s.Hostile.harmed(false)
	if err != nil {
		return Sample{}, err
	}
	return timed(func() error {
		_, err := doc.ApplyUpdate(s.Hostile.Update)
		return err
	})
}

func (s *Subject) hostileEncode() (Sample, error) {
	doc, err := s.Hostile.harmed(true)
	if err != nil {
		return Sample{}, err
	}
	return timed(func() error {
		got, err := doc.EncodeStateAsUpdate(nil)
		if err == nil && len(got) < len(s.Hostile.Update) {
			err = fmt.Errorf("it has %d bytes, want at least %d", len(got), len(s.Hostile.Update))
		}
		return err
	})
}

func (s *Subject) hostileTyping() (Sample, error) {
	doc, err := s.Hostile.harmed(true)
	if err != nil {
		return Sample{}, err
	}
	text, n := doc.Text(Root), s.Sizes.Batch
	sample, err := timed(func() error {
		for i := range n {
			if _, err := doc.Update(func(tx *crdt.Tx) error { return text.Insert(tx, i, "x") }); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil && text.Len() != n {
		err = fmt.Errorf("the text has %d units, want %d", text.Len(), n)
	}
	return sample.each(n), err
}

func (s *Subject) hostileReceiving() (Sample, error) {
	doc, err := s.Hostile.harmed(true)
	if err != nil {
		return Sample{}, err
	}
	keys := s.Hostile.Keys.All()
	sample, err := timed(func() error { return applyEach(doc, keys) })
	if got := doc.RootLen(Root); err == nil && got != len(keys) {
		err = fmt.Errorf("the text has %d units, want %d", got, len(keys))
	}
	return sample.each(len(keys)), err
}
