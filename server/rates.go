package server

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Rate bounds messages and bytes in a second. A negative field means no limit. A burst of one second is let through.
type Rate struct {
	Messages int
	Bytes    int
}

// account is the token buckets that the connections and the requests of one user, of one address, or in one document
// share. A connection that draws too much is not read until there is enough again, each for itself, so that what an account
// can be in debt is one message for each of its connections, and the body of each request under way.
type account struct {
	messages, bytes *rate.Limiter // nil: no limit
	holders         int           // guarded by the lock of accounts
}

// accounts are those in use, by the name of whom they belong to. One that nobody uses is kept until it is full again, so
// that it does not help to go and come back; their number is that of those who were here within the last seconds.
type accounts struct {
	limit Rate

	mu     sync.Mutex
	byName map[string]*account
}

// newAccounts returns none yet, each of which will have a limit.
func newAccounts(limit Rate) accounts {
	return accounts{limit: limit, byName: make(map[string]*account)}
}

// bucket returns a limiter of n a second, nil for no limit. least is the smallest burst that makes sense.
func bucket(n, least int) *rate.Limiter {
	if n <= 0 {
		return nil
	}
	return rate.NewLimiter(rate.Limit(n), max(n, least))
}

// open returns the account of somebody, nil when there is nothing to count: no limit, or nobody in particular. It has to
// be closed.
func (as *accounts) open(name string) *account {
	if name == "" || as.limit.Messages < 0 && as.limit.Bytes < 0 {
		return nil
	}
	as.mu.Lock()
	defer as.mu.Unlock()
	a := as.byName[name]
	if a == nil {
		a = &account{messages: bucket(as.limit.Messages, 1), bytes: bucket(as.limit.Bytes, pooledBytes)}
		as.byName[name] = a
	}
	a.holders++
	return a
}

// close gives back what open returned.
func (as *accounts) close(a *account) {
	if a == nil {
		return
	}
	as.mu.Lock()
	defer as.mu.Unlock()
	a.holders--
}

// tidy forgets accounts that nobody uses and that are full again.
func (as *accounts) tidy(now time.Time) {
	as.mu.Lock()
	defer as.mu.Unlock()
	for name, a := range as.byName {
		if a.holders == 0 && isFull(a.messages, now) && isFull(a.bytes, now) {
			delete(as.byName, name)
		}
	}
}

// isFull reports whether nothing was drawn for long enough.
func isFull(l *rate.Limiter, now time.Time) bool {
	return l == nil || l.TokensAt(now) >= float64(l.Burst())
}

// draw takes a message of n bytes out and returns how long to wait before the next.
func (a *account) draw(now time.Time, messages, n int) time.Duration {
	if a == nil {
		return 0
	}
	return max(reserve(a.messages, now, messages), reserve(a.bytes, now, n))
}

// admit takes a message out if there is one and no bytes are owed. Otherwise it takes nothing and returns when to try again.
func (a *account) admit(now time.Time) time.Duration {
	if a == nil {
		return 0
	}
	if b := a.bytes; b != nil {
		if owed := -b.TokensAt(now); owed > 0 {
			return timeFor(b, owed)
		}
	}
	if m := a.messages; m != nil && !m.AllowN(now, 1) {
		return timeFor(m, 1-m.TokensAt(now))
	}
	return 0
}

// timeFor returns how long it takes until n tokens more are there, never 0.
func timeFor(l *rate.Limiter, n float64) time.Duration {
	return max(time.Duration(n/float64(l.Limit())*float64(time.Second)), 1)
}

// reserve takes n tokens, more than a burst piece by piece, and returns how long it takes until they are there.
func reserve(l *rate.Limiter, now time.Time, n int) (delay time.Duration) {
	if l == nil {
		return 0
	}
	for burst := l.Burst(); n > 0; n -= burst {
		delay = l.ReserveN(now, min(n, burst)).DelayFrom(now)
	}
	return delay
}
