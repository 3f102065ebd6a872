package server

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/weftsync/weft/storage"
	ysync "github.com/weftsync/weft/sync"
)

// TestBackupOverAdmin takes a backup while an editor types, and serves it: it has all that was acknowledged, and an editor
// that is ahead of it brings the rest.
func TestBackupOverAdmin(t *testing.T) {
	s := startServer(t, newDisk(), hooks{}, func(o *Options) { o.AdminAddr = "127.0.0.1:0" })
	e := s.join(t, "d")
	e.write("before")
	e.sync()
	status, body := s.admin(t, "/admin/backup", "{}", typeJSON)
	if status != http.StatusOK {
		t.Fatalf("got %d %s", status, body)
	}
	e.write(" after")
	e.sync()

	restored := startServer(t, newDisk(), hooks{}, func(o *Options) { o.Storage.FS = restoreBackup(t, body, true) })
	late := restored.join(t, "d")
	late.awaitText("before")
	all, err := e.doc.EncodeStateAsUpdate(nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := late.doc.ApplyUpdate(all); err != nil {
		t.Fatal(err)
	}
	late.send(ysync.YWebsocket{}.AppendUpdate(nil, all))
	late.sync()
	if answer, text := restored.get(t, "GET", "api/documents/d", map[string]string{"Accept": "text/plain"}, nil); answer.StatusCode != 200 || text != "before after" {
		t.Errorf("after an editor that was ahead: got %d %q", answer.StatusCode, text)
	}
}

// restoreBackup unpacks what the admin listener sent, and makes it ready to be served as "weft restore" does.
func restoreBackup(t *testing.T, body string, reincarnate bool) *vfs.MemFS {
	t.Helper()
	dir := vfs.NewMem()
	if err := dir.MkdirAll("data", 0o755); err != nil {
		t.Fatal(err)
	}
	archive := tar.NewReader(strings.NewReader(body + "\x00")) // the harness trims
	files := 0
	for {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		f, err := dir.Create(dir.PathJoin("data", h.Name), vfs.WriteCategoryUnspecified)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(f, archive); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(f.Sync(), f.Close()); err != nil {
			t.Fatal(err)
		}
		files++
	}
	if files < 4 {
		t.Fatalf("only %d files in the backup", files)
	}
	if !reincarnate {
		return dir
	}
	store, err := storage.Open(storage.Options{Dir: "data", FS: dir, ReserveBytes: -1})
	if err != nil {
		t.Fatal(err)
	}
	n, err := store.Reincarnate(t.Context())
	if err := errors.Join(err, store.Close()); err != nil || n == 0 {
		t.Fatalf("Reincarnate: %d, %v", n, err)
	}
	return dir
}

// TestBackupIsCut: when the store fails half-way, the client does not get the end of a tar.
func TestBackupIsCut(t *testing.T) {
	s := startServer(t, newDisk(), hooks{}, func(o *Options) { o.AdminAddr = "127.0.0.1:0" })
	s.join(t, "d").write("x")
	if status, body := s.admin(t, "/admin/backup", "{}", "text/plain"); status != http.StatusUnsupportedMediaType {
		t.Errorf("a form from a page: got %d %s", status, body)
	}
	s.stop()
	// The store is closed, as it is when it fails.
	w := &brokenAnswer{}
	func() {
		defer func() {
			if p := recover(); p != http.ErrAbortHandler {
				t.Errorf("got %v, want the connection to be cut", p)
			}
		}()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "/admin/backup", bytes.NewReader([]byte("{}")))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", typeJSON)
		s.serveBackup(w, r)
	}()
}

// brokenAnswer is an answer that nobody reads.
type brokenAnswer struct{ header http.Header }

func (b *brokenAnswer) Header() http.Header {
	if b.header == nil {
		b.header = make(http.Header)
	}
	return b.header
}
func (*brokenAnswer) Write(p []byte) (int, error) { return len(p), nil }
func (*brokenAnswer) WriteHeader(int)             {}
