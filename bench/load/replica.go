package load

import (
	"errors"
	"fmt"
	"slices"

	"github.com/weftsync/weft/crdt/lib0"
)

// An author is a client id that edits a document, with the script that it follows.
type author struct {
	script *Script
	client uint64
	id     [idBytes]byte
	sent   int // ops that were made, and sent or kept while offline
	// meant is when each op was meant to be sent, in nanoseconds of the session's clock. That of an op which was made
	// offline is when its author meant to come back, and negative.
	meant []int64
	// hidden are the clocks, ascending, that no viewer is ever shown: what was typed and deleted again offline, and so
	// came and went in one update.
	hidden []uint32
}

func newAuthor(script *Script, client uint64) *author {
	a := &author{script: script, client: client}
	copy(a.id[:], lib0.AppendUint(nil, client))
	return a
}

// clock returns the clock after the ops that were made.
func (a *author) clock() uint32 {
	if a.sent == 0 {
		return 0
	}
	return a.script.ops[a.sent-1].to
}

// shown returns how many of the author's first clocks a viewer is shown.
func (a *author) shown(clock uint32) uint32 {
	n, _ := slices.BinarySearch(a.hidden, clock)
	return clock - uint32(n)
}

// hide notes what comes and goes in one update of the ops from k on.
func (a *author) hide(k int) {
	for first := k; k < a.sent; k++ {
		o := &a.script.ops[k]
		for clock := o.from; clock < o.to; clock++ {
			if by := int(a.script.deletedBy[clock]) - 1; by >= first && by < a.sent && (len(a.hidden) == 0 || a.hidden[len(a.hidden)-1] < clock) {
				a.hidden = append(a.hidden, clock)
			}
		}
	}
}

// A replica is what a receiver has of a document: for each author, which structs and deletions have come. It runs no
// engine. Every struct and deletion that comes is compared with what the author's script says, so that a receiver which
// has all of them has the document.
type replica struct {
	authors []*author
	first   uint64 // the first author's client id; the others follow
	of      []progress
	arrived arrivals
}

// arrivals is told what news a message brings.
type arrivals interface {
	// arrive says that the ops [from, to) of the author with this ordinal have come.
	arrive(ordinal, from, to int)
}

// A progress is how much of one author's ops a replica has: all ops below next, but for those that are lost.
type progress struct {
	next  int
	clock uint32 // the clocks below it have come, but for those of lost ops
	extra *extra
}

// An extra is what only few need: ops that were passed over, and deletions that came before it was their turn.
type extra struct {
	lost  []int // ops, ascending
	base  int   // of the bits
	ahead []uint64
}

func newReplica(authors []*author, arrived arrivals) *replica {
	r := &replica{authors: authors, of: make([]progress, len(authors)), arrived: arrived}
	if len(authors) > 0 {
		r.first = authors[0].client
	}
	return r
}

// lookAhead is how many ops a message may be ahead of what is expected to be recognised as itself.
const lookAhead = 256

// take takes in an update and reports whether it brought news. It fails on what nobody has sent.
func (r *replica) take(update []byte) (news bool, err error) {
	if i, ok := r.authorOf(update); ok {
		a, p := r.authors[i], &r.of[i]
		if p.next < a.sent && a.script.is(p.next, &a.id, update) {
			r.pass(i, p.next+1)
			return true, nil
		}
		for k := p.next + 1; k < min(a.sent, p.next+lookAhead); k++ {
			if a.script.is(k, &a.id, update) && !r.covered(i, k) {
				return true, r.skipTo(i, k)
			}
		}
	}
	return r.takeApart(update)
}

// authorOf looks for the author of an update that is of one client only.
func (r *replica) authorOf(update []byte) (ordinal int, ok bool) {
	if len(update) < idAt+idBytes || update[1] != 1 || update[0] > 1 {
		return 0, false
	}
	id, end := lib0.Varint(update, idAt)
	if end != idAt+idBytes {
		return 0, false
	}
	return r.ordinal(id)
}

func (r *replica) ordinal(client uint64) (int, bool) {
	i := int(client - r.first)
	return i, client >= r.first && i < len(r.authors)
}

// pass says that the ops up to the one before to have come.
func (r *replica) pass(ordinal, to int) {
	p, a := &r.of[ordinal], r.authors[ordinal]
	from := p.next
	p.next, p.clock = to, max(p.clock, a.script.ops[to-1].to)
	r.arrived.arrive(ordinal, from, to)
	r.advance(ordinal)
}

// skipTo says that op k has come and those between were passed over.
func (r *replica) skipTo(ordinal, k int) error {
	p := &r.of[ordinal]
	for i := p.next; i < k; i++ {
		if r.covered(ordinal, i) {
			r.arrived.arrive(ordinal, i, i+1)
			continue
		}
		p.need().lost = append(p.need().lost, i)
	}
	p.next = k
	r.pass(ordinal, k+1)
	return nil
}

func (p *progress) need() *extra {
	if p.extra == nil {
		p.extra = &extra{base: p.next}
	}
	return p.extra
}

// covered reports whether op k, which is not below next, has come.
func (r *replica) covered(ordinal, k int) bool {
	p, o := &r.of[ordinal], &r.authors[ordinal].script.ops[k]
	if o.deleted == none {
		return o.to <= p.clock
	}
	return p.extra != nil && p.extra.has(k)
}

func (e *extra) has(k int) bool {
	i := k - e.base
	return i >= 0 && i/64 < len(e.ahead) && e.ahead[i/64]&(1<<(i%64)) != 0
}

func (e *extra) set(k int) {
	i := k - e.base
	for i/64 >= len(e.ahead) {
		e.ahead = append(e.ahead, 0)
	}
	e.ahead[i/64] |= 1 << (i % 64)
}

// advance moves next over what has come already.
func (r *replica) advance(ordinal int) {
	p, a := &r.of[ordinal], r.authors[ordinal]
	from := p.next
	lost := p.extra != nil && len(p.extra.lost) > 0
	for p.next < a.sent && r.covered(ordinal, p.next) {
		if lost && slices.Contains(p.extra.lost, p.next) {
			if p.next > from {
				r.arrived.arrive(ordinal, from, p.next)
			}
			from = p.next + 1
		}
		p.next++
	}
	if p.next > from {
		r.arrived.arrive(ordinal, from, p.next)
	}
	if e := p.extra; e != nil && len(e.lost) == 0 && p.next >= e.base+64*len(e.ahead) {
		e.base, e.ahead = p.next, e.ahead[:0]
	}
}

// takeApart reads an update that is not exactly one op: a merge of several, or a state.
func (r *replica) takeApart(update []byte) (news bool, err error) {
	d := lib0.NewDecoder(update)
	clients, err := d.Uint()
	if err != nil {
		return false, fmt.Errorf("read the number of clients: %w", err)
	}
	for range clients {
		if err := r.takeStructs(&d, &news); err != nil {
			return news, err
		}
	}
	if clients, err = d.Uint(); err != nil {
		return news, fmt.Errorf("read the number of clients with deletions: %w", err)
	}
	for range clients {
		if err := r.takeDeletes(&d, &news); err != nil {
			return news, err
		}
	}
	if d.Len() != 0 {
		return news, fmt.Errorf("%d bytes behind an update", d.Len())
	}
	for i := range r.of {
		r.advance(i)
	}
	return news, nil
}

func (r *replica) takeStructs(d *lib0.Decoder, news *bool) error {
	structs, err := d.Uint()
	if err != nil {
		return fmt.Errorf("read the number of structs: %w", err)
	}
	client, err := d.Uint()
	if err != nil {
		return fmt.Errorf("read a client: %w", err)
	}
	clock, err := d.Uint()
	if err != nil {
		return fmt.Errorf("read a clock: %w", err)
	}
	i, ok := r.ordinal(client)
	if !ok {
		return fmt.Errorf("edits of client %d, who edits nothing here", client)
	}
	for range structs {
		st, err := readStruct(d)
		if err != nil {
			return fmt.Errorf("read a struct of client %d at clock %d: %w", client, clock, err)
		}
		if st.kind == contentSkip {
			return fmt.Errorf("a gap at clock %d of client %d", clock, client)
		}
		if uint64(r.authors[i].clock()) < clock+st.n {
			return fmt.Errorf("clocks %d to %d of client %d, who has made %d", clock, clock+st.n, client, r.authors[i].clock())
		}
		if err := r.authors[i].check(&st, uint32(clock)); err != nil {
			return fmt.Errorf("a struct of client %d at clock %d: %w", client, clock, err)
		}
		r.takeClocks(i, uint32(clock), uint32(clock+st.n), news)
		clock += st.n
	}
	return nil
}

// takeClocks says that the clocks [from, to) have come.
func (r *replica) takeClocks(ordinal int, from, to uint32, news *bool) {
	p, script := &r.of[ordinal], r.authors[ordinal].script
	if p.extra != nil && len(p.extra.lost) > 0 {
		r.find(ordinal, news, func(o *op) bool { return o.deleted == none && o.from >= from && o.to <= to })
	}
	if to <= p.clock {
		return
	}
	*news = true
	if from > p.clock {
		for k := script.inserting(p.clock); script.ops[k].to <= from; k++ {
			if script.ops[k].deleted == none {
				p.need().lost = append(p.need().lost, k)
			}
		}
	}
	p.clock = to
}

// find takes ops that were thought lost off the list.
func (r *replica) find(ordinal int, news *bool, is func(*op) bool) {
	p, script := &r.of[ordinal], r.authors[ordinal].script
	p.extra.lost = slices.DeleteFunc(p.extra.lost, func(k int) bool {
		if !is(&script.ops[k]) {
			return false
		}
		*news = true
		r.arrived.arrive(ordinal, k, k+1)
		return true
	})
}

func (r *replica) takeDeletes(d *lib0.Decoder, news *bool) error {
	client, err := d.Uint()
	if err != nil {
		return fmt.Errorf("read a client with deletions: %w", err)
	}
	i, ok := r.ordinal(client)
	if !ok {
		return fmt.Errorf("deletes edits of client %d, who edits nothing here", client)
	}
	ranges, err := d.Uint()
	if err != nil {
		return fmt.Errorf("read the number of deletions: %w", err)
	}
	for range ranges {
		clock, err := d.Uint()
		if err != nil {
			return fmt.Errorf("read a deletion: %w", err)
		}
		n, err := d.Uint()
		if err != nil {
			return fmt.Errorf("read a deletion: %w", err)
		}
		made := uint64(r.authors[i].clock())
		if n > made || clock > made-n {
			return fmt.Errorf("deletes clocks %d to %d of client %d, who has made %d", clock, clock+n, client, made)
		}
		for c := clock; c < clock+n; c++ {
			if err := r.takeDelete(i, uint32(c), news); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *replica) takeDelete(ordinal int, clock uint32, news *bool) error {
	p, a := &r.of[ordinal], r.authors[ordinal]
	k := int(a.script.deletedBy[clock]) - 1
	if k < 0 || k >= a.sent {
		return fmt.Errorf("deletes clock %d of client %d, which nobody has deleted", clock, a.client)
	}
	if k < p.next {
		if p.extra != nil && len(p.extra.lost) > 0 {
			r.find(ordinal, news, func(o *op) bool { return o.deleted == clock })
		}
		return nil
	}
	if e := p.need(); !e.has(k) {
		e.set(k)
		*news = true
	}
	return nil
}

// check compares a struct with what the script says about its clocks.
func (a *author) check(st *yStruct, clock uint32) error {
	s := a.script
	to := clock + uint32(st.n)
	if st.kind != contentString {
		for c := clock; c < to; c++ {
			if k := int(s.deletedBy[c]) - 1; k < 0 || k >= a.sent {
				return fmt.Errorf("clock %d counts as deleted, and nobody has deleted it", c)
			}
		}
		if st.kind == contentGC {
			return nil
		}
	} else if string(st.text) != string(s.letters[clock:to]) {
		return errors.New("its text is not what was typed")
	}
	k := s.inserting(clock)
	for s.ops[k].deleted != none {
		k++
	}
	o := &s.ops[k]
	origin := o.origin
	if clock > o.from {
		origin = clock - 1
	}
	if !a.same(st.origin, origin) || !a.same(st.right, o.right) {
		return errors.New("it stands at another place than where it was typed")
	}
	for end := o.to; end < to; end = o.to { // a run of several ops: each has to stand behind the one before
		for k++; s.ops[k].deleted != none; k++ {
		}
		if o = &s.ops[k]; o.origin != end-1 || !a.same(st.right, o.right) {
			return errors.New("a run of what was not typed in a run")
		}
	}
	return nil
}

// same reports whether an origin is the author's own character with this clock, or not there when clock is none.
func (a *author) same(id structID, clock uint32) bool {
	if clock == none {
		return !id.there
	}
	return id.there && id.client == a.client && id.clock == uint64(clock)
}

// missing returns how many of the ops that were made have not come.
func (r *replica) missing() int {
	n := 0
	for i := range r.of {
		n += r.missingOf(i)
	}
	return n
}

// missingOf returns how many of one author's ops have not come; 0 when there is no such author.
func (r *replica) missingOf(ordinal int) int {
	if ordinal < 0 || ordinal >= len(r.of) {
		return 0
	}
	n := 0
	p, a := &r.of[ordinal], r.authors[ordinal]
	for k := p.next; k < a.sent; k++ {
		if !r.covered(ordinal, k) {
			n++
		}
	}
	if p.extra != nil {
		n += len(p.extra.lost)
	}
	return n
}

// has returns the clock below which a replica has everything of an author.
func (r *replica) has(ordinal int) uint32 {
	p := &r.of[ordinal]
	if p.extra != nil {
		for _, k := range p.extra.lost {
			if o := &r.authors[ordinal].script.ops[k]; o.deleted == none {
				return o.from
			}
		}
	}
	return p.clock
}
