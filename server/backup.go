package server

import (
	"archive/tar"
	"fmt"
	"io"
	"net/http"
	"time"
)

// typeTar is the media type of a backup.
const typeTar = "application/x-tar"

// backupWriteWithin is how long a client may take to read a part of a backup. What it does not read holds old tables on
// the disk.
const backupWriteWithin = time.Minute

// serveBackup serves POST /admin/backup: the files of a consistent copy of the data directory, as a tar, while documents
// are edited. The answer ends with the end of the tar, or the connection is cut: half a backup is never taken for one.
func (s *Server) serveBackup(w http.ResponseWriter, r *http.Request) {
	if !readAdmin(w, r, &struct{}{}) {
		return
	}
	began := time.Now()
	w.Header().Set("Content-Type", typeTar)
	out := tar.NewWriter(&deadlineWriter{w: w, control: http.NewResponseController(w)})
	files, bytes := 0, int64(0)
	err := s.store.Backup(r.Context(), func(name string, size int64, from io.Reader) error {
		files++
		bytes += size
		header := tar.Header{Typeflag: tar.TypeReg, Name: name, Size: size, Mode: 0o640, ModTime: began, Format: tar.FormatPAX}
		if err := out.WriteHeader(&header); err != nil {
			return fmt.Errorf("send the file's header: %w", err)
		}
		if _, err := io.Copy(out, from); err != nil {
			return fmt.Errorf("send the file: %w", err)
		}
		return nil
	})
	if err == nil {
		err = out.Close()
	}
	if err != nil {
		s.log.Error("back up", "files", files, "error", err)
		panic(http.ErrAbortHandler) // the client has to see that this is not all
	}
	s.log.Info("backed up", "files", files, "bytes", bytes, "took", time.Since(began))
}

// deadlineWriter gives each write a deadline of its own.
type deadlineWriter struct {
	w       io.Writer
	control *http.ResponseController
}

// Write writes within backupWriteWithin.
func (d *deadlineWriter) Write(p []byte) (int, error) {
	if err := d.control.SetWriteDeadline(time.Now().Add(backupWriteWithin)); err != nil {
		return 0, fmt.Errorf("set a deadline: %w", err)
	}
	return d.w.Write(p)
}
