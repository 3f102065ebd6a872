package auth

import (
	"crypto/sha256"
	"sync"
	"time"

	"github.com/weftsync/weft/server"
	ysync "github.com/weftsync/weft/sync"
)

// maxAnswers is how many answers are kept.
const maxAnswers = 4096

// answer is what a backend said: a grant, or a code and a reason.
type answer struct {
	grant  server.Grant
	code   ysync.Code
	reason string
}

// refusal returns the error for an answer that is none of a grant.
func (a answer) refusal() error {
	if a.code == 0 {
		return nil
	}
	return ysync.Refuse(a.code, "%s", a.reason)
}

// answerCache keeps answers for a short time, by the hash of what was asked. All are kept equally long, so the order in
// which they came is that in which they go.
type answerCache struct {
	keep time.Duration

	mu    sync.Mutex
	found map[[sha256.Size]byte]keptAnswer
	order [][sha256.Size]byte // a ring: the next to be written over is at next
	next  int
}

// keptAnswer is an answer and how long it may be used.
type keptAnswer struct {
	answer
	until time.Time
}

// newAnswerCache returns a cache that keeps answers for that long; none if keep is negative.
func newAnswerCache(keep time.Duration) answerCache {
	return answerCache{keep: keep, found: make(map[[sha256.Size]byte]keptAnswer)}
}

// get returns the answer to a question, if it is young enough.
func (c *answerCache) get(key [sha256.Size]byte, now time.Time) (answer, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	kept, ok := c.found[key]
	return kept.answer, ok && now.Before(kept.until)
}

// put keeps an answer, and forgets the oldest when there are too many.
func (c *answerCache) put(key [sha256.Size]byte, a answer, now time.Time) {
	if c.keep < 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	_, again := c.found[key]
	c.found[key] = keptAnswer{a, now.Add(c.keep)}
	switch {
	case again: // it has its place in the ring, and goes a little early
	case len(c.order) < maxAnswers:
		c.order = append(c.order, key)
	default:
		delete(c.found, c.order[c.next])
		c.order[c.next] = key
		c.next = (c.next + 1) % maxAnswers
	}
}
