package server

import (
	"errors"
	"io"
	"sync"
	"time"

	"github.com/coder/websocket"
	"golang.org/x/time/rate"

	ysync "github.com/weftsync/weft/sync"
)

// A message that fits is read into a pooled buffer, which is given back when the message has been carried out. A larger
// one gets a buffer that grows as the bytes arrive, never by what a length claims, and is charged to the budget that
// all connections share.
const pooledBytes = 64 << 10

var pooled = sync.Pool{New: func() any { b := make([]byte, 0, 1024); return &b }}

// inbox reads the messages of one connection within its limits. It belongs to the goroutine that reads.
type inbox struct {
	limits   *Limits
	most     int64 // of one message, in bytes
	inFlight *budget
	messages pacer
	bytes    pacer
	buffer   *[]byte // of the message at hand
	charged  int64
}

// newInbox returns the inbox of a new connection.
func newInbox(limits *Limits, inFlight *budget) inbox {
	in := inbox{limits: limits, most: limits.MessageBytes, inFlight: inFlight}
	if n := limits.MessagesPerSecond; n > 0 {
		in.messages.limiter = rate.NewLimiter(rate.Limit(n), n)
	}
	if n := limits.BytesPerSecond; n > 0 {
		in.bytes.limiter = rate.NewLimiter(rate.Limit(n), max(n, pooledBytes))
	}
	return in
}

// read reads one message. wait pauses for as long as the connection is above its rate; it returns false when the
// connection has ended meanwhile. The result is valid until done. Errors of the connection are returned as they are,
// a message that is too large is a *sync.Refusal.
func (in *inbox) read(r io.Reader, wait func(time.Duration) bool) ([]byte, error) {
	in.buffer = pooled.Get().(*[]byte)
	b := (*in.buffer)[:0]
	for {
		if len(b) == cap(b) {
			grown, err := in.grow(b)
			if err != nil {
				return nil, err
			}
			b = grown
		}
		room := b[len(b):min(cap(b), len(b)+pooledBytes)]
		n, err := r.Read(room)
		b = b[:len(b)+n]
		*in.buffer = b
		if int64(len(b)) > in.most {
			return nil, ysync.Refuse(ysync.CodeTooLarge, "the message is larger than %d bytes", in.most)
		}
		if refusal := in.bytes.take(n, in.limits.SlowDownAfter, wait); refusal != nil {
			return nil, refusal
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			if errors.Is(err, websocket.ErrMessageTooBig) {
				err = ysync.Refuse(ysync.CodeTooLarge, "the message is larger than %d bytes", in.most)
			}
			return nil, err
		}
	}
	return b, nil
}

// grow doubles the buffer, and charges what is beyond a pooled one.
func (in *inbox) grow(b []byte) ([]byte, error) {
	size := max(2*cap(b), 1024)
	if size > pooledBytes {
		more := int64(size) - in.charged
		if !in.inFlight.take(more) {
			return nil, ysync.Refuse(ysync.CodeTryLater, "too many large messages are on their way")
		}
		in.charged += more
	}
	grown := make([]byte, len(b), size)
	copy(grown, b)
	return grown, nil
}

// count charges one frame's messages to the rate.
func (in *inbox) count(messages int, wait func(time.Duration) bool) *ysync.Refusal {
	return in.messages.take(messages, in.limits.SlowDownAfter, wait)
}

// pacer holds one connection to a rate.
type pacer struct {
	limiter *rate.Limiter // nil: no limit
	over    time.Time     // since when the connection has been above the rate; zero while it is not
}

// take charges n and waits until the rate allows it. Who has been above the rate for longer than patience, without the
// half of a burst in between, is refused.
func (p *pacer) take(n int, patience time.Duration, wait func(time.Duration) bool) *ysync.Refusal {
	if p.limiter == nil || n == 0 {
		return nil
	}
	now := time.Now()
	burst := p.limiter.Burst()
	var delay time.Duration
	for ; n > 0; n -= burst {
		delay = p.limiter.ReserveN(now, min(n, burst)).DelayFrom(now)
	}
	if delay == 0 {
		if !p.over.IsZero() && p.limiter.TokensAt(now) >= float64(burst)/2 {
			p.over = time.Time{}
		}
		return nil
	}
	if p.over.IsZero() {
		p.over = now
	}
	if now.Add(delay).Sub(p.over) > patience {
		return ysync.Refuse(ysync.CodeSlowDown, "too much for more than %s", patience)
	}
	wait(delay)
	return nil
}

// done gives the message's buffer back.
func (in *inbox) done() {
	if in.buffer == nil {
		return
	}
	if cap(*in.buffer) <= pooledBytes {
		pooled.Put(in.buffer)
	}
	in.buffer = nil
	in.inFlight.give(in.charged)
	in.charged = 0
}
