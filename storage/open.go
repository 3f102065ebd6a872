package storage

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/cockroachdb/pebble/v2"
	"github.com/google/uuid"
)

// Open opens the data directory, creating it when it is missing.
//
// It fails with [ErrInUse], [ErrReadOnlyDir], [ErrNewerFormat] or [ErrCorrupt].
// In the last two cases it has changed nothing in the directory: the log and the
// manifest are verified before Pebble may write, at the cost of reading the log
// twice (a few MiB).
func Open(o Options) (*Store, error) {
	if o.Dir == "" {
		return nil, errors.New("open storage: no data directory given")
	}
	s, err := open(o, func(db *pebble.DB) batchLog { return pebbleLog{db} })
	if err != nil {
		return nil, fmt.Errorf("open storage in %s: %w", o.Dir, err)
	}
	return s, nil
}

// open is Open with another way to the log: a test takes the fsync away.
func open(o Options, newLog func(*pebble.DB) batchLog) (*Store, error) {
	osFS := o.FS == nil
	o = o.withDefaults()
	if osFS {
		// Pebble knows the directories that this process has locked by their path.
		abs, err := realPath(o.Dir)
		if err != nil {
			return nil, err
		}
		o.Dir = abs
	}
	s := &Store{opts: o, logger: o.Logger, newLog: newLog, docs: make(map[string]*docState)}
	s.failure = newFailure(o.Fatal)
	if err := o.FS.MkdirAll(o.Dir, 0o750); err != nil {
		return nil, fmt.Errorf("make the data directory: %w", accessError(err))
	}
	lock, err := pebble.LockDirectory(o.Dir, o.FS)
	if err != nil {
		return nil, lockError(err)
	}
	s.lock = lock
	if err := s.openLocked(osFS); err != nil {
		return nil, errors.Join(err, s.lock.Close())
	}
	return s, nil
}

// openLocked does what comes after the lock: look, check, open, start.
func (s *Store) openLocked(osFS bool) error {
	found, err := s.inspect()
	if err != nil {
		return err
	}
	if found.exists {
		if err := s.verify(found); err != nil {
			return err
		}
	}
	options := s.pebbleOptions()
	options.FS = pebbleFS{options.FS, s.opts.Dir, s.failure.set}
	if s.db, err = openPebble(s.opts.Dir, options, osFS); err != nil {
		return err
	}
	if !found.exists {
		// A new database writes its first log in Pebble's oldest format, in which
		// damage is not detected: open it again, with a new log.
		if err := s.db.Close(); err != nil {
			return fmt.Errorf("close the new database: %w", err)
		}
		if s.db, err = openPebble(s.opts.Dir, options, osFS); err != nil {
			return err
		}
	}
	if err := s.start(); err != nil {
		return errors.Join(err, s.db.Close())
	}
	return nil
}

// openPebble opens the database; Pebble keeps the options, so each gets a copy.
// With watch it looks for disk operations that are slow.
func openPebble(dir string, options *pebble.Options, watch bool) (*pebble.DB, error) {
	options = options.Clone()
	if watch {
		options.WithFSDefaults()
	}
	db, err := pebble.Open(dir, options)
	if err != nil {
		return nil, fmt.Errorf("open the database: %w", openError(err))
	}
	return db, nil
}

// start reads or makes the store's own records, and starts the goroutines.
func (s *Store) start() error {
	format, err := readFormat(s.db)
	if errors.Is(err, ErrNotFound) {
		format, err = s.create()
	}
	if err != nil {
		return err
	}
	s.id = format.store
	number, err := readLogMark(s.db)
	if err != nil {
		return err
	}
	if s.mark, err = openMark(s.opts.FS, s.opts.Dir, s.id, number, s.logger); err != nil {
		return accessError(err)
	}
	if err := s.failure.get(); err != nil {
		return errors.Join(err, s.mark.close())
	}
	if err := s.removeBackups(); err != nil {
		return errors.Join(err, s.mark.close())
	}
	s.space = newSpaceWatch(s.opts)
	s.pipeline = newPipeline(s, s.newLog(s.db), number)
	return nil
}

// create writes the record that makes the database ours.
func (s *Store) create() (formatRecord, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return formatRecord{}, fmt.Errorf("make an id for the store: %w", err)
	}
	format := formatRecord{store: id, created: s.opts.Now()}
	if err := s.db.Set(formatKey, format.encode(), pebble.Sync); err != nil {
		return formatRecord{}, fmt.Errorf("write the store's record: %w", err)
	}
	return format, nil
}

// inspection is what lies in the directory before anything was changed.
type inspection struct {
	exists   bool   // a database is there
	manifest string // its manifest
	store    uuid.UUID
	mark     uint64
	marked   bool // store and mark were read from the mark's file
}

// inspect looks at the directory without changing it.
func (s *Store) inspect() (found inspection, err error) {
	fs, dir := s.opts.FS, s.opts.Dir
	desc, err := pebble.Peek(dir, fs)
	if err != nil {
		return found, fmt.Errorf("look at the database: %w", openError(err))
	}
	found.exists, found.manifest = desc.Exists, desc.ManifestFilename
	found.store, found.mark, found.marked, err = readMark(fs, dir)
	if err != nil || found.exists {
		return found, err
	}
	// Without the marker that names the manifest Pebble would make a new database
	// and remove the files that do not belong to it.
	names, err := fs.List(dir)
	if err != nil {
		return found, fmt.Errorf("list the data directory: %w", err)
	}
	for _, name := range names {
		if strings.HasSuffix(name, ".sst") || strings.HasSuffix(name, ".log") || found.marked {
			return found, fmt.Errorf("%w: there are files of a database (%s), but nothing says which manifest is current",
				ErrCorrupt, name)
		}
	}
	return found, nil
}

// verify opens the database read-only, which reads the log into memory and
// writes nothing, and compares it with the mark.
func (s *Store) verify(found inspection) (err error) {
	if err := checkManifest(s.opts.FS, found.manifest); err != nil {
		return err
	}
	options := s.pebbleOptions()
	options.ReadOnly = true
	db, err := openPebble(s.opts.Dir, options, false)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	format, err := readFormat(db)
	if errors.Is(err, ErrNotFound) {
		return s.verifyUnborn(db, found)
	}
	if err != nil {
		return err
	}
	number, err := readLogMark(db)
	if err != nil {
		return err
	}
	if found.marked && found.store == format.store && number < found.mark {
		return fmt.Errorf("%w: the log ends at group %d of entries, but group %d was on disk: "+
			"acknowledged entries are missing. Restore a backup; or, to go on without them, remove the file %s",
			ErrCorrupt, number, found.mark, markFileName)
	}
	return nil
}

// verifyUnborn accepts a database without our record only when there is nothing
// in it: its creation was interrupted.
func (s *Store) verifyUnborn(db *pebble.DB, found inspection) (err error) {
	it, err := db.NewIter(nil)
	if err != nil {
		return fmt.Errorf("read the database: %w", openError(err))
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	if it.First() || found.marked {
		return fmt.Errorf("%w: it holds data, but not the record that says which format it has", ErrCorrupt)
	}
	return it.Error()
}

func readFormat(db *pebble.DB) (formatRecord, error) {
	value, err := getFrom(db, formatKey)
	if err != nil {
		if errors.Is(err, ErrNotFound) {
			return formatRecord{}, err
		}
		return formatRecord{}, fmt.Errorf("read the store's record: %w", openError(err))
	}
	format, err := decodeFormat(value)
	if errors.Is(err, errNewerRecord) {
		return format, fmt.Errorf("%w: %w", ErrNewerFormat, err)
	}
	if err != nil {
		return format, fmt.Errorf("%w: the store's record: %w", ErrCorrupt, err)
	}
	return format, nil
}

// readLogMark returns the number of the last group in the log, 0 for none.
func readLogMark(db *pebble.DB) (uint64, error) {
	value, err := getFrom(db, markKey)
	if errors.Is(err, ErrNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("read the number of the last group: %w", openError(err))
	}
	number, err := decodeMark(value)
	if err != nil {
		return 0, fmt.Errorf("%w: the number of the last group: %w", ErrCorrupt, err)
	}
	return number, nil
}

// realPath makes dir absolute and resolves links as far as it exists.
func realPath(dir string) (string, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("find the data directory: %w", err)
	}
	resolved, err := filepath.EvalSymlinks(abs)
	switch {
	case err == nil:
		return resolved, nil
	case errors.Is(err, fs.ErrNotExist):
		return abs, nil
	}
	return "", fmt.Errorf("find the data directory: %w", err)
}

// lockError tells a directory in use from one that cannot be written. To create
// the lock file fails with a path; the lock itself fails with a bare number, and
// inside of one process with a text.
func lockError(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return fmt.Errorf("lock the data directory: %w", accessError(err))
	}
	if errors.Is(err, syscall.EAGAIN) || errors.Is(err, syscall.EACCES) ||
		strings.Contains(err.Error(), "held by current process") {
		return ErrInUse
	}
	return fmt.Errorf("lock the data directory: %w", accessError(err))
}

// accessError adds ErrReadOnlyDir to an error that means it.
func accessError(err error) error {
	if errors.Is(err, syscall.EROFS) || errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("%w: %w", ErrReadOnlyDir, err)
	}
	return err
}

// openError adds to an error of Pebble what it means to our callers.
func openError(err error) error {
	switch {
	case pebble.IsCorruptionError(err), errors.Is(err, pebble.ErrDBNotPristine):
		return fmt.Errorf("%w: %w", ErrCorrupt, err)
	case strings.Contains(err.Error(), "unknown format major version"):
		return fmt.Errorf("%w: %w", ErrNewerFormat, err)
	}
	return accessError(err)
}
