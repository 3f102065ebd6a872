// Package storage keeps the updates of many documents in one Pebble log and
// says, for each document, up to which sequence they are on disk.
//
// Updates are opaque bytes. A [Store] is one data directory, open in one
// process. A [Document] is a handle on one document in it:
//
//	store, err := storage.Open(storage.Options{Dir: "data"})
//	doc, err := store.Document(ctx, "notes", true)
//	doc.OnDurable(func(seq uint64) { /* acknowledge up to seq */ })
//	seq, err := doc.Append(storage.Entry{User: "ada", Update: update})
//
// Append gives the entry its sequence and returns; it does not wait for the
// disk. Entries that wait for the disk at the same time, of one document or of
// many, share one fsync. When it is done the document's durable sequence
// advances and the callback of [Document.OnDurable] runs. Nothing may be
// acknowledged, or shown to anybody, before that: [Document.Load] itself never
// returns what is not durable.
//
// # When the disk fails
//
// An fsync that fails is never repeated, because the operating system may have
// dropped the pages that it could not write. Nothing that was waiting becomes
// durable, [Options.Fatal] is called once, every later append fails with
// [ErrFailed], and by default the process ends with [ExitSyncFailed].
//
// # What is checked
//
// Each record carries a checksum, its document and its sequence. A record that
// does not verify, or a hole in the sequences, makes that document fail with
// [CorruptError] while the others are served. Damage to the write-ahead log or
// to the manifest makes [Open] fail, and changes nothing on disk. FORMAT.md in
// this directory describes each key, each byte, and what each kind of damage
// leads to.
package storage
