package server

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/weftsync/weft/crdt"
	"github.com/weftsync/weft/storage"
)

func TestViewOfText(t *testing.T) {
	s := startServer(t, newDisk(), hooks{}, nil)
	e := s.join(t, "a/b")
	e.write("one")
	e.sync()
	v := s.view(t, "view/a/b?as=text&root=content", nil)
	if got := v.answer.Header.Get("Content-Type"); got != "text/event-stream" {
		t.Errorf("got type %q", got)
	}
	if got := v.answer.Header.Get("X-Accel-Buffering"); got != "no" {
		t.Errorf("got X-Accel-Buffering %q, want no", got)
	}
	if got := <-v.retry; got != "2000" {
		t.Errorf("got retry %s, want 2000", got)
	}
	v.expect("whole", `{"root":"content","text":"one"}`)
	e.write(" 😀")
	v.expect("splice", `[[3,0," 😀"]]`)
	e.write("!")
	v.expect("splice", `[[6,0,"!"]]`)
	e.edit(func(tx *crdt.Tx) error { return e.doc.Text("content").Delete(tx, 0, 2) })
	v.expect("splice", `[[0,2,""]]`)
	e.edit(func(tx *crdt.Tx) error { return e.doc.Map("m").Set(tx, "k", 1) })
	e.edit(func(tx *crdt.Tx) error {
		text := e.doc.Text("content")
		if err := text.Insert(tx, 0, "\"\n"); err != nil {
			return err
		}
		return text.Insert(tx, text.Len(), "z")
	})
	v.expect("splice", `[[0,0,"\"\n"],[7,0,"z"]]`)
}

// TestViewOfTextWithAnEmbed: what is no text holds its place, so that positions stay those of the document.
func TestViewOfTextWithAnEmbed(t *testing.T) {
	s := startServer(t, newDisk(), hooks{}, nil)
	e := s.join(t, "d")
	e.write("ab")
	e.edit(func(tx *crdt.Tx) error { return e.doc.Text("content").InsertEmbed(tx, 1, map[string]any{"image": "x"}) })
	e.sync()
	var mine replica
	v := s.view(t, "view/d?root=content", nil)
	mine.apply(t, v.next())
	e.edit(func(tx *crdt.Tx) error { return e.doc.Text("content").InsertEmbed(tx, 3, map[string]any{"image": "y"}) })
	mine.apply(t, v.next())
	e.write("!")
	mine.apply(t, v.next())
	if got, want := mine.string(), "a\uFFFCb\uFFFC!"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestViewOfJSON(t *testing.T) {
	s := startServer(t, newDisk(), hooks{}, nil)
	e := s.join(t, "d")
	e.edit(func(tx *crdt.Tx) error { return e.doc.Map("m").Set(tx, "k", []any{1, "x"}) })
	e.sync()
	all := s.view(t, "view/d?as=json", nil)
	all.expect("whole", `{"root":null,"json":{"m":{"k":[1,"x"]}}}`)
	one := s.view(t, "view/d?as=json&root=m", nil)
	one.expect("whole", `{"root":"m","json":{"k":[1,"x"]}}`)
	e.edit(func(tx *crdt.Tx) error { return e.doc.Map("m").Set(tx, "a/b", true) })
	all.expect("patch", `[{"op":"add","path":"/m/a~1b","value":true}]`)
	one.expect("patch", `[{"op":"add","path":"/a~1b","value":true}]`)
	e.write("t")
	all.expect("patch", `[{"op":"add","path":"/content","value":"t"}]`)
	e.edit(func(tx *crdt.Tx) error { e.doc.Map("m").Delete(tx, "k"); return nil })
	one.expect("patch", `[{"op":"remove","path":"/k"}]`)
}

func TestViewFindsItsRoot(t *testing.T) {
	s := startServer(t, newDisk(), hooks{}, nil)
	v := s.view(t, "view/d", nil)
	v.expect("whole", `{"root":null,"text":""}`)
	if v.lastID != "" {
		t.Errorf("got id %q of a document that does not exist", v.lastID)
	}
	e := s.join(t, "d")
	e.edit(func(tx *crdt.Tx) error { return e.doc.Map("m").Set(tx, "k", 1) })
	e.edit(func(tx *crdt.Tx) error { return e.doc.Text("body").Insert(tx, 0, "found") })
	v.expect("reset", `{"root":"body","text":"found"}`)
	e.edit(func(tx *crdt.Tx) error { return e.doc.Text("body").Insert(tx, 5, "!") })
	v.expect("splice", `[[5,0,"!"]]`)
	s.view(t, "view/d", nil).expect("whole", `{"root":"body","text":"found!"}`)
	e.write("a second text")
	e.sync()
	many := s.view(t, "view/d", nil)
	many.expect("refused", `{"code":4400,"reason":"2 roots hold text: name one with root=","retry":false}`)
	many.expectEnd()
	s.view(t, "view/d?root=m", nil).expect("refused", `{"code":4400,"reason":"the root holds no text but a map; ask for it as=json","retry":false}`)
	answer, body := s.get(t, "GET", "view/d?as=poem", map[string]string{"Accept": "*/*"}, nil)
	if answer.StatusCode != 400 || !strings.Contains(body, "poem") {
		t.Errorf("got %d %s to one who is no EventSource, want 400", answer.StatusCode, body)
	}
}

func TestViewOfXML(t *testing.T) {
	s := startServer(t, newDisk(), hooks{}, nil)
	e := s.join(t, "d")
	v := s.view(t, "view/d?root=x", nil)
	v.expect("whole", `{"root":"x","text":""}`)
	e.edit(func(tx *crdt.Tx) error {
		_, err := e.doc.XMLFragment("x").InsertElement(tx, 0, "p")
		return err
	})
	v.expect("reset", `{"root":"x","text":"<p></p>"}`)
	e.edit(func(tx *crdt.Tx) error {
		_, err := e.doc.XMLFragment("x").InsertElement(tx, 1, "b")
		return err
	})
	v.expect("splice", `[[7,0,"<b></b>"]]`)
}

// replica is a viewer's copy, kept by applying events as the documentation says.
type replica struct {
	text []uint16
	json any
}

// apply applies one event.
func (r *replica) apply(t testing.TB, e sseEvent) {
	t.Helper()
	switch e.name {
	case eventWhole, eventReset:
		var whole struct {
			Text *string `json:"text"`
			JSON any     `json:"json"`
		}
		mustJSON(t, e.data, &whole)
		if r.json = whole.JSON; whole.Text != nil {
			r.text = utf16.Encode([]rune(*whole.Text))
		}
	case eventSplice:
		var splices [][]any
		mustJSON(t, e.data, &splices)
		for _, s := range splices {
			at, deleted, inserted := int(s[0].(float64)), int(s[1].(float64)), utf16.Encode([]rune(s[2].(string)))
			r.text = append(append(append([]uint16(nil), r.text[:at]...), inserted...), r.text[at+deleted:]...)
		}
	case eventPatch:
		r.json = applyPatch(t, r.json, e.data)
	default:
		t.Fatalf("got event %+v", e)
	}
}

// string returns the text.
func (r *replica) string() string { return string(utf16.Decode(r.text)) }

func mustJSON(t testing.TB, text string, into any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), into); err != nil {
		t.Fatalf("read %s: %v", text, err)
	}
}

// TestViewResumes goes away and comes back in every way there is, and checks that what was missed arrives exactly once.
func TestViewResumes(t *testing.T) {
	d := newDisk()
	s := startServer(t, d, hooks{}, nil)
	e := s.join(t, "d")
	var mine, shared replica
	write := func(from, to int) {
		for i := from; i < to; i++ {
			e.write(fmt.Sprintf("%d;", i))
		}
		e.sync()
	}
	catchUp := func(v *sseClient, r *replica, want string) {
		t.Helper()
		for r.string() != want {
			r.apply(t, v.next())
		}
	}
	write(0, 5)
	v := s.view(t, "view/d?root=content", nil)
	v.expect("whole", `{"root":"content","text":"0;1;2;3;4;"}`)
	other := s.view(t, "view/d?root=content", nil) // keeps the feed alive
	shared.apply(t, other.next())
	mine.text = shared.text
	v.close()

	write(5, 10)
	v = s.view(t, "view/d?root=content", map[string]string{"Last-Event-ID": v.lastID})
	if event := v.next(); event.name != eventSplice {
		t.Errorf("got %+v from the backlog, want a splice", event)
	} else {
		mine.apply(t, event)
	}
	catchUp(v, &mine, e.text())
	v.close()
	other.close()

	write(10, 15) // nobody watches: the feed is gone
	v = s.view(t, "view/d?root=content&lastEventId="+v.lastID, nil)
	if event := v.next(); event.name != eventSplice {
		t.Errorf("got %+v from the log, want a splice", event)
	} else {
		mine.apply(t, event)
	}
	if mine.string() != e.text() {
		t.Errorf("got %q after a replay, want %q", mine.string(), e.text())
	}
	v.close()
	lastID := v.lastID

	write(15, 20)
	s.stop()
	s = startServer(t, d, hooks{}, nil)
	v = s.view(t, "view/d?root=content", map[string]string{"Last-Event-ID": lastID})
	if event := v.next(); event.name != eventSplice {
		t.Errorf("got %+v after a restart, want a splice", event)
	} else {
		mine.apply(t, event)
	}
	e2 := s.join(t, "d")
	if mine.string() != e2.text() || e2.text() != e.text() {
		t.Errorf("got %q after a restart, want %q, %q", mine.string(), e2.text(), e.text())
	}
	v.close()

	// Up to date: nothing comes until something happens.
	v = s.view(t, "view/d?root=content", map[string]string{"Last-Event-ID": v.lastID})
	e2.write("end")
	v.expect("splice", fmt.Sprintf(`[[%d,0,"end"]]`, len(e.text())))

	for name, id := range map[string]string{
		"another incarnation": "1:3", "the future": strings.Split(v.lastID, ":")[0] + ":99999", "no id": "nonsense",
	} {
		v := s.view(t, "view/d?root=content", map[string]string{"Last-Event-ID": id})
		if event := v.next(); event.name != eventReset || !strings.Contains(event.data, e2.text()) {
			t.Errorf("%s: got %+v, want a reset", name, event)
		}
	}
}

func TestViewOfJSONResumes(t *testing.T) {
	s := startServer(t, newDisk(), hooks{}, nil)
	e := s.join(t, "d")
	set := func(key string, value any) {
		e.edit(func(tx *crdt.Tx) error { return e.doc.Map("m").Set(tx, key, value) })
		e.sync()
	}
	set("a", 1)
	v := s.view(t, "view/d?as=json", nil)
	var mine replica
	mine.apply(t, v.next())
	v.close()
	set("b", []any{1, 2, 3})
	set("a", "changed")
	v = s.view(t, "view/d?as=json", map[string]string{"Last-Event-ID": v.lastID})
	event := v.next()
	if event.name != eventPatch {
		t.Errorf("got %+v, want a patch", event)
	}
	mine.apply(t, event)
	got, err := json.Marshal(mine.json)
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"m":{"a":"changed","b":[1,2,3]}}`; string(got) != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// TestCompactedLogResets: where the log has forgotten the steps, the viewer is told the whole.
func TestCompactedLogResets(t *testing.T) {
	s := startServer(t, newDisk(), hooks{}, nil)
	e := s.join(t, "d")
	e.write("one ")
	e.sync()
	v := s.view(t, "view/d?root=content", nil)
	v.next()
	v.close()
	s.withoutViewers(t) // a feed that is still there would go on from its backlog
	for i := range 20 {
		e.write(fmt.Sprint(i))
	}
	e.sync()
	compact(t, s, "d")
	e.write(" more")
	e.sync()
	compact(t, s, "d") // one generation of entries is kept beside the newest snapshot
	e.write("!")
	e.sync()
	again := s.view(t, "view/d?root=content", map[string]string{"Last-Event-ID": v.lastID})
	again.expect("reset", fmt.Sprintf(`{"root":"content","text":%q}`, e.text()))
}

// compact replaces a document's log by a snapshot.
func compact(t *testing.T, s *testServer, name string) {
	t.Helper()
	d, err := s.store.Document(t.Context(), name, false)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	doc := crdt.New(crdt.Options{})
	last := uint64(0)
	err = d.Load(t.Context(), 0, func(e storage.Entry) error {
		last = e.Seq
		_, err := doc.ApplyUpdate(e.Update)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	state, err := doc.EncodeStateAsUpdate(nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Compact(t.Context(), last, state); err != nil {
		t.Fatal(err)
	}
}

// TestSlowViewerIsSentTheWhole: a viewer behind the backlog gets a reset and goes on from there.
func TestSlowViewerIsSentTheWhole(t *testing.T) {
	s := startServer(t, newDisk(), hooks{}, func(o *Options) { o.Limits.ViewBacklogBytes = 2000 })
	e := s.join(t, "d")
	e.write("begin;")
	e.sync()
	room, refusal := s.rooms.open(t.Context(), "d")
	if refusal != nil {
		t.Fatal(refusal)
	}
	defer s.rooms.exit(room)
	v := &view{srv: s.Server, room: room, key: feedKey{named: true, root: "content"}}
	room.mu.Lock()
	refusal = v.join()
	v.at = room.gate.assigned
	room.mu.Unlock()
	if refusal != nil {
		t.Fatal(refusal)
	}
	defer v.leave()
	for i := range 200 {
		e.write(fmt.Sprintf("%d;", i))
	}
	e.sync()
	if n := v.feed.after(v.at); !n.lost {
		t.Fatal("the backlog still reaches back: the test proves nothing")
	}
	if v.feed.bytes > 2000 {
		t.Errorf("got %d bytes in the backlog, want at most 2000", v.feed.bytes)
	}
	event, refusal := v.reset(t.Context())
	if refusal != nil || !strings.Contains(string(event), e.text()) {
		t.Errorf("got %q, %v, want the whole", event, refusal)
	}
	if n := v.feed.after(v.at); n.lost || len(n.events) != 0 {
		t.Errorf("got lost %t, %d events after the whole, want none", n.lost, len(n.events))
	}
}

// TestViewersShareARendering: what is made for one change is made once, however many watch.
func TestViewersShareARendering(t *testing.T) {
	s := startServer(t, newDisk(), hooks{}, nil)
	e := s.join(t, "d")
	e.write("x")
	e.sync()
	var viewers []*sseClient
	for range 10 {
		v := s.view(t, "view/d?root=content", nil)
		v.next()
		viewers = append(viewers, v)
	}
	room, _ := s.rooms.enter("d")
	defer s.rooms.exit(room)
	room.mu.Lock()
	if n, f := len(room.feeds), room.feeds[feedKey{named: true, root: "content"}]; n != 1 || f == nil || f.viewers != 10 {
		t.Errorf("got %d feeds, want one with ten viewers", n)
	}
	room.mu.Unlock()
	e.write("y")
	for _, v := range viewers {
		v.expect("splice", `[[1,0,"y"]]`)
	}
	for _, v := range viewers {
		v.close()
	}
	s.withoutViewers(t)
	room.mu.Lock()
	defer room.mu.Unlock()
	if len(room.feeds) != 0 {
		t.Errorf("got %d feeds after all viewers went, want 0", len(room.feeds))
	}
}

func TestViewHeartbeat(t *testing.T) {
	s := startServer(t, newDisk(), hooks{}, func(o *Options) { o.Limits.Heartbeat = 20 * time.Millisecond })
	v := s.view(t, "view/d", nil)
	v.next()
	<-v.beats
	<-v.beats
}

func TestViewEndsWhenTheServerGoes(t *testing.T) {
	s := startServer(t, newDisk(), hooks{}, nil)
	v := s.view(t, "view/d", nil)
	v.next()
	<-v.retry
	s.stop()
	v.expectEnd()
	if retry := <-v.retry; len(retry) != 4 {
		t.Errorf("got retry %s, want one to five seconds", retry)
	}
}
