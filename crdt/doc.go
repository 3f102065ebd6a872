// Package crdt is weft's engine: a sequence CRDT with text, array, map and XML
// types, compatible with Yjs 13.6 to the byte. What a Yjs client sends is
// decoded, integrated, kept and encoded again without loss, and what the
// package encodes any Yjs client reads.
//
// A Doc holds shared types by name. They are read at any time and changed
// inside a transaction, which becomes one update for the other replicas:
//
//	doc := crdt.New(crdt.Options{})
//	text := doc.Text("content")
//	update, err := doc.Update(func(tx *crdt.Tx) error {
//		return text.Insert(tx, 0, "hello")
//	})
//
// The other side applies it, in any order and as often as it likes:
//
//	applied, err := other.ApplyUpdate(update)
//
// # Shared types
//
// A root is asked for by name and kind: [Doc.Text], [Doc.Array], [Doc.Map],
// [Doc.XMLFragment], or [Doc.Get] for a kind that is known only at run time. Roots
// exist as soon as anybody names them; updates carry names and not kinds, so
// all programs have to agree on them. [Doc.Roots], [Doc.RootKind] and [Doc.RootJSON]
// read a document without knowing.
//
//   - [Text] is a sequence of characters with formatting attributes, and objects
//     embedded among them.
//   - [Array] is a sequence of values and of other shared types.
//   - [Map] is values and shared types by key.
//   - [XMLFragment], [XMLElement], [XMLText] and [XMLHook] make a tree, in which editors
//     of rich text keep their documents.
//
// Types nest. What lies in another type is read from there, as a [Type] that a
// type switch tells apart; [Type.Parent] leads back. One shared type has one
// handle, so handles compare with ==.
//
// # Edits
//
// Edits take the [Tx] of the transaction under way, and reads inside it see them.
// An edit that is refused returns an error that says what and where, wraps
// [ErrIndex], [ErrValue], [ErrKind], [ErrGone] or [ErrTransaction], and changes nothing;
// but what the transaction did before it stays done.
//
// Values are what JavaScript has: nil, booleans, numbers, strings, []byte,
// []any, map[string]any or, where the order of keys matters, [Object]; and
// [Undefined] and [BigInt] in maps. They are copied when they are written. They are
// read as float64, [Object] and so on, and are the caller's. A value is replaced
// whole; what several people shall edit at once has to be a shared type.
//
// A shared type is inserted with its content, described by a [Prelim]:
//
//	board.Push(tx, crdt.NewMap(map[string]any{"title": "todo", "cards": crdt.NewArray()}))
//
// or empty, by methods such as [Map.SetText], which return it. [Type.Clone] returns
// a copy as a [Prelim]: that is how content moves to another place.
//
// # Updates
//
// What a transaction did is one update: a few bytes that say what was inserted
// and deleted. Updates may be applied in any order and repeatedly, and all
// replicas that have seen the same updates are equal. A replica that was away
// sends its state vector ([Doc.EncodeStateVector]), and gets what it lacks
// ([Doc.EncodeStateAsUpdate]). [Doc.OnUpdate] hears of every update.
//
// [MergeUpdates], [DiffUpdate], [StateVectorFromUpdate] and the conversions between
// the two formats V1 and V2 work on updates without a document, for stores and
// relays. [IndexUpdate] is for one that many lack a part of.
//
// The way of an update is seven steps, each in a file of its own: decode,
// check, queue what is missing, cut runs, integrate (YATA), delete, commit.
// Checking changes nothing: an update is applied whole or refused whole, with
// an *[UpdateError] that names the offset and the reason. No input makes the
// package panic. [Limits] bound what an update may cost.
//
// # Following a document
//
// [Type.Observe] and [Type.ObserveDeep] report changes as deltas and keys,
// [Text.OnSplice] as splices, [Doc.OnTransaction] and [Doc.OnSubdocs] what happens to
// the document. An [UndoManager] takes back edits, by default those made here. A
// [RelativePosition] is a place in a text or a list that stays where it is while
// others edit; cursors are sent as such.
//
// # Units
//
// Indexes and lengths of text count UTF-16 code units, as they do in Yjs, in
// browsers and on the wire; those of arrays and XML count elements. Strings
// are UTF-8. A lone surrogate, which JavaScript strings may hold and UTF-8 may
// not, is accepted in its three-byte form and read back as U+FFFD.
//
// # Concurrency
//
// A Doc is not safe for concurrent use. It holds no locks, so any of its
// methods may be called from inside a transaction or a callback.
package crdt

import (
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
)

// Options configure a Doc. The zero value is ready for use.
type Options struct {
	// ClientID identifies this replica in every operation it makes, from 1 to
	// 2^53-1. No two replicas may use one at the same time. 0 chooses one at
	// random.
	ClientID uint64

	// KeepDeleted keeps deleted content instead of collecting it (Yjs: gc false).
	KeepDeleted bool

	// KeepMarks keeps formatting marks that have no effect. Concurrent
	// formatting leaves some; Yjs deletes them after an update from elsewhere in
	// every text whose type it knows, which is an edit of its own.
	KeepMarks bool

	// GUID, CollectionID, Meta and AutoLoad describe the document to others, for
	// instance as a subdocument of another one, see Doc.Subdoc. The engine does
	// nothing with them. An empty GUID chooses one at random when it is asked for.
	GUID         string
	CollectionID string
	Meta         any
	AutoLoad     bool

	// CollectFilter, if it is set, is asked of each deleted item before it is
	// collected; false keeps its content (Yjs: gcFilter). An item is asked of
	// once, at the end of the transaction that deletes it. What is in a type that
	// is collected goes with it, unasked. The filter must not change the document,
	// nor depend on where an item begins and ends: runs may be cut elsewhere than
	// in Yjs.
	CollectFilter func(Item) bool

	Limits Limits
}

// Doc is a document: shared types by name, and the history that lets replicas
// merge. It is not safe for concurrent use.
type Doc struct {
	slab
	arenas
	nodes

	clients     []client // by number; 0 is none
	arrived     uint32   // clients that have structs
	clientIndex map[uint64]uint32
	recent      [recentClients]recentClient

	keyNames   []string // by number; 0 is none
	keyNumbers map[string]uint32

	branches  []*branch // by handle; 0 is none
	deepest   int       // of all branches that ever were, see branch.depth
	roots     map[string]*branch
	rootNames []string // in order of creation

	redone  map[ref]id     // where items were brought back that an UndoManager had to
	objects map[ref]uint64 // identities of objects in format items, see attr

	pending        pendingStructs
	pendingDeletes pendingDeletes

	identity identity

	self        uint64 // our client id
	selfNumber  uint32 // its number, 0 until it has one
	keepDeleted bool
	keepsSome   bool // deleted content may be kept: all, by a filter, or for undoing
	keepMarks   bool
	collectable func(Item) bool // nil: everything is
	limits      Limits

	tx      Tx     // reused for every transaction that no other one caused
	current *Tx    // the transaction under way, nil if none is
	queue   []*Tx  // those that have not ended, in order
	ended   int    // how many of the queue have ended
	stamp   uint32 // of the transaction begun last

	listeners *listeners // nil if there never was one
	observed  int        // observers of types
	subdocs   []subdocChange
	loaded    map[id]bool // subdocuments that asked to be loaded

	orders
	landmarkGap int  // see the constant
	tryAll      bool // try all that waits, as Yjs does, whatever is freed

	// Kept for reuse.
	in        decoded
	order     []int
	stack     []ref
	seen      scanned
	sorted    []uint32
	scratch   []byte     // of encode
	encodings *encodings // of the state as it is, nil if it was not asked for

	spare []byte // block that updates are cut from, see hand
	wtf8  []byte // of writeContent
}

// New returns an empty document.
func New(o Options) *Doc {
	d := &Doc{
		clients:     make([]client, 1),
		clientIndex: map[uint64]uint32{},
		keyNames:    make([]string, 1),
		keyNumbers:  map[string]uint32{},
		branches:    make([]*branch, 1),
		roots:       map[string]*branch{},
		identity:    identity{o.GUID, o.CollectionID, o.Meta, o.AutoLoad},
		self:        o.ClientID,
		keepDeleted: o.KeepDeleted,
		keepMarks:   o.KeepMarks,
		collectable: o.CollectFilter,
		limits:      o.Limits.withDefaults(),
	}
	if d.self == 0 {
		d.self = randomClientID()
	}
	d.shortScan, d.landmarkGap = shortScan, landmarkGap
	d.tx.d = d
	d.keepsSome = d.keepDeleted || d.collectable != nil
	return d
}

// randomClientID returns a client id as Yjs chooses them: 32 random bits.
func randomClientID() uint64 { return uint64(rand.Uint32N(1<<32-1)) + 1 }

// ClientID returns the id under which local operations are made. It changes if
// an update shows that another replica uses the same one.
func (d *Doc) ClientID() uint64 { return d.self }

// ErrTransaction is returned when an update is applied, or a type is changed,
// in a way that does not fit the transaction under way: an edit with a Tx that
// has ended or belongs to another document, an update applied inside a
// transaction.
var ErrTransaction = errors.New("crdt: not possible in this transaction")

// Applied says what an update did.
type Applied struct {
	// Changed reports whether the update held anything that was not known
	// before: integrated, deleted, or waiting for what it depends on.
	Changed bool

	// Update is what was new, as a V1 update that can be logged and sent on;
	// nil if nothing was, and with WithoutUpdate. It is the slice given to ApplyUpdate if all of it was
	// new or part of it waits.
	Update []byte

	// Waiting reports whether part of the update waits for operations that are
	// not known yet. It is kept and part of the encoded state.
	Waiting bool

	// Authored is what this document did in consequence, as a V1 update that is
	// to be logged and sent on like a local edit: what observers edited, and the
	// marks without effect that were deleted from texts. nil if nothing.
	Authored []byte

	// Roots names the root types whose content changed at any depth. The slice
	// is valid until the next transaction.
	Roots []string
}

// ApplyUpdate applies a V1 update: whole, or not at all with an *UpdateError.
// Updates may come in any order and repeatedly; what depends on operations
// that are missing waits for them. The document keeps no reference to update.
// An observer may apply one; inside a transaction the error is ErrTransaction.
//
// The cost is linear in the update but for concurrent insertions at one place,
// where it is that of YATA's conflict scan.
func (d *Doc) ApplyUpdate(update []byte, opts ...TxOption) (Applied, error) {
	return d.apply(v1, update, opts)
}

// ApplyUpdateV2 is ApplyUpdate for a V2 update. Applied.Update is V1 all the same.
func (d *Doc) ApplyUpdateV2(update []byte, opts ...TxOption) (Applied, error) {
	return d.apply(v2, update, opts)
}

func (d *Doc) apply(f format, update []byte, opts []TxOption) (Applied, error) {
	if d.current != nil {
		return Applied{}, ErrTransaction
	}
	quiet := slices.ContainsFunc(opts, func(o TxOption) bool { return o.quiet })
	if f == v1 && !quiet {
		if a, ok := d.applyTyped(update); ok {
			return a, nil
		}
		if a, ok := d.applyErased(update); ok {
			return a, nil
		}
	}
	u := d.scratchFor(update)
	if err := d.decodeUpdate(u, f, update); err != nil {
		return Applied{}, err
	}
	if err := d.admit(u); err != nil {
		d.takeBack(u)
		return Applied{}, err
	}
	tx := d.begin(false, originOf(opts))
	tx.integrateAll(u.blocks)
	queued := tx.queued
	fresh, waiting := tx.applyDeletes(d.disjoint(u.deletes))
	tx.retryPending()
	a := Applied{Changed: tx.changedAnything() || queued || waiting, Waiting: queued || waiting}
	whole := a.Changed && fresh && !u.known && !tx.clipped || a.Waiting
	if a.Changed && !whole && !quiet {
		tx.want = true
		if tx != &d.tx { // an observer applies it, and its end is yet to come
			a.Update = tx.encode(v1)
		}
	}
	if u != &d.in {
		d.trimText()
		largeUpdates.Put(u)
	}
	out := tx.end() // observers may apply updates
	switch {
	case quiet:
	case whole && f == v1:
		a.Update = update
	case whole:
		a.Update, _ = ConvertUpdateV2ToV1(update)
	case tx == &d.tx:
		a.Update = out.update
	}
	a.Authored, a.Roots = out.authored, out.roots
	return a, nil
}

// largeUpdate is up to how many bytes of an update a document keeps the scratch
// space for its own use; what larger ones need is shared by all documents.
const largeUpdate = 16 << 10

var largeUpdates = sync.Pool{New: func() any { return new(decoded) }}

// scratchFor returns what an update can be decoded into.
func (d *Doc) scratchFor(update []byte) *decoded {
	if len(update) > largeUpdate {
		return largeUpdates.Get().(*decoded)
	}
	return &d.in
}

// Update runs fn in a transaction and returns the V1 update for the other
// replicas, nil if nothing changed. If fn returns an error Update returns it
// too; what fn did before stays done, and the update says so. What observers did
// in consequence is part of the update.
//
// Inside a transaction under way Update runs fn as part of that; in an observer
// it runs fn at once, and the transaction ends after the one that is observed.
// In both cases it returns no update.
func (d *Doc) Update(fn func(tx *Tx) error, opts ...TxOption) (update []byte, err error) {
	if d.current != nil {
		if !d.current.local {
			return nil, ErrTransaction
		}
		return nil, fn(d.current)
	}
	tx := d.begin(true, originOf(opts))
	tx.want = true
	returned := false
	defer func() {
		if !returned { // fn panicked
			tx.end()
		}
	}()
	err = fn(tx)
	returned = true
	if update, ok := tx.endQuickly(); ok {
		return update, err
	}
	out := tx.end()
	if out.authored == nil {
		return out.update, err
	}
	merged, mergeErr := MergeUpdates(slices.DeleteFunc([][]byte{out.update, out.authored}, func(u []byte) bool { return u == nil })...)
	return merged, errors.Join(err, mergeErr)
}

// Transact is Update without making the update, for who takes it from OnUpdate
// or needs none (Yjs: transact).
func (d *Doc) Transact(fn func(tx *Tx) error, opts ...TxOption) error {
	if d.current != nil {
		if !d.current.local {
			return ErrTransaction
		}
		return fn(d.current)
	}
	tx := d.begin(true, originOf(opts))
	returned := false
	defer func() {
		if !returned { // fn panicked
			tx.end()
		}
	}()
	err := fn(tx)
	returned = true
	if _, ok := tx.endQuickly(); !ok {
		tx.end()
	}
	return err
}

// transact runs f in the transaction under way, or else in one of its own.
func (d *Doc) transact(origin any, f func(tx *Tx)) {
	if d.current != nil {
		f(d.current)
		return
	}
	tx := d.begin(true, origin)
	defer tx.end()
	f(tx)
}

// Knows reports whether applying a V1 update would add nothing: all its
// operations and deletions are part of the document already. The document does
// not change. The error is the *UpdateError with which ApplyUpdate would refuse
// the update.
func (d *Doc) Knows(update []byte) (bool, error) {
	if d.current != nil {
		return false, ErrTransaction
	}
	u := d.scratchFor(update)
	if err := d.decodeUpdate(u, v1, update); err != nil {
		return false, err
	}
	known := !slices.ContainsFunc(u.refs, func(r ref) bool { it := d.item(r); return it.end() > d.clients[it.client()].next })
	for _, r := range d.disjoint(u.deletes) {
		if !known {
			break
		}
		known = d.isDeleted(r)
	}
	d.takeBack(u)
	if u != &d.in {
		largeUpdates.Put(u)
	}
	return known, nil
}

// Roots returns the names of the root types, in the order in which they came
// into being.
func (d *Doc) Roots() []string { return append([]string(nil), d.rootNames...) }

// Stats describes what a document holds.
type Stats struct {
	Clients int // clients that have made operations
	Structs int // items and collected runs, waiting ones included
	Pending int // structs that wait
	Bytes   int // approximate memory of the engine's tables
}

// Stats returns figures about the document in O(clients).
func (d *Doc) Stats() Stats {
	s := Stats{Clients: len(d.byID()), Structs: d.slab.live, Pending: d.pending.count}
	s.Bytes = len(d.slab.chunks)*chunkLen*48 + cap(d.text) + cap(d.blobs) + 4*cap(d.elems) + len(d.nodes.chunks)*8*264
	for i := range d.clients {
		s.Bytes += 64
		for _, b := range d.clients[i].structs.blocks {
			s.Bytes += 56 + 4*cap(b.clocks) + 4*cap(b.refs)
		}
	}
	return s
}
