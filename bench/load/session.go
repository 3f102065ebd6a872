package load

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"time"
)

// A Session is a plan that is carried out: connections, and what has come of them. It is used by one goroutine, which
// does all the work inside its methods.
type Session struct {
	Plan
	to     netip.AddrPort
	host   string
	began  time.Time
	poller *poller
	random *rand.Rand

	documents []*document
	conns     []*conn
	ready     []readiness
	buffer    []byte // what is read goes here
	scratch   []byte // what is sent is built here
	payload   []byte

	agenda   agenda
	dialling []*conn // those that wait for their turn
	open     int     // being opened

	now int64 // of the message that is being handled
	tally
}

// A document is what the connections of one document share.
type document struct {
	name    string
	speech  speech
	authors []*author
	editors []*conn
	viewers []*conn
	first   uint64 // the client id of the first editor; the others follow
}

// tally is what has been counted since a phase began.
type tally struct {
	phase       *Phase
	from, until int64 // when editing begins and ends

	sent, delivered, seen     int64 // updates; seen by viewers
	inHold                    int64 // delivered before until
	outstanding, unacked      int64 // deliveries, acknowledgements that have yet to come
	cursors, cursorsDelivered int64
	duplicates                int64
	frames, messages          int64 // received
	received, written         int64 // bytes
	refusals                  int64
	returns                   int64
	dropped                   int64 // connections that the server ended
	behind                    int64

	propagation, ack, cursor, returned, viewed, joins recorder
	complaints                                        complaints
}

// complaints keeps the first few things that were wrong, and how many there were.
type complaints struct {
	count int64
	first []error
}

func (c *complaints) add(err error) {
	if c.count++; len(c.first) < 3 {
		c.first = append(c.first, err)
	}
}

func (c *complaints) err() error {
	if c.count == 0 {
		return nil
	}
	return fmt.Errorf("%d times something was wrong, first: %w", c.count, errors.Join(c.first...))
}

// Open prepares a session; nothing is connected yet. The caller ends it with Close.
func Open(p Plan) (*Session, error) {
	if err := p.check(); err != nil {
		return nil, err
	}
	to, host, err := p.address()
	if err != nil {
		return nil, err
	}
	poller, err := newPoller()
	if err != nil {
		return nil, err
	}
	s := &Session{
		Plan: p, to: to, host: host, began: time.Now(), poller: poller, random: rand.New(rand.NewPCG(p.Seed, 1)),
		buffer: make([]byte, 1<<20),
	}
	if s.AtOnce == 0 {
		s.AtOnce = 64
	}
	scripts := make([]*Script, min(p.Authors, 26))
	for i := range scripts {
		scripts[i] = NewScript(p.Pattern, p.Seed, i)
	}
	client := uint64(firstClient)
	for i := range p.Documents {
		d := &document{name: p.name(i), first: client}
		d.speech = speechOf(p.Dialect, d.name)
		for k := range p.Authors {
			d.authors = append(d.authors, newAuthor(scripts[k%26], client+uint64(k)))
		}
		for k := range p.Editors {
			d.editors = append(d.editors, s.editor(d, k))
		}
		for range p.Viewers {
			d.viewers = append(d.viewers, s.viewer(d))
		}
		client += uint64(p.Editors)
		s.documents = append(s.documents, d)
	}
	return s, nil
}

func (s *Session) editor(d *document, ordinal int) *conn {
	c := &conn{session: s, id: len(s.conns), doc: d, ordinal: ordinal, fd: -1, slow: ordinal >= s.Editors-s.Slow}
	c.replica = newReplica(d.authors, c)
	s.conns = append(s.conns, c)
	return c
}

func (s *Session) viewer(d *document) *conn {
	c := &conn{session: s, id: len(s.conns), doc: d, ordinal: -1, fd: -1}
	c.feed = newFeed(d.authors, c)
	s.conns = append(s.conns, c)
	return c
}

// Close ends every connection.
func (s *Session) Close() {
	for _, c := range s.conns {
		c.hangUp()
	}
	s.poller.close()
}

func (s *Session) clock() int64 { return int64(time.Since(s.began)) }

// turn does what is due, then waits for sockets, at the longest until the given time, and handles those that are ready.
func (s *Session) turn(until int64) error {
	s.now = s.clock()
	for {
		at, ok := s.agenda.next()
		if !ok || at > s.now {
			break
		}
		if err := s.do(s.agenda.take()); err != nil {
			return err
		}
		s.now = s.clock()
	}
	for s.open < s.AtOnce && len(s.dialling) > 0 {
		c := s.dialling[0]
		s.dialling = s.dialling[1:]
		c.dial()
	}
	wake := until
	if at, ok := s.agenda.next(); ok {
		wake = min(wake, at)
	}
	var err error
	if s.ready, err = s.poller.wait(s.ready[:0], time.Duration(wake-s.clock())); err != nil {
		return err
	}
	for _, r := range s.ready {
		s.now = s.clock()
		s.conns[r.id].serve(r)
	}
	return nil
}

func (s *Session) do(d deed) error {
	switch {
	case d.what != nil:
		return d.what(d.at)
	case d.kind == deedCursor:
		return s.conns[d.conn].moveCursor(d.at)
	}
	return s.conns[d.conn].edit(d.at)
}

// errLate says that something took too long.
var errLate = errors.New("it did not come about in time")

// settle takes turns until done reports true, at the longest for patience.
func (s *Session) settle(ctx context.Context, patience time.Duration, done func() bool) error {
	end := s.clock() + int64(patience)
	for !done() {
		if err := ctx.Err(); err != nil {
			return err
		}
		now := s.clock()
		if now > end {
			return errLate
		}
		if err := s.turn(min(end+1, now+int64(50*time.Millisecond))); err != nil {
			return err
		}
	}
	return nil
}

// A Joining is how it went when everybody connected.
type Joining struct {
	// Clients is how many were to connect, Joined how many have got the whole document.
	Clients int `json:"clients"`
	Joined  int `json:"joined"`
	// Took is from the beginning until the last one had joined, Each the time of each of them, from when it was meant to
	// begin.
	Took time.Duration `json:"took_nanoseconds"`
	Each Latency       `json:"each"`
	// Received is how many bytes came.
	Received int64 `json:"received_bytes"`
}

// Connect connects everybody who is not, and waits until they have their documents. The error says who could not.
func (s *Session) Connect(ctx context.Context, patience time.Duration) (Joining, error) {
	s.tally = tally{outstanding: s.outstanding, unacked: s.unacked}
	start := s.clock()
	for _, c := range s.conns {
		if c.state == stateClosed {
			c.enqueue(start)
		}
	}
	err := s.settle(ctx, patience, func() bool { return s.open == 0 && len(s.dialling) == 0 })
	result := Joining{Clients: len(s.conns), Took: time.Duration(s.clock() - start), Each: s.joins.latency(), Received: s.received}
	for _, c := range s.conns {
		if c.state == stateLive {
			result.Joined++
		} else if c.failure != nil && len(s.complaints.first) == 0 {
			s.complaints.add(c.failure)
		}
	}
	if err == nil && result.Joined < result.Clients {
		err = errors.New("their connections ended")
	}
	if err != nil {
		return result, fmt.Errorf("%d of %d clients have joined: %w", result.Joined, result.Clients, errors.Join(err, s.complaints.err()))
	}
	return result, s.complaints.err()
}

// Disconnect ends every connection at once, without a word.
func (s *Session) Disconnect() {
	for _, c := range s.conns {
		c.hangUp()
	}
}
