package main

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/weftsync/weft/storage"
)

// backupCommand is "weft backup".
type backupCommand struct {
	Data  string `default:"data" env:"WEFT_DATA" placeholder:"DIR" help:"Directory that holds the documents, when no server uses it (${default})."`
	Admin string `placeholder:"URL" help:"The admin listener of the server that runs, as http://127.0.0.1:9090, in place of --data."`
	To    string `arg:"" help:"Folder for the backup. It must not be there."`
}

// Help is what --help adds.
func (backupCommand) Help() string {
	return `A backup is a data directory of its own: "weft doc check --data BACKUP" verifies it, "weft restore" brings it back.`
}

// Run writes the files into a folder beside the one that is wanted, and renames that when all of it is on disk.
func (c *backupCommand) Run(e *env) error {
	return whole(c.To, func(dir string) error {
		p := newProgress(e.stderr, "copied files", 0)
		defer p.end()
		put := func(name string, _ int64, r io.Reader) error {
			defer p.step()
			return putFile(dir, name, r)
		}
		if c.Admin != "" {
			return fetchBackup(e.ctx, c.Admin, put)
		}
		data := dataFlag{Data: c.Data}
		return data.with(func(store *storage.Store) error { return store.Backup(e.ctx, put) })
	})
}

// whole has fn fill a folder that appears under its name when all of it is on disk, or not at all.
func whole(path string, fn func(dir string) error) error {
	if _, err := os.Lstat(path); err == nil {
		return fmt.Errorf("%q is there already; name a folder that is not", path)
	}
	part := filepath.Clean(path) + ".part"
	if err := os.RemoveAll(part); err != nil { // of a run that was cut short
		return err
	}
	if err := os.MkdirAll(part, 0o750); err != nil {
		return err
	}
	err := fn(part)
	if err == nil {
		err = syncDir(part)
	}
	if err == nil {
		err = os.Rename(part, path)
	}
	if err != nil {
		return errors.Join(err, os.RemoveAll(part))
	}
	return syncDir(filepath.Dir(filepath.Clean(path)))
}

// putFile writes a file of a backup, and syncs it.
func putFile(dir, name string, r io.Reader) error {
	if name != filepath.Base(name) || strings.HasPrefix(name, ".") {
		return fmt.Errorf("%q is no name of a file of a backup", name)
	}
	f, err := os.OpenFile(filepath.Join(dir, name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o640)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, r)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// syncDir makes the names in a folder durable.
func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// fetchBackup asks a server for a backup and calls put with each file.
func fetchBackup(ctx context.Context, admin string, put func(string, int64, io.Reader) error) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(admin, "/")+"/admin/backup", strings.NewReader("{}"))
	if err != nil {
		return fmt.Errorf("ask for a backup: %w", err)
	}
	r.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return fmt.Errorf("ask for a backup: %w", err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		reason, _ := io.ReadAll(io.LimitReader(answer.Body, 1<<10)) // what can be read of it
		return fmt.Errorf("ask for a backup: %s: %s", answer.Status, strings.TrimSpace(string(reason)))
	}
	archive := tar.NewReader(answer.Body)
	for {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("read the backup: %w", err)
		}
		if err := put(h.Name, h.Size, archive); err != nil {
			return fmt.Errorf("write the backup: %w", err)
		}
	}
	// A server that fails cuts the connection: then this is where it shows, if not before.
	if _, err := io.Copy(io.Discard, answer.Body); err != nil {
		return fmt.Errorf("read the backup: %w", err)
	}
	return nil
}

// restoreCommand is "weft restore".
type restoreCommand struct {
	Data string `default:"data" env:"WEFT_DATA" placeholder:"DIR" help:"Data directory to make. It must not be there (${default})."`
	From string `arg:"" help:"Folder that weft backup wrote."`
}

// Help is what --help adds.
func (restoreCommand) Help() string {
	return `Documents keep their lineage: an editor that is ahead of the backup brings what it has back by merging. Readers begin anew.`
}

// Run copies a backup, verifies that it opens, and makes it ready to be served.
func (c *restoreCommand) Run(e *env) error {
	if existing(c.From) != nil {
		return fmt.Errorf("there is no backup %q", c.From)
	}
	n := 0
	err := whole(c.Data, func(dir string) error {
		files, err := os.ReadDir(c.From)
		if err != nil {
			return err
		}
		p := newProgress(e.stderr, "copied files", len(files))
		defer p.end()
		for _, file := range files {
			if err := e.ctx.Err(); err != nil {
				return err
			}
			if !file.Type().IsRegular() || file.Name() == "LOCK" {
				continue
			}
			if err := copyFile(dir, filepath.Join(c.From, file.Name())); err != nil {
				return err
			}
			p.step()
		}
		store, err := storage.Open(storage.Options{Dir: dir, Logger: discard})
		if err != nil {
			return explain(err, c.From)
		}
		n, err = store.Reincarnate(e.ctx)
		return errors.Join(err, store.Close())
	})
	if err == nil {
		_, err = fmt.Fprintf(e.stdout, "%d documents are in %s\n", n, c.Data)
	}
	return err
}

// copyFile copies a file of a backup.
func copyFile(dir, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(putFile(dir, filepath.Base(path), f), f.Close())
}
