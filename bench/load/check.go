package load

import (
	"bytes"
	"context"
	"errors"
	"fmt"
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
	return fetch(ctx, p, document, 0)
}

// fetch joins a document and, when it may come late, waits for more until nothing has come for so long.
func fetch(ctx context.Context, p Plan, document string, late time.Duration) (*crdt.Doc, error) {
	ctx, cancel := context.WithTimeout(ctx, joinWithin)
	defer cancel()
	c, err := DialClient(ctx, p, document, nil)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	updates, err := c.Join()
	if err != nil {
		return nil, err
	}
	for late > 0 {
		more, err := c.More(late)
		if err != nil {
			return nil, fmt.Errorf("wait for more: %w", err)
		}
		if len(more) == 0 {
			break
		}
		updates = append(updates, more...)
	}
	doc := crdt.New(crdt.Options{})
	for _, u := range updates {
		if _, err := doc.ApplyUpdate(u); err != nil {
			return nil, fmt.Errorf("apply what the server sent: %w", err)
		}
	}
	return doc, nil
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

// lateWithin is how long a server that has told less than it had promised is waited for: it may still be loading.
const lateWithin = time.Second

// Toll compares what the server has now with what authors had been told, for after a server has died.
func (s *Session) Toll(ctx context.Context, died time.Time) (Toll, error) {
	var toll Toll
	for _, d := range s.documents {
		one, err := s.tollOf(ctx, d, died, 0)
		if err == nil && one.Lost > 0 {
			one, err = s.tollOf(ctx, d, died, lateWithin)
		}
		if err != nil {
			return toll, fmt.Errorf("look at what is left of %s: %w", d.name, err)
		}
		toll.Sent += one.Sent
		toll.Told += one.Told
		toll.Lost += one.Lost
		toll.Span = max(toll.Span, one.Span)
	}
	return toll, nil
}

func (s *Session) tollOf(ctx context.Context, d *document, died time.Time, late time.Duration) (toll Toll, err error) {
	got, err := fetch(ctx, s.Plan, d.name, late)
	if err != nil {
		return toll, err
	}
	state, err := got.EncodeStateAsUpdate(nil)
	if err != nil {
		return toll, err
	}
	left := newReplica(d.authors, nothing{})
	if _, err := left.take(state); err != nil {
		return toll, err
	}
	end := int64(died.Sub(s.began))
	for i, a := range d.authors {
		told := d.editors[i].saved
		toll.Sent += int64(a.sent)
		toll.Told += int64(told)
		for k := left.of[i].next; k < told; k++ {
			if !left.covered(i, k) {
				toll.Lost++
				toll.Span = max(toll.Span, time.Duration(end-a.meant[k]))
			}
		}
	}
	return toll, nil
}

// nothing ignores what arrives.
type nothing struct{}

func (nothing) arrive(int, int, int) {}
