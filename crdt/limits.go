package crdt

import (
	"fmt"
	"math"

	"github.com/weftsync/weft/crdt/lib0"
)

// Limits bound what one input may cost. The zero value is safe: a zero field
// takes the default that stands behind it. An input beyond a limit is refused
// whole, with an *UpdateError, before anything has changed.
//
// Two bounds are fixed: an Any or JSON value nests at most lib0.MaxDepth deep,
// and a clock, like the end of a struct, is at most 2^32 - 1.
//
// Edits are held to Nesting and NameBytes too, with an error that wraps
// ErrValue: others would refuse what goes beyond.
//
// The functions that work without a document take the defaults, but for Structs:
// they keep none, so half the bytes of an update are allowed too where that is
// more. What depends on a document's state, Nesting and the three that bound what
// waits, they do not check.
type Limits struct {
	// Structs in one update, those that are known already and gaps too;
	// 1,000,000. V1 needs two bytes for one at the least. In V2 a struct may
	// take none at all, honestly too: a thousand empty maps inserted at once
	// take as many bytes as one.
	Structs int

	// Clients that a document knows: by their operations, or because something
	// refers to them; 1,000,000.
	Clients int

	// Nesting of shared types in one another, a root being at 0; 200.
	Nesting int

	// NameBytes is how long a name may be, in bytes of UTF-8: of a root, a key of
	// a map, a format, an XML node; 4,096.
	NameBytes int

	// PendingStructs are those that wait for missing ones; 100,000.
	PendingStructs int

	// PendingBytes is how many bytes of content they may hold; 4 MiB.
	PendingBytes int

	// PendingDeletes are the ranges that wait for what they delete; 100,000.
	PendingDeletes int
}

func (l Limits) withDefaults() Limits {
	def := func(v *int, n int) {
		if *v <= 0 {
			*v = n
		}
	}
	def(&l.Structs, 1_000_000)
	def(&l.Clients, 1_000_000)
	def(&l.Nesting, 200)
	def(&l.NameBytes, 4<<10)
	def(&l.PendingStructs, 100_000)
	def(&l.PendingBytes, 4<<20)
	def(&l.PendingDeletes, 100_000)
	l.Clients = min(l.Clients, maxClients)
	return l
}

// TrustedLimits are those of a program that loads what it has stored itself:
// what was held to limits update by update may be more, all together, than one
// update of a peer may hold. Nesting and NameBytes stay.
func TrustedLimits() Limits {
	const all = math.MaxInt32
	return Limits{Structs: all, Clients: all, PendingStructs: all, PendingBytes: all, PendingDeletes: all}
}

// SetLimits sets the limits of what comes from now on. A program that loads its
// own state can do so under wider limits than it then holds its peers to: many
// small updates add up to a state that holds more structs than one update may.
func (d *Doc) SetLimits(l Limits) { d.limits = l.withDefaults() }

// checkName returns an error that wraps ErrValue for a name that is too long.
func (l *Limits) checkName(name string) error {
	if len(name) > l.NameBytes {
		return fmt.Errorf("%w: a name of %d bytes, longer than %d", ErrValue, len(name), l.NameBytes)
	}
	return nil
}

func (l *Limits) nestedTooDeep() error {
	return fmt.Errorf("%w: shared types nested deeper than %d", ErrValue, l.Nesting)
}

func (l *Limits) tooManyClients() error {
	return &lib0.Error{Reason: fmt.Sprintf("more than %d clients", l.Clients)}
}

// defaultLimits are those of the functions that work without a document.
var defaultLimits = Limits{}.withDefaults()
