package main

import (
	"fmt"

	"github.com/weftsync/weft/server"
	"github.com/weftsync/weft/storage"
)

// compactCommand is "weft compact".
type compactCommand struct {
	dataFlag
	historyFlags
	Documents []string `arg:"" optional:"" name:"document" help:"Which to compact; all when none is named."`
}

// Run compacts one document after the other and prints a line for each. A document that cannot be compacted stays as it
// is, the others are compacted, and the exit code says so.
func (c *compactCommand) Run(e *env) error {
	return c.withHistory(c.kept(), func(store *storage.Store) error { return c.compact(e, store) })
}

func (c *compactCommand) compact(e *env, store *storage.Store) (err error) {
	names := c.Documents
	if len(names) == 0 {
		if names, err = allDocuments(e, store); err != nil {
			return err
		}
	}
	failed := 0
	for i, name := range names {
		before, after, err := compactDocument(e, store, name)
		if err != nil {
			failed++
			fmt.Fprintf(e.stderr, "weft: %v\n", err)
			continue
		}
		fmt.Fprintf(e.stdout, "%d/%d %s: %d bytes before, %d after\n", i+1, len(names), name, before, after)
	}
	if len(c.Documents) == 0 {
		if err := store.Rewrite(e.ctx); err != nil {
			return err
		}
	}
	if failed > 0 {
		return fmt.Errorf("%d of %d documents were not compacted, and stay as they are", failed, len(names))
	}
	return nil
}

// compactDocument compacts one document and returns its size before and after.
func compactDocument(e *env, store *storage.Store, name string) (before, after int64, err error) {
	d, err := store.Document(e.ctx, name, false)
	if err != nil {
		return 0, 0, err
	}
	defer d.Close()
	before = d.Info().Bytes
	if _, err := d.Merge(e.ctx, server.MergeLog); err != nil {
		return 0, 0, err
	}
	return before, d.Info().Bytes, nil
}

// allDocuments returns the names of all documents of a store.
func allDocuments(e *env, store *storage.Store) (names []string, err error) {
	for after := ""; ; {
		list, err := store.Documents(e.ctx, after, 0)
		if err != nil {
			return nil, err
		}
		if len(list) == 0 {
			return names, nil
		}
		for _, d := range list {
			after = d.Name
			names = append(names, d.Name)
		}
	}
}
