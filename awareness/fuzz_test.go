package awareness_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/weftsync/weft/awareness"
	"github.com/weftsync/weft/crdt/crdttest"
)

// Two updates, one after the other: no panic; what is refused changes nothing and names a place inside the update; what
// is applied stays within the limits, and whoever is sent what was touched knows of it what we know.
func FuzzApply(f *testing.F) {
	data, err := os.ReadFile("testdata/histories.json")
	if err != nil {
		f.Fatalf("read histories: %v", err)
	}
	var file struct{ Histories []history }
	if err := json.Unmarshal(data, &file); err != nil {
		f.Fatalf("decode histories: %v", err)
	}
	var before []byte
	for _, s := range file.Histories[0].Steps {
		if s.Do == "apply" {
			update, err := hex.DecodeString(s.Update)
			if err != nil {
				f.Fatalf("decode histories: %v", err)
			}
			f.Add(before, update)
			before = update
		}
	}
	f.Add(encode(entry{1, 5, "{}"}, entry{2, 1, ""}), encode(entry{1, 5, ""}, entry{1, 6, `{"a":[1]}`}, entry{3, 1 << 52, "{}"}))
	f.Add(encode(entry{1, 5, `{"a":[1,2,3]}`}), encode(entry{1, 6, `{"a":[1,2,3,4,5,6,7,8]}`}, entry{2, 1, `{"b":"aaaaaaaaaaaaaaaaaaaaaaaa"}`}))
	o := awareness.Options{MaxClients: 4, MaxTotalBytes: 64, MaxStateBytes: 40, MaxEntries: 6, MaxClockStep: 1000}
	f.Fuzz(func(t *testing.T, first, second []byte) {
		s, mirror := awareness.New(o), awareness.New(awareness.Options{})
		for _, update := range [][]byte{first, second} {
			was, stats := s.AppendAll(nil), s.Stats()
			var change awareness.Change
			var err error
			expectBounded(t, len(update), func() { change, err = s.ApplyUpdate(update, start) })
			if err != nil {
				var at *awareness.Error
				if !errors.As(err, &at) || at.Offset < 0 || at.Offset > len(update) || at.Reason == "" {
					t.Errorf("got error %v, want an *Error with a place and a reason", err)
				}
				if !bytes.Equal(was, s.AppendAll(nil)) || stats != s.Stats() || !change.IsZero() {
					t.Errorf("a refused update changed something: %v", err)
				}
				continue
			}
			if got := s.Stats(); got.Known > o.MaxClients || got.Bytes > o.MaxTotalBytes || got.Live > got.Known {
				t.Errorf("beyond the limits: %+v", got)
			}
			mustApply(t, mirror, s.AppendUpdate(nil, change.Touched()...))
			if got, want := mirror.AppendAll(nil), s.AppendAll(nil); !bytes.Equal(got, want) {
				t.Errorf("who is told of the changes knows %x, want %x", got, want)
			}
		}
		s.Expire(start.Add(time.Minute))
		if got := s.Stats(); got.Live != 0 || got.Bytes != 0 {
			t.Errorf("after a minute of silence: %+v", got)
		}
		s.Expire(start.Add(time.Hour))
		if got := s.Stats(); got.Known != 0 {
			t.Errorf("after an hour of silence: %+v", got)
		}
	})
}

// Modify without a modification gives back what it was given, or refuses it as Decode does.
func FuzzModify(f *testing.F) {
	f.Add(encode(entry{1, 5, "{}"}, entry{2, 1, ""}))
	f.Add(encode(entry{1, 5, ` {"a" : 1} `}))
	f.Fuzz(func(t *testing.T, update []byte) {
		_, want := awareness.Decode(update, awareness.Options{})
		keep := func(_ uint64, state []byte) ([]byte, error) { return state, nil }
		var got []byte
		var err error
		expectBounded(t, len(update), func() { got, err = awareness.Modify(update, awareness.Options{}, keep) })
		if (err == nil) != (want == nil) {
			t.Fatalf("Modify: %v, Decode: %v", err, want)
		}
		if err != nil {
			return
		}
		entries, err := awareness.Decode(got, awareness.Options{})
		if err != nil || !bytes.Equal(awareness.AppendEntries(nil, entries), got) {
			t.Errorf("Modify(%x) = %x, which is read back as %v, %v", update, got, entries, err)
		}
	})
}

// expectBounded fails if f, which handles n bytes, allocates more than they account for.
func expectBounded(t testing.TB, n int, f func()) {
	t.Helper()
	if got, most := crdttest.Allocated(f), uint64(200*n+128<<10); got > most {
		t.Errorf("%d bytes allocate %d, want at most %d", n, got, most)
	}
}
