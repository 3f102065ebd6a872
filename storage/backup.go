package storage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/cockroachdb/errors/oserror"
	"github.com/cockroachdb/pebble/v2"
	"github.com/google/uuid"
)

// backupPrefix begins the name of a directory, inside of the data directory, in
// which a backup is put together. It is on the same file system, so that tables
// are linked and not copied. What a crash leaves of it is removed by Open.
const backupPrefix = "backup-"

// Backup calls fn with each file of a consistent copy of the store, while
// appends go on: everything that was durable when Backup was called is in it. fn
// writes the file under its name into one new directory, which is then a data
// directory; r has size bytes and is valid until fn returns. An error of fn ends
// Backup. The copy has a mark of its own, so that a log that is cut short later
// is noticed.
//
// The cost is one flush of the log and the reading of all files. Tables that
// Pebble replaces meanwhile stay on disk until Backup returns.
func (s *Store) Backup(ctx context.Context, fn func(name string, size int64, r io.Reader) error) (err error) {
	if err := s.begin(); err != nil {
		return fmt.Errorf("back up: %w", err)
	}
	defer s.reading.Done()
	fs := s.opts.FS
	dir := fs.PathJoin(s.opts.Dir, backupPrefix+uuid.NewString())
	defer func() {
		if rerr := fs.RemoveAll(dir); rerr != nil && !oserror.IsNotExist(rerr) {
			err = errors.Join(err, fmt.Errorf("remove the linked files: %w", rerr))
		}
	}()
	marked := s.mark.number.Load() // before: the copy has at least that much
	if err := s.db.Checkpoint(dir, pebble.WithFlushedWAL()); err != nil {
		return fmt.Errorf("back up: make a checkpoint: %w", err)
	}
	m, err := openMark(fs, dir, s.id, marked, s.logger)
	if err == nil {
		err = m.close()
	}
	if err != nil {
		return fmt.Errorf("back up: %w", err)
	}
	names, err := fs.List(dir)
	if err != nil {
		return fmt.Errorf("back up: list the files: %w", err)
	}
	for _, name := range names {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("back up: %w", err)
		}
		if err := s.handOut(fs.PathJoin(dir, name), name, fn); err != nil {
			return fmt.Errorf("back up %s: %w", name, err)
		}
	}
	return nil
}

// handOut calls fn with one file.
func (s *Store) handOut(path, name string, fn func(name string, size int64, r io.Reader) error) (err error) {
	f, err := s.opts.FS.Open(path)
	if err != nil {
		return fmt.Errorf("open: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("look at the size: %w", err)
	}
	return fn(name, info.Size(), io.LimitReader(f, info.Size()))
}

// removeBackups removes what was left of backups by a process that died.
func (s *Store) removeBackups() error {
	names, err := s.opts.FS.List(s.opts.Dir)
	if err != nil {
		return fmt.Errorf("list the data directory: %w", err)
	}
	for _, name := range names {
		if !strings.HasPrefix(name, backupPrefix) {
			continue
		}
		if err := s.opts.FS.RemoveAll(s.opts.FS.PathJoin(s.opts.Dir, name)); err != nil {
			return fmt.Errorf("remove an unfinished backup: %w", accessError(err))
		}
	}
	return nil
}

// Reincarnate gives every document a new incarnation, those included that are
// deleted softly. A data directory that was restored from a backup needs it before
// it is served: sequences that were given after the backup will be given again,
// with other content. No document may be open. Returns how many there are;
// damaged ones are left.
func (s *Store) Reincarnate(ctx context.Context) (n int, err error) {
	for _, page := range []func(context.Context, string, int) ([]DocumentInfo, error){s.Documents, s.Deleted} {
		for after := ""; ; {
			list, err := page(ctx, after, maxList)
			if err != nil {
				return n, fmt.Errorf("renew incarnations: %w", err)
			}
			for _, d := range list {
				after = d.Name
				err := s.reincarnate(ctx, d.Name)
				if errors.Is(err, ErrCorruptDocument) {
					continue
				}
				if err != nil {
					return n, fmt.Errorf("renew the incarnation of document %q: %w", d.Name, err)
				}
				n++
			}
			if len(list) < maxList {
				break
			}
		}
	}
	return n, nil
}

func (s *Store) reincarnate(ctx context.Context, name string) error {
	return s.withDocument(ctx, name, func() error {
		meta, err := s.readMeta(name)
		if err != nil {
			return err
		}
		for old := meta.incarnation; meta.incarnation == old; {
			if meta.incarnation, err = newIncarnation(); err != nil {
				return err
			}
		}
		return s.writeMeta(meta)
	})
}
