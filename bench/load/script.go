package load

import (
	"bytes"
	"fmt"
	"math/rand/v2"

	"github.com/weftsync/weft/crdt"
	"github.com/weftsync/weft/crdt/lib0"
)

// Root is the name of the root text in every document.
const Root = "content"

// A Pattern is what an author does: how often it deletes, moves elsewhere and pastes.
type Pattern struct {
	Name string `json:"name"`
	// Deletes is the share of edits that delete a character, Jumps the share of those that go on at another place.
	Deletes float64 `json:"deletes"`
	Jumps   float64 `json:"jumps"`
	// Pastes is the share of edits that insert PasteUnits characters at once.
	Pastes     float64 `json:"pastes"`
	PasteUnits int     `json:"paste_units"`
	// Burst is how many edits follow each other at BurstRate a second before the author pauses; 0 for an even pace.
	Burst     int     `json:"burst"`
	BurstRate float64 `json:"burst_rate"`
}

// The patterns. The rate of a phase is the mean of all of them.
var (
	Typing = Pattern{Name: "typing", Deletes: 0.08, Jumps: 0.02}
	Bursts = Pattern{Name: "bursts", Deletes: 0.08, Jumps: 0.02, Burst: 20, BurstRate: 12}
	Paste  = Pattern{Name: "paste", Deletes: 0.08, Jumps: 0.02, Pastes: 0.02, PasteUnits: 2000}
)

// idBytes is how many bytes each client id of a run has on the wire, and placeholder the one in scripts.
const (
	idBytes     = 5
	placeholder = 1 << 31
	firstClient = placeholder + 1
	lastClient  = 1<<35 - 1
)

// maxIDs is how many client ids an update of a script may hold: its own, and those of its origins.
const maxIDs = 3

// none stands for an origin that is not there.
const none = ^uint32(0)

// An op is one update of a script.
type op struct {
	at, end uint32 // in the script's bytes
	ids     [maxIDs]uint8
	idCount uint8

	from, to      uint32 // the clocks it inserts; equal for a deletion
	origin, right uint32 // none when there is none
	deleted       uint32 // the clock it deletes, none for an insertion
}

// A Script is a sequence of updates that one author makes, made by the engine of a seed, with a placeholder for the
// author's client id. It holds letters of its own, so that a reader of the text alone can tell who wrote them. It grows
// when it is asked for more and is used by one goroutine.
type Script struct {
	pattern Pattern
	letter  byte
	random  *rand.Rand
	doc     *crdt.Doc
	text    *crdt.Text
	cursor  int

	bytes     []byte
	ops       []op
	letters   []byte   // by clock
	deletedBy []uint32 // by clock: the index of the op that deletes it, plus one; 0 for none
}

// NewScript returns a script whose text consists of the letter with the number ordinal, in both cases.
func NewScript(p Pattern, seed uint64, ordinal int) *Script {
	doc := crdt.New(crdt.Options{ClientID: placeholder, Limits: crdt.Limits{}})
	return &Script{
		pattern: p, letter: 'a' + byte(ordinal%26), random: rand.New(rand.NewPCG(seed, uint64(ordinal))),
		doc: doc, text: doc.Text(Root),
	}
}

// grow makes sure that there are at least n ops.
func (s *Script) grow(n int) error {
	for len(s.ops) < n {
		if err := s.add(); err != nil {
			return fmt.Errorf("make op %d of a script: %w", len(s.ops), err)
		}
	}
	return nil
}

// add makes one more op. Nothing is ever inserted in front of the author's first character: everybody begins the
// document, and an author who has not seen the others would have to be put in order among all of them each time.
func (s *Script) add() error {
	length := s.text.Len()
	if length > 1 && s.random.Float64() < s.pattern.Jumps {
		s.cursor = 1 + s.random.IntN(length)
	}
	if s.cursor > 1 && s.random.Float64() < s.pattern.Deletes {
		return s.backspace()
	}
	units := 1
	if s.pattern.Pastes > 0 && s.random.Float64() < s.pattern.Pastes {
		units = s.pattern.PasteUnits
	}
	return s.insert(units)
}

func (s *Script) insert(units int) error {
	from := uint32(len(s.letters))
	for range units {
		letter := s.letter
		if s.random.IntN(2) == 0 {
			letter -= 'a' - 'A'
		}
		s.letters = append(s.letters, letter)
		s.deletedBy = append(s.deletedBy, 0)
	}
	update, err := s.doc.Update(func(tx *crdt.Tx) error {
		return s.text.Insert(tx, s.cursor, string(s.letters[from:]))
	})
	if err != nil {
		return err
	}
	s.cursor += units
	o := op{from: from, to: uint32(len(s.letters)), deleted: none}
	if err := o.readInsert(update, s.letters[from:]); err != nil {
		return err
	}
	return s.keep(o, update)
}

func (s *Script) backspace() error {
	update, err := s.doc.Update(func(tx *crdt.Tx) error { return s.text.Delete(tx, s.cursor-1, 1) })
	if err != nil {
		return err
	}
	s.cursor--
	clock := uint32(len(s.letters))
	o := op{from: clock, to: clock, origin: none, right: none}
	if err := o.readDelete(update); err != nil {
		return err
	}
	s.deletedBy[o.deleted] = uint32(len(s.ops)) + 1
	return s.keep(o, update)
}

// keep stores an op and where the client id stands in it.
func (s *Script) keep(o op, update []byte) error {
	id := lib0.AppendUint(nil, placeholder)
	for at := 0; ; {
		next := bytes.Index(update[at:], id)
		if next < 0 {
			break
		}
		if at += next; o.idCount == maxIDs || at > 255 {
			return fmt.Errorf("more than %d client ids in an update, or one at %d", maxIDs, at)
		}
		o.ids[o.idCount] = uint8(at)
		o.idCount++
		at += idBytes
	}
	if o.idCount == 0 || o.ids[0] != idAt {
		return fmt.Errorf("an update without its author's id at %d: % x", idAt, update[:min(16, len(update))])
	}
	o.at = uint32(len(s.bytes))
	s.bytes = append(s.bytes, update...)
	o.end = uint32(len(s.bytes))
	s.ops = append(s.ops, o)
	return nil
}

// idAt is where the author's id stands in every update of one client with a struct or a deletion.
const idAt = 2

// readInsert reads an update of one inserted string.
func (o *op) readInsert(update, letters []byte) error {
	d := lib0.NewDecoder(update)
	if err := expect(&d, 1, 1, placeholder, uint64(o.from)); err != nil {
		return err
	}
	st, err := readStruct(&d)
	if err != nil {
		return err
	}
	if st.kind != contentString || !bytes.Equal(st.text, letters) {
		return fmt.Errorf("an insertion that is not one string of %d letters", len(letters))
	}
	o.origin, o.right = clockOf(st.origin), clockOf(st.right)
	return expect(&d, 0)
}

// readDelete reads an update of one deleted character.
func (o *op) readDelete(update []byte) error {
	d := lib0.NewDecoder(update)
	if err := expect(&d, 0, 1, placeholder, 1); err != nil {
		return err
	}
	clock, err := d.Uint()
	if err != nil {
		return err
	}
	o.deleted = uint32(clock)
	return expect(&d, 1)
}

// clockOf returns the clock of an origin, none without one.
func clockOf(id structID) uint32 {
	if !id.there {
		return none
	}
	return uint32(id.clock)
}

func expect(d *lib0.Decoder, numbers ...uint64) error {
	for _, want := range numbers {
		got, err := d.Uint()
		if err != nil {
			return err
		}
		if got != want {
			return fmt.Errorf("%d where %d is expected in an update of one edit", got, want)
		}
	}
	return nil
}

// append appends op i with the author's id in it.
func (s *Script) append(b []byte, i int, id *[idBytes]byte) []byte {
	o := &s.ops[i]
	start := len(b)
	b = append(b, s.bytes[o.at:o.end]...)
	for _, at := range o.ids[:o.idCount] {
		copy(b[start+int(at):], id[:])
	}
	return b
}

// size returns the number of bytes of op i.
func (s *Script) size(i int) int { return int(s.ops[i].end - s.ops[i].at) }

// is reports whether update is op i by the author with this id.
func (s *Script) is(i int, id *[idBytes]byte, update []byte) bool {
	o := &s.ops[i]
	want := s.bytes[o.at:o.end]
	if len(update) != len(want) {
		return false
	}
	done := 0
	for _, at := range o.ids[:o.idCount] {
		if !bytes.Equal(update[done:at], want[done:at]) || !bytes.Equal(update[at:int(at)+idBytes], id[:]) {
			return false
		}
		done = int(at) + idBytes
	}
	return bytes.Equal(update[done:], want[done:])
}

// inserting returns the index of the op that inserts a clock, or that would insert it next.
func (s *Script) inserting(clock uint32) int {
	low, high := 0, len(s.ops)
	for low < high {
		mid := (low + high) / 2
		if s.ops[mid].to <= clock {
			low = mid + 1
		} else {
			high = mid
		}
	}
	return low
}
