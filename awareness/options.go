package awareness

import "time"

// Defaults of [Options], and the bounds that no option changes.
const (
	DefaultTimeout       = 30 * time.Second // y-protocols' outdatedTimeout
	DefaultForgetAfter   = 5 * time.Minute
	DefaultMaxStateBytes = 16 << 10
	DefaultMaxEntries    = 20_000
	DefaultMaxClockStep  = 1 << 20
	DefaultMaxClients    = 20_000
	DefaultMaxTotalBytes = 16 << 20

	MaxClock = 1<<53 - 1 // the largest clock and client id: what JavaScript counts exactly
	MaxDepth = 100       // how deep a state's objects and arrays may nest, the state itself included
)

// Options bound what one document's awareness may hold and what one update may say. The zero value is safe: a field
// that is 0 takes its default.
type Options struct {
	// Timeout is how long a state lives without being renewed. Providers renew theirs every 15 s.
	Timeout time.Duration

	// ForgetAfter is how long the clock of a client that left is remembered, at least Timeout. It has to outlast every
	// copy of the client's last state that may still be on its way; those die after Timeout.
	ForgetAfter time.Duration

	// MaxStateBytes bounds one state, in bytes of JSON.
	MaxStateBytes int

	// MaxEntries bounds the entries of one update. It must not be much below the number of people in a document: a
	// y-websocket client that is told of n others sends their n states straight back.
	MaxEntries int

	// MaxClockStep bounds how far one entry may move the clock of a client that is known. Without it one message could
	// raise somebody's clock so high that nothing they say afterwards counts. A client that is not known may begin at
	// any clock: it has been counting since before we heard of it.
	MaxClockStep uint64

	// MaxClients bounds the clients remembered, those who left included.
	MaxClients int

	// MaxTotalBytes bounds the states of all clients together, in bytes of JSON.
	MaxTotalBytes int
}

// withDefaults returns o with its zero fields filled in.
func (o Options) withDefaults() Options {
	fill(&o.Timeout, DefaultTimeout)
	fill(&o.ForgetAfter, DefaultForgetAfter)
	fill(&o.MaxStateBytes, DefaultMaxStateBytes)
	fill(&o.MaxEntries, DefaultMaxEntries)
	fill(&o.MaxClockStep, DefaultMaxClockStep)
	fill(&o.MaxClients, DefaultMaxClients)
	fill(&o.MaxTotalBytes, DefaultMaxTotalBytes)
	o.ForgetAfter = max(o.ForgetAfter, o.Timeout)
	return o
}

// fill sets *field to value if it is zero.
func fill[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}
