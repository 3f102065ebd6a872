package load

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/weftsync/weft/crdt"
)

// A Convergence says who had which document at the end.
type Convergence struct {
	// Replicas is how many editors were there, Equal how many of them had every struct and deletion, unaltered.
	Replicas int `json:"replicas"`
	Equal    int `json:"equal"`
	// Documents is how many documents there were, Served how many of which the server's copy is the document into which
	// the engine merged everything that was sent.
	Documents int `json:"documents"`
	Served    int `json:"served"`
	// Viewers is how many viewers there were, Shown how many of them had the text.
	Viewers int `json:"viewers"`
	Shown   int `json:"shown"`
}

// OK reports whether everybody had everything.
func (c Convergence) OK() bool {
	return c.Replicas > 0 && c.Equal == c.Replicas && c.Served == c.Documents && c.Shown == c.Viewers
}

// joinWithin is how long a server may take to hand out a document.
const joinWithin = time.Minute

// Check compares what everybody has, and what the server has, with what was sent. The error says what differs first.
func (s *Session) Check(ctx context.Context) (Convergence, error) {
	var result Convergence
	var found complaints
	for _, d := range s.documents {
		for _, e := range d.editors {
			result.Replicas++
			if n := e.replica.missing() - e.unechoed(); n > 0 {
				found.add(fmt.Errorf("%v lacks %d updates", e, n))
			} else {
				result.Equal++
			}
		}
		want, err := d.expected()
		if err != nil {
			return result, err
		}
		result.Documents++
		if err := s.checkServed(ctx, d, want); err != nil {
			found.add(fmt.Errorf("the server's copy of %s: %w", d.name, err))
		} else {
			result.Served++
		}
		text := want.RootString(Root)
		for _, v := range d.viewers {
			result.Viewers++
			if err := sameText(string(v.feed.text), text); err != nil {
				found.add(fmt.Errorf("%v shows %w", v, err))
			} else {
				result.Shown++
			}
		}
	}
	return result, found.err()
}

// unechoed returns how many of its own updates an editor was not shown, which is nothing it lacks.
func (c *conn) unechoed() int { return c.replica.missingOf(c.ordinal) }

// checkServed joins a document once more and compares.
func (s *Session) checkServed(ctx context.Context, d *document, want *crdt.Doc) error {
	got, err := Fetch(ctx, s.Plan, d.name)
	if err != nil {
		return err
	}
	if err := sameText(got.RootString(Root), want.RootString(Root)); err != nil {
		return err
	}
	if !bytes.Equal(got.EncodeStateVector(), want.EncodeStateVector()) {
		return errors.New("the text is right and the state vector is another")
	}
	return nil
}

// Fetch returns the server's copy of a document.
func Fetch(ctx context.Context, p Plan, document string) (*crdt.Doc, error) {
	doc := crdt.New(crdt.Options{})
	err := follow(ctx, p, document, func(update []byte) error {
		_, err := doc.ApplyUpdate(update)
		return err
	}, func() bool { return true })
	return doc, err
}

// follow joins a document and hands on what the server sends until it has answered and enough is told, at the longest
// for lateWithin after the answer.
func follow(ctx context.Context, p Plan, document string, take func(update []byte) error, enough func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, joinWithin)
	defer cancel()
	c, err := DialClient(ctx, p, document, nil)
	if err != nil {
		return err
	}
	defer c.Close()
	updates, err := c.Join()
	for end := time.Now().Add(lateWithin); err == nil; updates, err = c.More(time.Until(end)) {
		for _, u := range updates {
			if err := take(u); err != nil {
				return fmt.Errorf("take what the server sent: %w", err)
			}
		}
		if len(updates) == 0 || enough() {
			return nil
		}
	}
	return err
}

// A Toll is what was lost of what a server had told authors that it has.
type Toll struct {
	// Sent is how many updates were sent, Told for how many of them the author had an acknowledgement, or an echo.
	Sent int64 `json:"sent"`
	Told int64 `json:"told"`
	// Lost is how many of those told the server does not have any more.
	Lost int64 `json:"lost"`
	// Span is how long before the end the first lost update was made.
	Span time.Duration `json:"span_nanoseconds"`
}

// lateWithin is how long a server that shows less than it had told is waited for: it may still be loading.
const lateWithin = 20 * time.Second

// Toll compares what the server has now with what authors had been told, for after a server has died.
func (s *Session) Toll(ctx context.Context, died time.Time) (Toll, error) {
	tolls, errs := make([]Toll, len(s.documents)), make([]error, len(s.documents))
	var looking sync.WaitGroup // they are waited for together
	for i, d := range s.documents {
		looking.Go(func() {
			one, err := s.tollOf(ctx, d, died)
			if err != nil {
				err = fmt.Errorf("look at what is left of %s: %w", d.name, err)
			}
			tolls[i], errs[i] = one, err
		})
	}
	looking.Wait()
	var toll Toll
	for _, one := range tolls {
		toll.Sent += one.Sent
		toll.Told += one.Told
		toll.Lost += one.Lost
		toll.Span = max(toll.Span, one.Span)
	}
	return toll, errors.Join(errs...)
}

func (s *Session) tollOf(ctx context.Context, d *document, died time.Time) (Toll, error) {
	left := newReplica(d.authors, nothing{})
	toll := left.toll(d, died.Sub(s.began))
	err := follow(ctx, s.Plan, d.name, func(update []byte) error {
		_, err := left.take(update)
		return err
	}, func() bool {
		toll = left.toll(d, died.Sub(s.began))
		return toll.Lost == 0
	})
	return toll, err
}

// toll compares what is left of a document with what authors were told until its server died.
func (r *replica) toll(d *document, died time.Duration) (toll Toll) {
	for i, a := range d.authors {
		told := d.editors[i].saved
		toll.Sent += int64(a.sent)
		toll.Told += int64(told)
		for k := r.of[i].next; k < told; k++ {
			if !r.of[i].has(k) {
				toll.Lost++
				toll.Span = max(toll.Span, died-time.Duration(a.meant[k]))
			}
		}
	}
	return toll
}

// nothing ignores what arrives.
type nothing struct{}

func (nothing) arrive(int, int, int) {}
