package load

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"github.com/weftsync/weft/crdt/lib0"
)

// A Client is one editor on a connection of its own, for what is done one step after the other: filling a document,
// joining it once, asking the server for its state. Its methods wait. It runs no engine.
type Client struct {
	conn   net.Conn
	speech speech
	buf    []byte // read and not yet understood
	parts  []byte
	// Received counts bytes.
	Received int64
	saved    int64
}

// DialClient connects to a document and says hello with a state vector; nil is that of an empty document. Of the plan it
// uses where the server is and what it speaks. The context's end ends everything that the client waits for.
func DialClient(ctx context.Context, p Plan, document string, stateVector []byte) (*Client, error) {
	to, host, err := p.address()
	if err != nil {
		return nil, err
	}
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", to.String())
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	if deadline, ok := ctx.Deadline(); ok {
		_ = conn.SetDeadline(deadline) // a TCP connection has deadlines
	}
	c := &Client{conn: conn, speech: speechOf(p.Dialect, document)}
	if err := c.upgrade(host, p.path(document)); err != nil {
		c.Close()
		return nil, err
	}
	if stateVector == nil {
		stateVector = []byte{0}
	}
	if p.Dialect == Hocuspocus {
		err = c.write(c.speech.auth(nil))
	}
	if err = errors.Join(err, c.write(c.speech.sync(nil, wireStep1, stateVector))); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// Close ends the connection at once.
func (c *Client) Close() { _ = c.conn.Close() }

func (c *Client) upgrade(host, path string) error {
	if _, err := c.conn.Write(appendUpgrade(nil, host, path)); err != nil {
		return fmt.Errorf("ask for a WebSocket: %w", err)
	}
	for {
		head, size, err := answerHead(c.buf)
		if err != nil {
			return err
		}
		if size > 0 {
			c.buf = c.buf[size:]
			return checkUpgrade(head)
		}
		if err := c.fill(); err != nil {
			return err
		}
	}
}

func (c *Client) fill() error {
	if cap(c.buf)-len(c.buf) < 64<<10 {
		c.buf = append(make([]byte, 0, 2*len(c.buf)+256<<10), c.buf...)
	}
	n, err := c.conn.Read(c.buf[len(c.buf):cap(c.buf)])
	c.buf = c.buf[:len(c.buf)+n]
	c.Received += int64(n)
	if n > 0 {
		return nil
	}
	if err == nil {
		err = io.ErrNoProgress
	}
	return fmt.Errorf("receive: %w", err)
}

// write sends one message.
func (c *Client) write(payload []byte) error { return c.WriteRaw(opBinary, payload) }

// WriteRaw sends a frame with any opcode and payload, which a hostile client may choose.
func (c *Client) WriteRaw(opcode byte, payload []byte) error {
	if _, err := c.conn.Write(appendFrame(nil, opcode, payload)); err != nil {
		return fmt.Errorf("send: %w", err)
	}
	return nil
}

// frame returns the next message of the application.
func (c *Client) frame() ([]byte, error) {
	c.parts = c.parts[:0]
	for {
		f, size, err := nextFrame(c.buf)
		if err != nil {
			return nil, err
		}
		if size == 0 {
			if err := c.fill(); err != nil {
				return nil, err
			}
			continue
		}
		c.buf = c.buf[size:]
		switch f.op {
		case opPing:
			if err := c.WriteRaw(opPong, f.payload); err != nil {
				return nil, err
			}
		case opClose:
			return nil, closeError(f.payload)
		case opBinary, opContinue:
			if f.fin && len(c.parts) == 0 {
				return f.payload, nil
			}
			if c.parts = append(c.parts, f.payload...); f.fin {
				return c.parts, nil
			}
		}
	}
}

// until receives messages until take says that it has what it wants.
func (c *Client) until(take func(message) (done bool, err error)) error {
	for {
		payload, err := c.frame()
		if err != nil {
			return err
		}
		d := lib0.NewDecoder(payload)
		done := false
		for d.Len() > 0 {
			m, err := c.speech.next(&d)
			if err != nil {
				return err
			}
			switch m.kind {
			case kindSaved:
				c.saved++
			case kindNotSaved:
				return fmt.Errorf("%w an update", errRefused)
			case kindPing:
				if err := c.write([]byte{wirePong}); err != nil {
					return err
				}
			}
			one, err := take(m)
			if err != nil {
				return err
			}
			done = done || one
		}
		if done {
			return nil
		}
	}
}

// Join waits until the server has sent the document, and returns all updates of the answer. A relay that understands
// nothing sends what it has kept before it says that this was all.
func (c *Client) Join() (updates [][]byte, err error) {
	err = c.until(func(m message) (bool, error) {
		switch m.kind {
		case kindStep1:
			return false, c.write(c.speech.sync(nil, wireStep2, []byte{0, 0}))
		case kindStep2, kindUpdate:
			updates = append(updates, append([]byte(nil), m.payload...))
		}
		return m.kind == kindStep2, nil
	})
	if err != nil {
		return nil, fmt.Errorf("join: %w", err)
	}
	return updates, nil
}

// More waits for further updates, at the longest for d. y-websocket's server answers before it has loaded a document
// from its store, and sends what was in there afterwards.
func (c *Client) More(d time.Duration) (updates [][]byte, err error) {
	_ = c.conn.SetReadDeadline(time.Now().Add(d)) // a TCP connection has deadlines
	err = c.until(func(m message) (bool, error) {
		if m.kind == kindStep2 || m.kind == kindUpdate {
			updates = append(updates, append([]byte(nil), m.payload...))
		}
		return len(updates) > 0, nil
	})
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = nil
	}
	return updates, err
}

// Step1 asks once more what the server has beyond a state vector, and waits for the answer, whose size it returns.
func (c *Client) Step1(stateVector []byte) (bytes int, err error) {
	if err := c.write(c.speech.sync(nil, wireStep1, stateVector)); err != nil {
		return 0, err
	}
	err = c.until(func(m message) (bool, error) {
		if m.kind == kindStep2 || m.kind == kindUpdate {
			bytes += len(m.payload)
		}
		return m.kind == kindStep2, nil
	})
	return bytes, err
}

// window is how many updates Fill sends before it waits for word of them.
const window = 256

// Fill sends updates of other authors and waits until the server has acknowledged or echoed all of them. The server must
// have answered with Join before.
func (c *Client) Fill(updates [][]byte) error {
	for len(updates) > 0 {
		n := min(window, len(updates))
		saved := c.saved
		var frames []byte
		for _, u := range updates[:n] {
			frames = appendFrame(frames, opBinary, append(c.speech.update(nil, len(u)), u...))
		}
		if _, err := c.conn.Write(frames); err != nil {
			return fmt.Errorf("fill a document: %w", err)
		}
		if err := c.settled(n, saved); err != nil {
			return fmt.Errorf("fill a document: %w", err)
		}
		updates = updates[n:]
	}
	return nil
}

// settled waits for word of n updates. In the dialect of y-websocket a server may echo several as one, or as none when
// it had them; but it answers a step 1 after what came before it.
func (c *Client) settled(n int, saved int64) error {
	if c.speech.dialect == Hocuspocus {
		if c.saved >= saved+int64(n) {
			return nil
		}
		return c.until(func(message) (bool, error) { return c.saved >= saved+int64(n), nil })
	}
	_, err := c.Step1([]byte{0})
	return err
}

// SendUpdate sends an update without waiting.
func (c *Client) SendUpdate(update []byte) error {
	return c.write(append(c.speech.update(nil, len(update)), update...))
}

// WaitForEnd reads until the server ends the connection, at the longest for d, and returns why it did. Anything else is
// an error.
func (c *Client) WaitForEnd(d time.Duration) (reason string, err error) {
	_ = c.conn.SetDeadline(time.Now().Add(d)) // a TCP connection has deadlines
	for {
		_, err := c.frame()
		var timeout net.Error
		switch {
		case err == nil:
		case errors.As(err, &timeout) && timeout.Timeout():
			return "", fmt.Errorf("the server does not end the connection within %v", d)
		default:
			return err.Error(), nil
		}
	}
}
