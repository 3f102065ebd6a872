package server

import (
	"bufio"
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/weftsync/weft/storage"
)

// sseEvent is one server-sent event.
type sseEvent struct{ id, name, data string }

// sseClient reads an event stream as an EventSource does.
type sseClient struct {
	t      testing.TB
	answer *http.Response
	events chan sseEvent // closed at the end of the stream
	beats  chan struct{}
	retry  chan string
	lastID string
	cancel context.CancelFunc
}

// view opens an event stream.
func (s *testServer) view(t testing.TB, path string, header map[string]string) *sseClient {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	r, err := http.NewRequestWithContext(ctx, "GET", s.url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept", "text/event-stream")
	for k, v := range header {
		r.Header.Set(k, v)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Do(r)
	if err != nil {
		cancel()
		t.Fatalf("view %s: %v", path, err)
	}
	v := &sseClient{
		t: t, answer: answer, cancel: cancel,
		events: make(chan sseEvent, 1024), beats: make(chan struct{}, 1024), retry: make(chan string, 16),
	}
	go v.read()
	t.Cleanup(v.close)
	return v
}

// close ends the stream and waits for that.
func (v *sseClient) close() {
	v.cancel()
	for range v.events {
	}
}

// withoutViewers waits until the server has noticed that all viewers have gone.
func (s *testServer) withoutViewers(t testing.TB) {
	t.Helper()
	for deadline := time.Now().Add(patience); s.Stats().Views > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d viewers are still there", s.Stats().Views)
		}
	}
}

// read parses the stream.
func (v *sseClient) read() {
	defer close(v.events)
	defer v.answer.Body.Close()
	lines := bufio.NewScanner(v.answer.Body)
	lines.Buffer(nil, 64<<20)
	var e sseEvent
	for lines.Scan() {
		line := lines.Text()
		field, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case line == "":
			if e.data != "" {
				v.events <- e
			}
			e = sseEvent{id: e.id}
		case field == "":
			v.beats <- struct{}{}
		case field == "id":
			e.id = value
		case field == "event":
			e.name = value
		case field == "data":
			e.data += value
		case field == "retry":
			v.retry <- value
		}
	}
}

// next returns the next event.
func (v *sseClient) next() sseEvent {
	v.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	select {
	case e, ok := <-v.events:
		if !ok {
			v.t.Fatal("the stream has ended, want an event")
		}
		if e.id != "" {
			v.lastID = e.id
		}
		return e
	case <-ctx.Done():
		v.t.Fatal("waited too long for an event")
		return sseEvent{}
	}
}

// expect checks the next event.
func (v *sseClient) expect(name, data string) {
	v.t.Helper()
	if e := v.next(); e.name != name || e.data != data {
		v.t.Errorf("got event %s %s, want %s %s", e.name, e.data, name, data)
	}
}

// expectEnd checks that the stream has ended.
func (v *sseClient) expectEnd() {
	v.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	select {
	case e, ok := <-v.events:
		if ok {
			v.t.Errorf("got event %+v, want the end of the stream", e)
		}
	case <-ctx.Done():
		v.t.Fatal("waited too long for the end of the stream")
	}
}

// entries returns the log of a document.
func (s *testServer) entries(t testing.TB, name string) []storage.Entry {
	t.Helper()
	d, err := s.store.Document(t.Context(), name, false)
	if err != nil {
		t.Fatalf("open the log of %q: %v", name, err)
	}
	defer d.Close()
	var all []storage.Entry
	err = d.Load(t.Context(), 0, func(e storage.Entry) error {
		e.Update = append([]byte(nil), e.Update...)
		all = append(all, e)
		return nil
	})
	if err != nil {
		t.Fatalf("read the log of %q: %v", name, err)
	}
	return all
}
