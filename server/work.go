package server

import "time"

// busyBytes is how long a message has to be for its work to be measured. What a shorter one can hold takes microseconds,
// and the number of messages bounds it.
const busyBytes = 256

// work begins to measure for how long a message of n bytes keeps a document busy, and returns what charges it to the
// connection. The caller holds the room's lock, so that waiting for others is not counted. REST, which has no session,
// is charged nothing here.
func (s *session) work(n int) (done func()) {
	if s == nil || n < busyBytes {
		return nothing
	}
	began := time.Now()
	return func() { s.conn.spent.micros.Add(time.Since(began).Microseconds()) }
}

// nothing is what is done for work that is not measured.
func nothing() {}
