package server

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/weftsync/weft/crdt"
)

// The tests here restore a backup while clients are ahead of it: they have, and go on to make, what the backup has not.

// author is a client that a server is restored under: in either dialect, with one document through all connections.
type author struct {
	y       *editor // one of the two
	h       *client
	mark    string   // what its marks begin with
	written []string // the marks that it made
	rng     *rand.Rand
}

// connect connects again, or for the first time, with the document of before.
func (a *author) connect(t *testing.T, s *testServer, document string, hocuspocus bool) {
	t.Helper()
	if !hocuspocus {
		e := s.connect(t, "sync/"+document, nil) // the server is silent until it is spoken to
		if old := a.y; old != nil {
			old.await("the end of the connection before", func() bool { return old.ended != nil })
			e.doc = old.doc
		}
		a.y = e
		e.sync()
		return
	}
	c := s.collab(t, "collab", nil).attach(document)
	if old := a.h; old != nil {
		old.await("the end of the socket before", func() bool { return old.hub.ended != nil })
		c.doc = old.doc
	}
	a.h = c
	c.auth("", "4.8.0")
	c.start()
	c.await("the end of the greeting", func() bool { return c.unsynced == 0 })
}

// with calls fn with the document, under the lock of its connection.
func (a *author) with(fn func(doc *crdt.Doc)) {
	mu, doc := (*sync.Mutex)(nil), (*crdt.Doc)(nil)
	if a.y != nil {
		mu, doc = &a.y.mu, a.y.doc
	} else {
		mu, doc = &a.h.hub.mu, a.h.doc
	}
	mu.Lock()
	defer mu.Unlock()
	fn(doc)
}

// write adds a mark; one time in four it deletes another first, of whomever. What the connection does not take any more
// stays in the document, as what is typed offline does.
func (a *author) write() {
	mark := fmt.Sprintf("<%s%d>", a.mark, len(a.written))
	a.written = append(a.written, mark)
	edit := func(doc *crdt.Doc, tx *crdt.Tx) error {
		text := doc.Text("content")
		if before := text.String(); a.rng.IntN(4) == 0 && before != "" {
			at := strings.LastIndex(before[:1+a.rng.IntN(len(before))], "<")
			if end := strings.Index(before[at:], ">"); end > 0 {
				if err := text.Delete(tx, at, end+1); err != nil {
					return err
				}
			}
		}
		return text.Insert(tx, text.Len(), mark)
	}
	if a.y != nil {
		a.y.edit(func(tx *crdt.Tx) error { return edit(a.y.doc, tx) })
		return
	}
	a.h.edit(func(tx *crdt.Tx) error { return edit(a.h.doc, tx) })
}

// awaitText waits until the document has just this text.
func (a *author) awaitText(text string) {
	if a.y != nil {
		a.y.awaitText(text)
	} else {
		a.h.awaitText(text)
	}
}

// writeAll has all of them write at the same time.
func writeAll(authors []*author, n int) {
	var all sync.WaitGroup
	for _, a := range authors {
		all.Go(func() {
			for range n {
				a.write()
			}
		})
	}
	all.Wait()
}

// mergedText is the text that all of them together have, made beside the server; each mark of it is there once.
func mergedText(t *testing.T, authors []*author) string {
	t.Helper()
	merged := crdt.New(crdt.Options{})
	for _, a := range authors {
		a.with(func(doc *crdt.Doc) {
			state, err := doc.EncodeStateAsUpdate(nil)
			if err == nil {
				_, err = merged.ApplyUpdate(state)
			}
			if err != nil {
				t.Fatal(err)
			}
		})
	}
	text := merged.RootString("content")
	left := text
	for _, a := range authors {
		for _, mark := range a.written {
			if strings.Count(text, mark) > 1 {
				t.Errorf("the clients themselves have %s twice", mark)
			}
			left = strings.Replace(left, mark, "", 1)
		}
	}
	if left != "" {
		t.Errorf("%q is not of anybody", left)
	}
	return text
}

// TestRestoredUnderClients: while three editors and two providers of the other dialect type, a backup is taken; they type on,
// are cut off, and type on offline. The backup is restored, they come back, and everybody has everything once, the server's
// log too. A reader with an event id of before is told the whole anew.
func TestRestoredUnderClients(t *testing.T) {
	const rounds = 8
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	for i := range uint64(rounds) {
		if t.Failed() {
			t.Fatalf("round %d", i)
		}
		restoreUnderClients(t, seed+i, true)
	}
}

// TestRestoredUnderClientsControl serves the backup with the incarnation of before: then the sequences that were given again
// are taken for those that the reader knows, and it is told splices of a text that it does not have.
func TestRestoredUnderClientsControl(t *testing.T) {
	restoreUnderClients(t, 1, false)
}

func restoreUnderClients(t *testing.T, seed uint64, reincarnate bool) {
	rng := rand.New(rand.NewPCG(seed, 5))
	s := startServer(t, newDisk(), hooks{}, func(o *Options) { o.AdminAddr = "127.0.0.1:0" })
	var authors []*author
	for i := range 5 {
		a := &author{mark: string(rune('a' + i)), rng: rand.New(rand.NewPCG(seed, uint64(i)))}
		a.connect(t, s, "d", i >= 3)
		authors = append(authors, a)
	}
	authors[0].y.writeDurably("<first>")
	authors[0].written = append(authors[0].written, "<first>")
	writeAll(authors, 1+rng.IntN(10))
	typed := make(chan struct{})
	go func() { defer close(typed); writeAll(authors, 1+rng.IntN(20)) }()
	status, body := s.admin(t, "/admin/backup", "{}", typeJSON)
	<-typed
	if status != 200 {
		t.Fatalf("got %d %s", status, body)
	}
	// A reader goes along a little further than the backup, and then away.
	var reader replica
	authors[0].y.writeDurably("<reader>")
	authors[0].written = append(authors[0].written, "<reader>")
	v := s.view(t, "view/d?root=content", nil)
	reader.apply(t, v.next())
	v.close()

	writeAll(authors, 1+rng.IntN(20))
	s.stop()
	writeAll(authors, rng.IntN(4)) // offline

	copied := newDiskOn(restoreBackup(t, body, reincarnate))
	s = startServer(t, copied, hooks{}, nil)
	if at := s.entries(t, "d"); len(at) == 0 {
		t.Fatal("the backup holds nothing")
	}
	var back sync.WaitGroup
	for i, a := range authors {
		back.Go(func() { a.connect(t, s, "d", i >= 3) })
	}
	back.Wait()
	writeAll(authors, 30) // past the sequences that were given before
	want := mergedText(t, authors)
	for _, a := range authors {
		a.awaitText(want)
	}
	v = s.view(t, "view/d?root=content", map[string]string{"Last-Event-ID": v.lastID})
	event := v.next()
	v.close()
	if anew := event.name == eventReset; anew != reincarnate {
		t.Errorf("seed %d: the reader was told %s %.60s…, want a reset: %v", seed, event.name, event.data, reincarnate)
	} else if anew {
		if reader.apply(t, event); reader.string() != want {
			t.Errorf("seed %d: the reader has %q, want %q", seed, reader.string(), want)
		}
	}
	s.stop()
	s = startServer(t, copied, hooks{}, nil)
	if answer, text := s.get(t, "GET", "api/documents/d", map[string]string{"Accept": typeText}, nil); answer.StatusCode != 200 || text != want {
		t.Errorf("seed %d: the server has %d %q, want %q", seed, answer.StatusCode, text, want)
	}
	s.stop()
}
