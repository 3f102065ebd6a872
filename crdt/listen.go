package crdt

import "slices"

// Phase is a moment in the life of a transaction, see Doc.OnTransaction.
type Phase uint8

// The phases of transactions, in their order (Yjs: the events of Doc).
const (
	// BeforeAllTransactions comes before a transaction that no other one caused.
	BeforeAllTransactions Phase = iota
	// BeforeTransaction comes before every transaction.
	BeforeTransaction
	// BeforeObserverCalls comes when all edits of a transaction are made.
	BeforeObserverCalls
	// AfterTransaction comes after the observers of types. What was deleted is
	// still there.
	AfterTransaction
	// AfterTransactionCleanup comes when what was deleted is collected.
	AfterTransactionCleanup
	// AfterAllTransactions comes when a transaction has ended and all those that
	// its observers began. It has the first of them.
	AfterAllTransactions

	phases
)

// listeners are those of a document.
type listeners struct {
	phases  [phases][]*phaseListener
	updates [v2 + 1][]*updateListener
	subdocs []*subdocListener
}

type (
	phaseListener  struct{ f func(*Tx) }
	updateListener struct{ f func([]byte, *Tx) }
	subdocListener struct{ f func(SubdocsEvent) }
)

func (d *Doc) listen() *listeners {
	if d.listeners == nil {
		d.listeners = &listeners{}
	}
	return d.listeners
}

// addTo appends v to a list of listeners and returns what takes it out again.
func addTo[T comparable](list *[]T, v T) (cancel func()) {
	*list = append(slices.Clip(*list), v)
	return func() { *list = without(*list, v) }
}

// OnTransaction calls f in a phase of every transaction until cancel is called.
// f must not edit in BeforeTransaction and BeforeAllTransactions.
func (d *Doc) OnTransaction(p Phase, f func(*Tx)) (cancel func()) {
	return addTo(&d.listen().phases[p], &phaseListener{f})
}

// OnUpdate calls f with the V1 update of every transaction that changed
// anything, whether made here or elsewhere, until cancel is called. f may keep
// the update and must not change it (Yjs: the event update of Doc).
func (d *Doc) OnUpdate(f func(update []byte, tx *Tx)) (cancel func()) {
	return addTo(&d.listen().updates[v1], &updateListener{f})
}

// OnUpdateV2 is OnUpdate with the update in V2.
func (d *Doc) OnUpdateV2(f func(update []byte, tx *Tx)) (cancel func()) {
	return addTo(&d.listen().updates[v2], &updateListener{f})
}

func (d *Doc) emit(p Phase, tx *Tx) {
	if d.listeners != nil {
		for _, l := range d.listeners.phases[p] {
			l.f(tx)
		}
	}
}

// emitUpdates tells of the transaction's own update.
func (tx *Tx) emitUpdates() {
	d := tx.d
	if d.listeners == nil || !tx.changedAnything() {
		return
	}
	for f, list := range d.listeners.updates {
		if len(list) == 0 {
			continue
		}
		update := tx.update
		if update == nil || format(f) == v2 {
			update = tx.encode(format(f))
		}
		for _, l := range list {
			l.f(update, tx)
		}
	}
}
