package updates

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

func TestFileRoundTrip(t *testing.T) {
	want := &Log{}
	for _, u := range [][]byte{{1, 2, 3}, {}, bytes.Repeat([]byte{7}, 70000)} {
		want.Append(u)
	}
	path := filepath.Join(t.TempDir(), "u.bin")
	if err := want.WriteFile(path); err != nil {
		t.Fatal(err)
	}
	got, err := ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got.Len() != want.Len() || got.Bytes() != want.Bytes() {
		t.Fatalf("read %d updates, %d bytes; want %d, %d", got.Len(), got.Bytes(), want.Len(), want.Bytes())
	}
	for i := range want.Len() {
		if !bytes.Equal(got.At(i), want.At(i)) {
			t.Errorf("update %d = %d bytes, want %d", i, len(got.At(i)), len(want.At(i)))
		}
	}
}

func TestReadFileRefusesDamage(t *testing.T) {
	l := &Log{}
	l.Append([]byte("abc"))
	l.Append([]byte("defg"))
	path := filepath.Join(t.TempDir(), "u.bin")
	if err := l.WriteFile(path); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for n := range whole {
		if err := os.WriteFile(path, whole[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadFile(path); err == nil {
			t.Errorf("cut after %d of %d bytes: no error", n, len(whole))
		}
	}
	huge := append([]byte(magic), 1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff)
	if err := os.WriteFile(path, huge, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadFile(path); err == nil {
		t.Error("an update of 4 GiB: no error")
	}
	if err := os.WriteFile(path, append(whole, 0), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadFile(path); err == nil {
		t.Error("a byte behind the end: no error")
	}
}

func TestSliceIsAPrefixThatCannotGrowIntoTheRest(t *testing.T) {
	l := &Log{}
	for _, s := range []string{"a", "bb", "ccc"} {
		l.Append([]byte(s))
	}
	s := l.Slice(2)
	s.Append([]byte("xx"))
	if got := string(l.At(2)); got != "ccc" {
		t.Errorf("appending to a slice changed the log: %q", got)
	}
	if got := l.Slice(9).Len(); got != 3 {
		t.Errorf("slice of 9 has %d updates, want 3", got)
	}
	if got := l.Slice(0).Len(); got != 0 {
		t.Errorf("slice of 0 has %d updates", got)
	}
}
