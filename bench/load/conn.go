package load

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/weftsync/weft/crdt/lib0"
)

type connState uint8

const (
	stateClosed connState = iota
	stateWaiting
	stateDialling
	stateUpgrading
	stateJoining
	stateLive
)

// A conn is one connection, of an editor or of a viewer.
type conn struct {
	session *Session
	id      int
	doc     *document
	ordinal int // among the editors of the document; -1 for a viewer
	slow    bool
	replica *replica // of an editor
	feed    *feed    // of a viewer

	state   connState
	fd      int
	in, out []byte // read and not yet understood; to be written
	parts   []byte // of a message in several frames
	reading bool
	writing bool
	failure error // why it ended

	meant    int64 // when it was to connect
	greeted  bool  // the server's step 1 has been answered
	synced   bool  // the server's step 2 has come
	acks     []int // Hocuspocus: what each acknowledgement says is saved, in ops
	acksDone int   // how many of those have come
	saved    int   // ops that are acknowledged
	away     int64 // when it is meant to come back, while it is offline and is to
	burst    int   // edits of the burst so far
	tries    int

	cursorClock uint64
	cursorMeant [cursorsKept]int64 // by clock
}

// cursorsKept is for how many of the last cursors it is known when they were meant to be sent.
const cursorsKept = 64

// author returns whom the connection edits as, nil if it only reads.
func (c *conn) author() *author {
	if c.ordinal < 0 || c.ordinal >= len(c.doc.authors) {
		return nil
	}
	return c.doc.authors[c.ordinal]
}

// String names the connection in errors.
func (c *conn) String() string {
	if c.feed != nil {
		return "a viewer of " + c.doc.name
	}
	return fmt.Sprintf("editor %d of %s", c.ordinal, c.doc.name)
}

// enqueue says that the connection was meant to begin at a time; it does when it is its turn.
func (c *conn) enqueue(meant int64) {
	c.state, c.meant, c.failure = stateWaiting, meant, nil
	c.session.dialling = append(c.session.dialling, c)
}

func (c *conn) dial() {
	s := c.session
	if c.state != stateWaiting {
		return
	}
	buffer := 0
	if c.slow {
		buffer = 16 << 10
	}
	c.state = stateDialling
	s.open++
	fd, err := dialSocket(s.to, buffer)
	if err == nil {
		c.fd = fd
		c.reading, c.writing = true, true
		err = s.poller.watch(fd, c.id, true, true, true)
	}
	if err != nil {
		c.fail(err)
	}
}

// serve handles a socket that is ready.
func (c *conn) serve(r readiness) {
	if c.state == stateClosed || c.state == stateWaiting {
		return
	}
	var err error
	if r.written {
		err = c.writable()
	}
	if err == nil && r.readable && c.reading {
		err = c.readable()
	}
	if err != nil {
		c.fail(err)
	}
}

func (c *conn) writable() error {
	if c.state == stateDialling {
		if err := connected(c.fd); err != nil {
			return err
		}
		c.state = stateUpgrading
		if c.feed != nil {
			c.out = appendStreamRequest(c.out, c.session.host, c.feed.path(c.doc.name))
		} else {
			c.out = appendUpgrade(c.out, c.session.host, c.session.path(c.doc.name))
		}
	}
	return c.flush()
}

// flush writes what it can, and waits for the socket when there is more.
func (c *conn) flush() error {
	done := 0
	for done < len(c.out) {
		n, err := writeSocket(c.fd, c.out[done:])
		if errors.Is(err, errBusy) {
			break
		}
		if err != nil {
			return err
		}
		done += n
		c.session.written += int64(n)
	}
	c.out = append(c.out[:0], c.out[done:]...)
	if more := len(c.out) > 0; more != c.writing {
		c.writing = more
		return c.session.poller.watch(c.fd, c.id, false, c.reading, c.writing)
	}
	return nil
}

// pause stops or resumes reading.
func (c *conn) pause(stop bool) error {
	if c.state != stateLive || c.reading != stop {
		return nil
	}
	c.reading = !stop
	return c.session.poller.watch(c.fd, c.id, false, c.reading, c.writing)
}

func (c *conn) readable() error {
	s := c.session
	n, err := readSocket(c.fd, s.buffer)
	if errors.Is(err, errBusy) {
		return nil
	}
	if err != nil {
		return err
	}
	if n == 0 {
		return io.EOF
	}
	s.received += int64(n)
	data := s.buffer[:n]
	if len(c.in) > 0 {
		c.in = append(c.in, data...)
		data = c.in
	}
	rest, err := c.understand(data)
	if err != nil {
		return err
	}
	if len(rest) == 0 && cap(c.in) > 64<<10 {
		c.in = nil
	}
	c.in = append(c.in[:0], rest...)
	return nil
}

// understand handles what has come and returns what is not whole yet.
func (c *conn) understand(data []byte) (rest []byte, err error) {
	if c.state == stateUpgrading {
		head, size, err := answerHead(data)
		if err != nil || size == 0 {
			return data, err
		}
		if data = data[size:]; c.feed != nil {
			err = checkStream(head)
		} else {
			err = checkUpgrade(head)
		}
		if err != nil {
			return nil, err
		}
		c.state = stateJoining
		if c.feed == nil {
			if err := c.greet(); err != nil {
				return nil, err
			}
		}
	}
	if c.feed != nil {
		return c.feed.understand(data)
	}
	for {
		f, size, err := nextFrame(data)
		if err != nil || size == 0 {
			return data, err
		}
		data = data[size:]
		if err := c.takeFrame(f); err != nil {
			return nil, err
		}
	}
}

func (c *conn) takeFrame(f frame) error {
	switch f.op {
	case opBinary:
		if f.fin {
			return c.takePayload(f.payload)
		}
		c.parts = append(c.parts[:0], f.payload...)
	case opContinue:
		c.parts = append(c.parts, f.payload...)
		if len(c.parts) > maxFrameBytes {
			return fmt.Errorf("a message of more than %d bytes", maxFrameBytes)
		}
		if f.fin {
			return c.takePayload(c.parts)
		}
	case opPing:
		return c.send(opPong, f.payload)
	case opPong:
	case opClose:
		return closeError(f.payload)
	default:
		return fmt.Errorf("a frame of kind %d", f.op)
	}
	return nil
}

func (c *conn) takePayload(payload []byte) error {
	c.session.frames++
	d := lib0.NewDecoder(payload)
	for d.Len() > 0 {
		m, err := c.doc.speech.next(&d)
		if err != nil {
			return err
		}
		c.session.messages++
		if err := c.takeMessage(m); err != nil {
			return err
		}
	}
	return nil
}

// send writes a frame, behind what waits.
func (c *conn) send(op byte, payload []byte) error {
	c.out = appendFrame(c.out, op, payload)
	if c.writing {
		return nil
	}
	return c.flush()
}

// fail ends the connection for a reason, and comes back if that is planned.
func (c *conn) fail(err error) {
	s := c.session
	was := c.state
	c.hangUp()
	c.failure = fmt.Errorf("%v: %w", c, err)
	if was == stateLive {
		s.dropped++
	}
	if errors.Is(err, errWrong) {
		s.complaints.add(c.failure)
	}
	if s.Stay || s.phase == nil || c.tries > 20 {
		c.away = 0
		return
	}
	c.comeBack(min(int64(100*time.Millisecond)<<c.tries, int64(2500*time.Millisecond)))
	c.tries++
}

// comeBack connects again after a while.
func (c *conn) comeBack(after int64) {
	at := c.session.clock() + after
	c.away = at
	c.session.agenda.add(deed{at: at, what: func(at int64) error {
		if c.state == stateClosed {
			c.session.returns++
			c.enqueue(at)
		}
		return nil
	}})
}

// hangUp ends the connection at once.
func (c *conn) hangUp() {
	if c.state == stateDialling || c.state == stateUpgrading || c.state == stateJoining {
		c.session.open--
	}
	if c.fd >= 0 {
		closeSocket(c.fd)
	}
	c.fd, c.state = -1, stateClosed
	c.in, c.out, c.parts = c.in[:0], c.out[:0], c.parts[:0]
	c.greeted, c.synced, c.acks, c.acksDone = false, false, c.acks[:0], 0
	if c.feed != nil {
		c.feed.hangUp()
	}
}
