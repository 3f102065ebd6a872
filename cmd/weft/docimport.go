package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/weftsync/weft/cmd/weft/foreign"
	"github.com/weftsync/weft/crdt"
	"github.com/weftsync/weft/storage"
)

// docImport is "weft doc import".
type docImport struct {
	Data   string `default:"data" env:"WEFT_DATA" placeholder:"DIR" help:"Directory that holds the documents; no server may use it. It is made when missing (${default})."`
	V2     bool   `name:"v2" help:"The files of a folder are updates of format V2."`
	Merge  bool   `help:"Merge into documents that exist, as an editor does that comes back. Without it those are left as they are, and counted as failed."`
	Prefix string `placeholder:"TEXT" help:"Put this before each name."`
	Limit  int64  `default:"0" placeholder:"BYTES" help:"Do not read a document of more bytes; 0 is 256 MiB."`
	Source string `arg:"" help:"A folder of updates, or one file; a SQLite file of Hocuspocus; a directory of y-leveldb. Which it is, is seen from the content."`
}

// Run imports one document after the other. Each is decoded first and then written as one entry: it is there whole, or not.
func (c *docImport) Run(e *env) (err error) {
	limit := c.Limit
	if limit <= 0 || limit > storage.MaxUpdateBytes {
		limit = storage.MaxUpdateBytes
	}
	source, err := foreign.Open(c.Source, limit)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, source.Close()) }()
	n, err := source.Count()
	if err != nil {
		return err
	}
	store, err := openStore(c.Data, storage.History{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	p := newProgress(e.stderr, "imported", n)
	defer p.end()
	failed := 0
	err = source.Each(func(d foreign.Document) error {
		if err := e.ctx.Err(); err != nil {
			return err
		}
		if err := c.take(e.ctx, store, d); err != nil {
			failed++
			p.say(fmt.Sprintf("weft: %s: %v", c.Prefix+d.Name, err))
			if errors.Is(err, storage.ErrFailed) || errors.Is(err, storage.ErrNoSpace) {
				return err
			}
		}
		p.step()
		return nil
	})
	if err == nil && failed > 0 {
		err = fmt.Errorf("%d of %d documents were not imported", failed, n)
	}
	return err
}

// take takes in one document.
func (c *docImport) take(ctx context.Context, store *storage.Store, d foreign.Document) error {
	if d.Err != nil {
		return d.Err
	}
	name := c.Prefix + d.Name
	if err := storage.CheckName(name); err != nil {
		return err
	}
	update, err := decode(d.Updates, c.V2)
	if err != nil {
		return err
	}
	log, err := store.Document(ctx, name, true)
	if err != nil {
		return err
	}
	defer log.Close()
	if log.Last() > 0 {
		if !c.Merge {
			return errors.New("it exists already; --merge merges into it")
		}
		if update, err = missing(ctx, store, name, update); err != nil || update == nil {
			return err
		}
	}
	return appendDurably(ctx, log, storage.Entry{User: "weft doc import", Update: update})
}

// decode builds the document of some updates, which verifies them, and returns all of it as one update.
func decode(updates [][]byte, v2 bool) (update []byte, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the engine failed on it: %v", p)
		}
	}()
	doc := crdt.New(crdt.Options{KeepMarks: true, Limits: crdt.TrustedLimits()}) // an operator's own
	for i, u := range updates {
		if v2 {
			_, err = doc.ApplyUpdateV2(u)
		} else {
			_, err = doc.ApplyUpdate(u)
		}
		if err != nil {
			return nil, fmt.Errorf("update %d of %d is none: %w", i+1, len(updates), err)
		}
	}
	return doc.EncodeStateAsUpdate(nil)
}

// missing returns what a document lacks of an update, nil for nothing.
func missing(ctx context.Context, store *storage.Store, name string, update []byte) ([]byte, error) {
	doc, err := load(ctx, store, name)
	if err != nil {
		return nil, err
	}
	before := doc.Snapshot()
	if _, err := doc.ApplyUpdate(update); err != nil {
		return nil, fmt.Errorf("merge: %w", err)
	}
	if doc.Snapshot().Equal(before) && doc.Stats().Pending == 0 {
		return nil, nil
	}
	return update, nil
}

// appendDurably appends an entry and waits until it is on disk.
func appendDurably(ctx context.Context, log *storage.Document, entry storage.Entry) error {
	if len(entry.Update) == 0 {
		return errors.New("there is nothing to write")
	}
	moved := make(chan struct{}, 1)
	log.OnDurable(func(uint64) {
		select {
		case moved <- struct{}{}:
		default:
		}
	})
	seq, err := log.Append(entry)
	if err != nil {
		return err
	}
	for log.Durable() < seq {
		select {
		case <-moved:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}
