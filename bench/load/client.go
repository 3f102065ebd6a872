package load

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"

	"github.com/weftsync/weft/crdt/lib0"
)

// maxFrameBytes bounds one frame that a client accepts.
const maxFrameBytes = 64 << 20

// A client is one WebSocket connection to a document. All that it receives is accounted for by one goroutine, run;
// everything else is read only when that has ended, or behind a channel that it closes.
type client struct {
	name    string
	conn    *websocket.Conn
	targets []target
	clock   func() int64 // nanoseconds since the run began

	covered  coverage
	reached  atomic.Int64 // how many targets are covered
	arrivals []int64      // when each target was, in nanoseconds since the run began; written once, in order
	goals    []*goal      // who waits for how many targets; ascending
	joined   chan struct{}
	greeting traffic // received until joined
	done     chan struct{}
	err      error // why run ended; valid when done is closed

	received [][]byte // blocks of updates: length (lib0), bytes; for the check at the end
	traffic
}

// traffic counts what a client received.
type traffic struct {
	frames   int   // that carried document content
	messages int   // that carried document content
	bytes    int64 // of all frames
}

// A target is what must be covered for an update to have arrived.
type target struct {
	clock   uint64
	deleted int
}

// A goal is reached when the first n targets are covered; then traffic holds what had been received, and the channel
// is closed.
type goal struct {
	n       int
	reached chan struct{}
	traffic traffic
}

func (t *traffic) add(other traffic) {
	t.frames += other.frames
	t.messages += other.messages
	t.bytes += other.bytes
}

// documentURL returns the WebSocket address of a document below the server's address.
func documentURL(base, document string) (string, error) {
	u, err := url.Parse(base)
	if err != nil {
		return "", fmt.Errorf("read the server's address: %w", err)
	}
	switch u.Scheme {
	case "http":
		u.Scheme = "ws"
	case "https":
		u.Scheme = "wss"
	}
	return strings.TrimSuffix(u.String(), "/") + "/sync/" + url.PathEscape(document), nil
}

// dial connects, sends the first frame of a provider with an empty document, and starts the goroutine that receives. It
// returns when the server has answered with the whole document. The caller ends the client with close.
func dial(ctx context.Context, c *client, address string) error {
	dialCtx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	conn, _, err := websocket.Dial(dialCtx, address, &websocket.DialOptions{CompressionMode: websocket.CompressionDisabled})
	if err != nil {
		return fmt.Errorf("connect %s: %w", c.name, err)
	}
	conn.SetReadLimit(maxFrameBytes)
	c.conn, c.joined, c.done = conn, make(chan struct{}), make(chan struct{})
	go c.run()
	if err := conn.Write(dialCtx, websocket.MessageBinary, appendSync(nil, syncStep1, []byte{0})); err != nil {
		c.close()
		return fmt.Errorf("greet as %s: %w", c.name, err)
	}
	select {
	case <-c.joined:
		return nil
	case <-c.done:
		return fmt.Errorf("join as %s: %w", c.name, c.err)
	case <-dialCtx.Done():
		c.close()
		return fmt.Errorf("join as %s: no answer to the first message: %w", c.name, dialCtx.Err())
	}
}

// close ends the connection at once and waits for the goroutine.
func (c *client) close() {
	_ = c.conn.CloseNow() // it may have ended by itself; why is in c.err
	<-c.done
}

// run receives until the connection ends.
func (c *client) run() {
	defer close(c.done)
	for {
		kind, frame, err := c.conn.Read(context.Background())
		now := c.clock()
		if err != nil {
			c.err = fmt.Errorf("receive: %w", err)
			return
		}
		if kind != websocket.MessageBinary {
			c.err = errors.New("receive: a text frame")
			return
		}
		c.bytes += int64(len(frame))
		if err := c.take(frame, now); err != nil {
			c.err = err
			_ = c.conn.CloseNow() // the error that matters is kept
			return
		}
	}
}

// take handles one frame, which came at now.
func (c *client) take(frame []byte, now int64) error {
	d := lib0.NewDecoder(frame)
	content := false
	for d.Len() > 0 {
		m, err := nextMessage(&d)
		if err != nil {
			return err
		}
		if m.kind != messageSync {
			continue
		}
		if m.sync == syncStep1 {
			if err := c.answerStep1(); err != nil {
				return err
			}
			continue
		}
		if !content {
			content = true
			c.frames++
		}
		if err := c.takeUpdate(m.payload, now); err != nil {
			return err
		}
		if m.sync == syncStep2 {
			c.join()
		}
	}
	return nil
}

// answerStep1 answers as a provider that has nothing the server lacks.
func (c *client) answerStep1() error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := c.conn.Write(ctx, websocket.MessageBinary, appendSync(nil, syncStep2, []byte{0, 0})); err != nil {
		return fmt.Errorf("answer the server's step 1: %w", err)
	}
	return nil
}

func (c *client) join() {
	select {
	case <-c.joined:
	default:
		c.greeting = c.traffic
		close(c.joined)
	}
}

func (c *client) takeUpdate(update []byte, now int64) error {
	if err := c.covered.add(update); err != nil {
		return fmt.Errorf("follow an update of %d bytes: %w", len(update), err)
	}
	c.messages++
	c.keep(update)
	reached := int(c.reached.Load())
	for reached < len(c.targets) && c.covered.clock >= c.targets[reached].clock && c.covered.deleted >= c.targets[reached].deleted {
		c.arrivals[reached] = now
		reached++
	}
	c.reached.Store(int64(reached))
	for len(c.goals) > 0 && c.goals[0].n <= reached {
		c.goals[0].traffic = c.traffic
		close(c.goals[0].reached)
		c.goals = c.goals[1:]
	}
	return nil
}

// keep stores a copy of an update in blocks, so that growing never copies what is there.
func (c *client) keep(update []byte) {
	const block = 1 << 20
	last := len(c.received) - 1
	if last < 0 || cap(c.received[last])-len(c.received[last]) < len(update)+9 {
		c.received = append(c.received, make([]byte, 0, max(block, len(update)+9)))
		last++
	}
	c.received[last] = lib0.AppendBytes(c.received[last], update)
}

// updates calls fn with each update that was received, in order. It is for after close.
func (c *client) updates(fn func(update []byte) error) error {
	for _, block := range c.received {
		d := lib0.NewDecoder(block)
		for d.Len() > 0 {
			u, err := d.Bytes()
			if err != nil {
				return err
			}
			if err := fn(u); err != nil {
				return err
			}
		}
	}
	return nil
}
