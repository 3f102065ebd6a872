package server

import (
	"errors"
	"io"
	"math"
	"sync"
	"sync/atomic"
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
	work     pacer // microseconds that its messages kept documents busy
	replies  pacer // bytes that it asked for
	counters *counters
	buffer   *[]byte // of the message at hand
	charged  int64
}

// newInbox returns the inbox of a new connection.
func newInbox(limits *Limits, inFlight *budget, counters *counters) inbox {
	in := inbox{counters: counters, limits: limits, most: limits.MessageBytes, inFlight: inFlight}
	of := &counters.throttled
	in.messages = pacer{bucket(limits.MessagesPerSecond, 1), &of[messageRate], time.Time{}}
	in.bytes = pacer{bucket(limits.BytesPerSecond, pooledBytes), &of[byteRate], time.Time{}}
	in.work = pacer{bucket(int(limits.WorkPerSecond.Microseconds()), workBurst*int(limits.WorkPerSecond.Microseconds())), &of[workRate], time.Time{}}
	in.replies = pacer{bucket(limits.RepliesPerSecond, int(min(limits.DocumentBytes, math.MaxInt32))), &of[replyRate], time.Time{}}
	return in
}

// read reads one message. wait pauses for as long as the connection is above its rate; it returns false when the
// connection has ended meanwhile; useful is called when something came. The result is valid until done. Errors of the connection are returned as they are,
// a message that is too large is a *sync.Refusal.
func (in *inbox) read(r io.Reader, wait func(time.Duration) bool, useful func()) ([]byte, error) {
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
		if n > 0 {
			useful()
		}
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

// readAhead is read for a message that has come whole already, in one frame, as nearly all do. It returns nil when that is
// not so.
func (in *inbox) readAhead(from *socket, wait func(time.Duration) bool) ([]byte, error) {
	in.buffer = pooled.Get().(*[]byte)
	b, ok := from.takeMessage((*in.buffer)[:0], in.most)
	if !ok {
		in.done()
		return nil, nil
	}
	*in.buffer = b
	from.useful()
	if refusal := in.bytes.take(len(b), in.limits.SlowDownAfter, wait); refusal != nil {
		return nil, refusal
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

// workBurst is how many seconds' worth of work one connection may do at once. The largest update that is allowed takes less.
const workBurst = 4

// charge charges one frame of n bytes to the rates of the connection, and to the accounts that it shares with others.
func (in *inbox) charge(messages, n int, spent *expense, shared []*account, wait func(time.Duration) bool) *ysync.Refusal {
	patience := in.limits.SlowDownAfter
	if refusal := in.messages.take(messages, patience, wait); refusal != nil {
		return refusal
	}
	if refusal := in.work.take(int(spent.micros.Swap(0)), patience, wait); refusal != nil {
		return refusal
	}
	if refusal := in.replies.take(int(spent.replies.Swap(0)), patience, wait); refusal != nil {
		return refusal
	}
	for i, a := range shared {
		if delay := a.draw(time.Now(), messages, n); delay > 0 {
			in.counters.throttled[addressRate+i].Add(1)
			wait(delay) // and no more: it may be somebody else who draws too much
		}
	}
	return nil
}

// The rates that a connection is held to, in the order of counters.throttled.
const (
	messageRate = iota
	byteRate
	workRate
	replyRate
	addressRate
	userRate
	documentRate
	rates
)

// rateNames names them in metrics.
var rateNames = [rates]string{"messages", "bytes", "work", "replies", "address", "user", "document"}

// expense is what a connection's messages have cost since it was last charged. Others than its reader may add to it.
type expense struct {
	micros  atomic.Int64 // for which they kept documents busy
	replies atomic.Int64 // bytes that they asked for
}

// pacer holds one connection to a rate.
type pacer struct {
	limiter *rate.Limiter  // nil: no limit
	held    *atomic.Uint64 // counts the times that it waited
	over    time.Time      // since when the connection has been above the rate; zero while it is not
}

// take charges n and waits until the rate allows it. Who has been above the rate for longer than patience, without the
// half of a burst in between, is refused.
func (p *pacer) take(n int, patience time.Duration, wait func(time.Duration) bool) *ysync.Refusal {
	if p.limiter == nil || n == 0 {
		return nil
	}
	now := time.Now()
	delay := reserve(p.limiter, now, n)
	if delay == 0 && !p.over.IsZero() && p.limiter.TokensAt(now) < float64(p.limiter.Burst())/2 {
		return nil
	}
	if delay == 0 {
		p.over = time.Time{}
		return nil
	}
	p.held.Add(1)
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
