package main

import (
	"context"

	"github.com/weftsync/weft/crdt"
	"github.com/weftsync/weft/server/history"
	"github.com/weftsync/weft/storage"
)

// load builds a document from its log. Every record that it reads is verified.
func load(ctx context.Context, store *storage.Store, name string) (*crdt.Doc, error) {
	log, err := store.Document(ctx, name, false)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	return history.At(ctx, log, log.Durable())
}
