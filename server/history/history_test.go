package history_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/weftsync/weft/crdt"
	"github.com/weftsync/weft/server/history"
	"github.com/weftsync/weft/storage"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

// edit adds a text at the end, so many minutes past noon.
type edit struct {
	minute int
	user   string
	text   string
}

// written is a log with an entry for each edit.
func written(t *testing.T, edits []edit) *storage.Document {
	t.Helper()
	store, err := storage.Open(storage.Options{Dir: "data", FS: vfs.NewMem(), ReserveBytes: -1})
	if err != nil {
		t.Fatal(err)
	}
	log, err := store.Document(t.Context(), "d", true)
	if err != nil {
		t.Fatal(err)
	}
	durable := make(chan uint64, 1)
	log.OnDurable(func(seq uint64) { durable <- seq })
	var all [][]byte
	for _, e := range edits {
		doc := crdt.New(crdt.Options{}) // everybody has a client of their own
		for _, update := range all {
			if _, err := doc.ApplyUpdate(update); err != nil {
				t.Fatal(err)
			}
		}
		update, err := doc.Update(func(tx *crdt.Tx) error {
			text := doc.Text("content")
			return text.Insert(tx, text.Len(), e.text)
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := log.Append(storage.Entry{Time: noon.Add(time.Duration(e.minute) * time.Minute), User: e.user, Update: update}); err != nil {
			t.Fatal(err)
		}
		<-durable
		all = append(all, update)
	}
	t.Cleanup(func() {
		log.Close()
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return log
}

// TestMoments: a time means the last entry that is not younger, in the order of the log, also where the clock jumped back.
func TestMoments(t *testing.T) {
	log := written(t, []edit{{10, "a", "1"}, {20, "a", "2"}, {5, "a", "3"}, {6, "a", "4"}, {30, "a", "5"}})
	if err := log.SetVersion(t.Context(), storage.Version{Name: "draft", Seq: 2}); err != nil {
		t.Fatal(err)
	}
	at := func(minute int) string { return noon.Add(time.Duration(minute) * time.Minute).Format(time.RFC3339Nano) }
	for _, tt := range []struct {
		text string
		seq  uint64
		want string // the document then
		err  error
	}{
		{"0", 0, "", nil},
		{"3", 3, "123", nil},
		{"5", 5, "12345", nil},
		{"6", 0, "", history.ErrFuture},
		{"-1", 0, "", history.ErrMoment},
		{"", 0, "", history.ErrMoment},
		{"yesterday", 0, "", history.ErrMoment},
		{"version:draft", 2, "12", nil},
		{"version:", 0, "", storage.ErrNotFound},
		{at(4), 0, "", nil}, // before all of it
		{at(5), 3, "123", nil},
		{at(15), 4, "1234", nil},
		{at(29), 4, "1234", nil},
		{at(30), 5, "12345", nil},
		{at(1000), 5, "12345", nil},
		{"2026-01-02T13:15:00+01:00", 4, "1234", nil},
	} {
		seq, err := history.Moment(t.Context(), log, tt.text)
		if seq != tt.seq || !errors.Is(err, tt.err) {
			t.Errorf("%q: got %d, %v, want %d, %v", tt.text, seq, err, tt.seq, tt.err)
		}
		if err != nil {
			continue
		}
		doc, err := history.At(t.Context(), log, seq)
		if err != nil {
			t.Errorf("%q: %v", tt.text, err)
		} else if got := doc.RootString("content"); got != tt.want {
			t.Errorf("%q: got %q, want %q", tt.text, got, tt.want)
		}
	}
}

// TestDeltaAndTakingBack: who did what, of a root that holds text and no other; what is taken back is an edit, and there is
// none when there is nothing.
func TestDeltaAndTakingBack(t *testing.T) {
	log := written(t, []edit{{1, "ada", "one "}, {2, "bob", "two "}, {3, "ada", "three "}})
	runs, err := history.Delta(t.Context(), log, 1, 3, "content")
	var told []string
	for _, run := range runs {
		what, by := run.Change()
		told = append(told, fmt.Sprint(what, by, run.Insert))
	}
	if got := strings.Join(told, "|"); err != nil || got != "one |addedbobtwo |addedadathree " {
		t.Errorf("got %q, %v", got, err)
	}
	if _, err := history.Delta(t.Context(), log, 2, 1, "content"); !errors.Is(err, history.ErrOrder) {
		t.Errorf("backwards: got %v", err)
	}
	for user, want := range map[string]string{"ada": "one two ", "bob": "one three ", "eve": ""} {
		update, err := history.Undo(t.Context(), log, user, 1)
		if want == "" {
			if !errors.Is(err, history.ErrNothing) {
				t.Errorf("undo of %s: got %v, want ErrNothing", user, err)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		doc, err := history.At(t.Context(), log, 3)
		if err == nil {
			_, err = doc.ApplyUpdate(update)
		}
		if got := doc.RootString("content"); err != nil || got != want {
			t.Errorf("undo of %s: got %q, %v, want %q", user, got, err, want)
		}
	}
	if _, err := history.Revert(t.Context(), log, 3); !errors.Is(err, history.ErrNothing) {
		t.Errorf("revert to now: got %v, want ErrNothing", err)
	}
}

// TestEngineThatFails: bytes that are no update end in an error that names the entry, not in a panic.
func TestEngineThatFails(t *testing.T) {
	log := written(t, []edit{{1, "ada", "one"}})
	done := make(chan struct{}, 1)
	log.OnDurable(func(uint64) { done <- struct{}{} })
	if _, err := log.Append(storage.Entry{Update: []byte("no update")}); err != nil {
		t.Fatal(err)
	}
	<-done
	for name, err := range map[string]error{
		"At":     second(history.At(t.Context(), log, 2)),
		"Delta":  second(history.Delta(t.Context(), log, 1, 2, "content")),
		"Revert": second(history.Revert(t.Context(), log, 1)),
	} {
		var damage *storage.CorruptError
		if !errors.As(err, &damage) || damage.Seq != 2 || damage.Document != "d" {
			t.Errorf("%s: got %v, want damage at sequence 2", name, err)
		}
	}
	if _, err := history.At(t.Context(), log, 1); err != nil {
		t.Errorf("the moment before: %v", err)
	}
}

func second[T any](_ T, err error) error { return err }
