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
		for k := p.next; k < min(a.sent, p.next+lookAhead); k++ {
			if a.script.is(k, &a.id, update) {
				return r.come(i, k, k+1), nil
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

// come says that ops [from, to) have come, and reports whether any of them had not.
func (r *replica) come(ordinal, from, to int) (news bool) {
	p, script := &r.of[ordinal], r.authors[ordinal].script
	for k := max(from, p.next); k < to; k++ {
		first := k
		for ; k < to && !p.has(k); k++ {
			p.take(k, script)
		}
		if k > first {
			news = true
			r.arrived.arrive(ordinal, first, k)
		}
	}
	return news
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
	from := clock
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
		clock += st.n
	}
	*news = r.comeClocks(i, uint32(from), uint32(clock)) || *news
	return nil
}

// comeClocks says that the clocks [from, to) have come, and with them every insertion that ends there and of which what
// comes before has come.
func (r *replica) comeClocks(ordinal int, from, to uint32) (news bool) {
	a := r.authors[ordinal]
	for k := a.script.inserting(max(from, r.of[ordinal].clock)); k < a.sent && a.script.ops[k].to <= to; k++ {
		if o := &a.script.ops[k]; o.deleted == none && (o.from >= from || from <= r.of[ordinal].clock) {
			news = r.come(ordinal, k, k+1) || news
		}
	}
	return news
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
	a := r.authors[ordinal]
	k := int(a.script.deletedBy[clock]) - 1
	if k < 0 || k >= a.sent {
		return fmt.Errorf("deletes clock %d of client %d, which nobody has deleted", clock, a.client)
	}
	*news = r.come(ordinal, k, k+1) || *news
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
		if !p.has(k) {
			n++
		}
	}
	return n
}
