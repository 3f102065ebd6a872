package load

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/weftsync/weft/crdt"
	"github.com/weftsync/weft/crdt/lib0"
)

// errWrong says that a server sent what it should not have.
var errWrong = errors.New("wrong content")

// greet sends what a provider sends first.
func (c *conn) greet() error {
	s, speech := c.session, c.doc.speech
	if speech.dialect == Hocuspocus {
		if err := c.send(opBinary, speech.auth(s.payload[:0])); err != nil {
			return err
		}
	}
	s.payload = speech.sync(s.payload[:0], wireStep1, c.stateVector())
	if err := c.send(opBinary, s.payload); err != nil {
		return err
	}
	return c.sendCursor()
}

// stateVector says what the editor has: what has come, and all of its own.
func (c *conn) stateVector() []byte {
	known := 0
	clock := func(i int) uint32 {
		if i == c.ordinal {
			return c.author().clock()
		}
		return c.replica.of[i].clock
	}
	for i := range c.doc.authors {
		if clock(i) > 0 {
			known++
		}
	}
	b := lib0.AppendUint(nil, uint64(known))
	for i, a := range c.doc.authors {
		if n := clock(i); n > 0 {
			b = lib0.AppendUint(lib0.AppendUint(b, a.client), uint64(n))
		}
	}
	return b
}

func (c *conn) takeMessage(m message) error {
	switch m.kind {
	case kindStep1:
		return c.answerStep1(m.payload)
	case kindStep2, kindUpdate:
		return c.takeUpdate(m)
	case kindAwareness:
		return c.takeAwareness(m.payload)
	case kindSaved:
		return c.takeSaved()
	case kindNotSaved:
		c.session.refusals++
	case kindQuery:
		return c.sendCursor()
	case kindPing:
		return c.send(opBinary, []byte{wirePong})
	}
	return nil
}

func (c *conn) takeUpdate(m message) error {
	news, err := c.replica.take(m.payload)
	if err != nil {
		return fmt.Errorf("%w: %w", errWrong, err)
	}
	if m.kind == kindStep2 {
		c.synced = true
		return c.joined()
	}
	if !news && c.state == stateLive && !c.returnsOwn(m.payload) {
		c.session.duplicates++
	}
	return nil
}

// returnsOwn reports whether an update that brings no news is one's own, sent once more after a reconnect.
func (c *conn) returnsOwn(update []byte) bool {
	i, ok := c.replica.authorOf(update)
	return ok && i == c.ordinal && c.tries+int(c.session.returns) > 0
}

// answerStep1 sends what the server lacks of the editor's own.
func (c *conn) answerStep1(stateVector []byte) error {
	known, err := c.knownOf(stateVector)
	if err != nil {
		return fmt.Errorf("%w: read a state vector: %w", errWrong, err)
	}
	missing := []byte{0, 0}
	sent := 0
	if a := c.author(); a != nil {
		if known > a.clock() {
			return fmt.Errorf("%w: the server has clock %d of client %d, who has made %d", errWrong, known, a.client, a.clock())
		}
		if missing, err = a.since(min(a.script.inserting(known), c.replica.of[c.ordinal].next)); err != nil {
			return err
		}
		sent = a.sent
		a.hide(a.script.inserting(known))
		c.serverHas(known)
	}
	if err := c.send(opBinary, c.doc.speech.sync(nil, wireStep2, missing)); err != nil {
		return err
	}
	if c.doc.speech.dialect == Hocuspocus {
		c.acks = append(c.acks, sent)
	}
	c.greeted = true
	return c.joined()
}

// knownOf returns the clock of the editor's own edits that a state vector knows.
func (c *conn) knownOf(stateVector []byte) (uint32, error) {
	d := lib0.NewDecoder(stateVector)
	n, err := d.Uint()
	if err != nil {
		return 0, err
	}
	own := uint32(0)
	for range n {
		client, err := d.Uint()
		if err != nil {
			return 0, err
		}
		clock, err := d.Uint()
		if err != nil {
			return 0, err
		}
		if a := c.author(); a != nil && client == a.client {
			own = uint32(clock)
		}
	}
	return own, nil
}

// serverHas says that the server has shown that it has the editor's own edits up to a clock.
func (c *conn) serverHas(clock uint32) {
	c.replica.comeClocks(c.ordinal, 0, clock)
}

// since returns the ops from k on as one update.
func (a *author) since(k int) ([]byte, error) {
	if k >= a.sent {
		return []byte{0, 0}, nil
	}
	updates := make([][]byte, 0, a.sent-k)
	for ; k < a.sent; k++ {
		updates = append(updates, a.script.append(nil, k, &a.id))
	}
	merged, err := crdt.MergeUpdates(updates...)
	if err != nil {
		return nil, fmt.Errorf("merge what the server lacks: %w", err)
	}
	return merged, nil
}

// joined is called when part of the greeting is done.
func (c *conn) joined() error {
	if c.state != stateJoining || !c.greeted || !c.synced {
		return nil
	}
	c.live()
	s := c.session
	if c.slow && s.phase != nil && s.now < s.until {
		return c.pause(true)
	}
	return nil
}

// live says that the connection has what it came for.
func (c *conn) live() {
	c.state, c.tries, c.away = stateLive, 0, 0
	c.session.open--
	c.session.joins.record(c.session.now - c.meant)
}

// edit makes the author's next edit, which is meant for the given time, and plans the one after it.
func (c *conn) edit(at int64) error {
	s, a := c.session, c.author()
	if at >= s.until {
		return nil
	}
	s.agenda.add(deed{at: at + c.pace(), conn: c.id, kind: deedEdit})
	if err := a.script.grow(a.sent + 1); err != nil {
		return err
	}
	k := a.sent
	a.sent++
	s.sent++
	s.outstanding += int64(len(c.doc.editors) - 1)
	s.unacked++
	if !c.greeted { // the answer to the server's step 1 will have it
		a.meant = append(a.meant, -max(c.away, at))
		return nil
	}
	a.meant = append(a.meant, at)
	s.behind = max(s.behind, s.now-at)
	s.payload = c.doc.speech.update(s.payload[:0], a.script.size(k))
	s.payload = a.script.append(s.payload, k, &a.id)
	if c.doc.speech.dialect == Hocuspocus {
		c.acks = append(c.acks, a.sent)
	}
	if err := c.send(opBinary, s.payload); err != nil {
		c.fail(err)
	}
	return nil
}

// pace returns how long after one edit the next is meant.
func (c *conn) pace() int64 {
	s, p := c.session, c.session.Pattern
	even := float64(time.Second) / s.phase.Rate
	if p.Burst <= 0 {
		return int64(even * (0.75 + s.random.Float64()/2))
	}
	gap := float64(time.Second) / p.BurstRate
	if c.burst++; c.burst < p.Burst {
		return int64(gap)
	}
	c.burst = 0
	return int64(max(gap, even*float64(p.Burst)-gap*float64(p.Burst-1)) * (0.75 + s.random.Float64()/2))
}

// arrive implements arrivals.
func (c *conn) arrive(ordinal, from, to int) {
	s, a := c.session, c.doc.authors[ordinal]
	if ordinal == c.ordinal {
		if c.doc.speech.dialect == YWebsocket {
			c.acknowledge(from, to, c.replica.of[ordinal].next)
		}
		return
	}
	s.delivered += int64(to - from)
	s.outstanding -= int64(to - from)
	if s.now < s.until {
		s.inHold += int64(to - from)
	}
	for k := from; k < to; k++ {
		switch meant := a.meant[k]; {
		case meant < 0:
			s.returned.record(s.now + meant)
		case c.slow, meant < c.meant, meant < s.from:
			// It was sent while this one was not there, or not reading: how long that took says nothing.
		default:
			s.propagation.record(s.now - meant)
		}
	}
}

// acknowledge says that the author's ops [from, to) are acknowledged, and now all below saved are.
func (c *conn) acknowledge(from, to, saved int) {
	s, a := c.session, c.author()
	s.unacked -= int64(to - from)
	c.saved = max(c.saved, saved)
	for k := from; k < to; k++ {
		if meant := a.meant[k]; meant >= c.meant && meant >= s.from {
			s.ack.record(s.now - meant)
		}
	}
}

func (c *conn) takeSaved() error {
	if c.acksDone == len(c.acks) {
		return fmt.Errorf("%w: an acknowledgement of nothing", errWrong)
	}
	to := c.acks[c.acksDone]
	if c.acksDone++; c.acksDone == len(c.acks) {
		c.acks, c.acksDone = c.acks[:0], 0
	}
	if to > c.saved {
		c.acknowledge(c.saved, to, to)
	}
	return nil
}

// moveCursor sends the next cursor, which is meant for the given time, and plans the one after it.
func (c *conn) moveCursor(at int64) error {
	s := c.session
	if at >= s.until {
		return nil
	}
	pause := float64(time.Second) / s.phase.Cursors
	s.agenda.add(deed{at: at + int64(pause*(0.75+s.random.Float64()/2)), conn: c.id, kind: deedCursor})
	if c.state != stateLive {
		return nil
	}
	s.cursors++
	c.cursorMeant[(c.cursorClock+1)%cursorsKept] = at
	if err := c.sendCursor(); err != nil {
		c.fail(err)
	}
	return nil
}

// sendCursor sends the editor's awareness: a name, a colour, and a cursor as editors write it.
func (c *conn) sendCursor() error {
	s := c.session
	if s.Silent {
		return nil
	}
	c.cursorClock++
	b := append(s.scratch[:0], `{"user":{"name":"Editor `...)
	b = strconv.AppendInt(b, int64(c.ordinal), 10)
	b = append(b, `","color":"#30bced","colorLight":"#30bced33"},"cursor":{"anchor":{"type":null,"tname":"content","item":{"client":`...)
	b = strconv.AppendUint(b, c.doc.first, 10)
	b = append(b, `,"clock":`...)
	b = strconv.AppendUint(b, c.cursorClock, 10)
	s.scratch = append(b, `},"assoc":0}}}`...)
	s.payload = c.doc.speech.awareness(s.payload[:0], c.doc.first+uint64(c.ordinal), c.cursorClock, string(s.scratch))
	return c.send(opBinary, s.payload)
}

func (c *conn) takeAwareness(update []byte) error {
	s := c.session
	d := lib0.NewDecoder(update)
	n, err := d.Uint()
	if err != nil {
		return fmt.Errorf("%w: read awareness: %w", errWrong, err)
	}
	for range n {
		client, err := d.Uint()
		if err != nil {
			return fmt.Errorf("%w: read awareness: %w", errWrong, err)
		}
		clock, err := d.Uint()
		if err != nil {
			return fmt.Errorf("%w: read awareness: %w", errWrong, err)
		}
		state, err := d.Bytes()
		if err != nil {
			return fmt.Errorf("%w: read awareness: %w", errWrong, err)
		}
		i := int(client - c.doc.first)
		if client < c.doc.first || i >= len(c.doc.editors) || i == c.ordinal || string(state) == "null" {
			continue
		}
		other := c.doc.editors[i]
		if clock > other.cursorClock || other.cursorClock-clock >= cursorsKept {
			continue
		}
		if meant := other.cursorMeant[clock%cursorsKept]; meant > c.meant && meant >= s.from && !c.slow {
			s.cursorsDelivered++
			s.cursor.record(s.now - meant)
		}
	}
	return nil
}
