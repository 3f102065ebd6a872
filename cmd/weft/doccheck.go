package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/weftsync/weft/crdt"
	"github.com/weftsync/weft/storage"
)

// docCheck is "weft doc check".
type docCheck struct {
	dataFlag
	Documents []string `arg:"" optional:"" name:"document" help:"Which to check; all when none is named."`
}

// Run reads every record that a document can be loaded from, and builds the document.
func (c *docCheck) Run(e *env) error {
	return c.with(func(store *storage.Store) error {
		return each(e, store, c.Documents, "checked", func(name string) error {
			doc, err := load(e.ctx, store, name)
			if err != nil {
				return err
			}
			if err := doc.Check(); err != nil {
				return fmt.Errorf("the document is not consistent: %w", err)
			}
			return oldRecords(e.ctx, store, name)
		})
	})
}

// oldRecords verifies what a document is not loaded from: the snapshots and entries before the newest snapshot, its versions and
// its history setting, and what is known of dead lineages of the name. A digest is a cache and is not asked for.
func oldRecords(ctx context.Context, store *storage.Store, name string) error {
	log, err := store.Document(ctx, name, false)
	if err != nil {
		return err
	}
	defer log.Close()
	_, versions := log.Versions(ctx)
	_, history := log.History()
	_, retired := store.Retired(ctx, name)
	return errors.Join(log.Verify(ctx), versions, history, retired)
}

// docStats is "weft doc stats".
type docStats struct {
	dataFlag
	JSON      bool     `name:"json" help:"One JSON object a line."`
	Documents []string `arg:"" optional:"" name:"document" help:"Which to describe; all when none is named."`
}

// figures are what is said of a document.
type figures struct {
	Name string `json:"name"`

	Entries       int64 `json:"log_entries"`
	LogBytes      int64 `json:"log_bytes"`
	SnapshotBytes int64 `json:"snapshot_bytes"`
	StoredBytes   int64 `json:"snapshot_stored_bytes"`

	StateBytes   int   `json:"state_bytes"`
	V2Bytes      int   `json:"state_v2_bytes"`
	ContentBytes int   `json:"content_bytes"`
	Clients      int   `json:"clients"`
	Structs      int   `json:"structs"`
	Live         int64 `json:"live_units"`
	Deleted      int64 `json:"deleted_units"`
	Pending      int   `json:"pending_structs"`

	Why string `json:"why"`
}

// Run prints the figures of each document.
func (c *docStats) Run(e *env) error {
	return c.with(func(store *storage.Store) error {
		return each(e, store, c.Documents, "described", func(name string) error {
			f, err := measure(e.ctx, store, name)
			if err != nil {
				return err
			}
			if c.JSON {
				return printJSON(e.stdout, f)
			}
			_, err = fmt.Fprintf(e.stdout, `%s
  log        %d entries, %d bytes since the snapshot
  snapshot   %d bytes, %d on disk
  state      %d bytes as V1, %d as V2; %d bytes of JSON
  made of    %d structs by %d clients; %d units live, %d deleted; %d structs wait
  %s
`, f.Name, f.Entries, f.LogBytes, f.SnapshotBytes, f.StoredBytes, f.StateBytes, f.V2Bytes, f.ContentBytes,
				f.Structs, f.Clients, f.Live, f.Deleted, f.Pending, f.Why)
			return err
		})
	})
}

// measure builds a document and counts.
func measure(ctx context.Context, store *storage.Store, name string) (f figures, err error) {
	log, err := store.Document(ctx, name, false)
	if err != nil {
		return f, err
	}
	info := log.Info()
	log.Close()
	doc, err := load(ctx, store, name)
	if err != nil {
		return f, err
	}
	v1, err := doc.EncodeStateAsUpdate(nil)
	if err != nil {
		return f, err
	}
	v2, err := doc.EncodeStateAsUpdateV2(nil)
	if err != nil {
		return f, err
	}
	contents, err := crdt.ContentsOfUpdate(v1)
	if err != nil {
		return f, err
	}
	all, deleted := units(contents.Inserts), units(contents.Deletes)
	stats := doc.Stats()
	f = figures{
		Name: name, Entries: info.LogEntries, LogBytes: info.LogBytes,
		SnapshotBytes: info.Bytes - info.LogBytes, StoredBytes: info.StoredBytes,
		StateBytes: len(v1), V2Bytes: len(v2), ContentBytes: len(doc.JSON()),
		Clients: stats.Clients, Structs: stats.Structs, Live: max(0, all-deleted), Deleted: deleted, Pending: stats.Pending,
	}
	f.Why = f.reason()
	return f, nil
}

// units adds up ranges: a unit is a UTF-16 code unit, an element, or an operation of another kind.
func units(ranges crdt.ClockRanges) (n int64) {
	for _, list := range ranges {
		for _, r := range list {
			n += int64(r.Len)
		}
	}
	return n
}

// reason says what makes a document as large as it is: the first of the causes that is most of it.
func (f figures) reason() string {
	size := f.LogBytes + f.SnapshotBytes
	overhead := int64(f.StateBytes - f.ContentBytes)
	switch {
	case size < 4<<10:
		return "it is small"
	case f.LogBytes > 2*int64(f.StateBytes) && f.Entries > 1:
		return fmt.Sprintf("most of it is log: compaction would leave %d of %d bytes", f.StateBytes, size)
	case f.Pending > f.Structs/2:
		return fmt.Sprintf("%d of its %d structs wait for others that never came", f.Pending, f.Structs)
	case overhead < int64(f.ContentBytes):
		return "it is its content"
	case f.Deleted > 4*f.Live:
		return fmt.Sprintf("%d %% of what was ever in it is deleted; what is left of that is ids", 100*f.Deleted/max(1, f.Live+f.Deleted))
	case int64(f.Structs)*4 > f.Live+f.Deleted:
		return fmt.Sprintf("it was edited in small pieces: %d structs for %d units", f.Structs, f.Live+f.Deleted)
	}
	return "it is what its structure costs: marks, attributes and keys"
}
