package main

import (
	"context"
	"fmt"
	"math"

	"github.com/weftsync/weft/crdt"
	"github.com/weftsync/weft/storage"
)

// newDocument returns an empty document for what the server has stored, or an operator brings: without the limits that
// protect a server from its peers.
func newDocument() *crdt.Doc {
	const all = math.MaxInt32
	return crdt.New(crdt.Options{
		KeepMarks: true,
		Limits:    crdt.Limits{Structs: all, Clients: all, PendingStructs: all, PendingBytes: all, PendingDeletes: all},
	})
}

// load builds a document from its log. Every record of it is verified.
func load(ctx context.Context, store *storage.Store, name string) (doc *crdt.Doc, err error) {
	log, err := store.Document(ctx, name, false)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	doc = newDocument()
	err = log.Load(ctx, 0, func(entry storage.Entry) error { return apply(doc, name, entry) })
	if err != nil {
		return nil, err
	}
	return doc, nil
}

// apply applies an entry of a log. The engine has its tests; if it fails all the same, that document cannot be loaded.
func apply(doc *crdt.Doc, name string, entry storage.Entry) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &storage.CorruptError{Document: name, Seq: entry.Seq, Reason: fmt.Sprintf("the engine failed: %v", p)}
		}
	}()
	if _, err := doc.ApplyUpdate(entry.Update); err != nil {
		return &storage.CorruptError{Document: name, Seq: entry.Seq, Reason: err.Error()}
	}
	return nil
}
