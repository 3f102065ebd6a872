package server

import (
	"time"

	"github.com/weftsync/weft/awareness"
)

// Limits bounds what peers can make the server hold or do. The zero value is safe: a field that is 0 takes its default.
// Where it says so, a negative value means no limit.
type Limits struct {
	// DocumentBytes bounds the encoded size of a document. An update that only deletes is let through above it.
	// Default 32 MiB.
	DocumentBytes int64
	// MessageBytes bounds one inbound message. Default: as large as a document, and 64 KiB.
	MessageBytes int64
	// InFlightBytes bounds the inbound messages over 64 KiB that are being read or applied, of all connections
	// together. Past it a connection is told to try later. Default 256 MiB.
	InFlightBytes int64
	// MessagesPerSecond and BytesPerSecond bound what one connection sends. Above them the server stops reading it. A
	// burst of one second is let through. Negative: no limit. Default 1,000 and 4 MiB.
	MessagesPerSecond int
	BytesPerSecond    int
	// WorkPerSecond bounds for how long one connection may keep documents busy in a second, with updates and with what
	// it asks for; two seconds may come at once. It is what a message costs that counts here, not how long it is: a
	// hundred kilobytes can be made of ten thousand conflicts. Above it the server stops reading. Negative: no limit.
	// Default 500 ms.
	WorkPerSecond time.Duration
	// RepliesPerSecond bounds the bytes of documents and awareness that one connection asks for in a second; as many as a
	// document may have can come at once. Above it the server stops reading. Negative: no limit. Default 8 MiB.
	RepliesPerSecond int
	// User, Document and Address bound what all connections of one user, all in one document, and all from one address
	// send together, requests included. Who is above it is not read for a while, and a request is refused. Nobody who has
	// no name counts as a user. By default a user has 4,000 messages and 16 MiB, a document 20,000 and 64 MiB, and an
	// address no limit, because behind a proxy everybody has the same, see Options.Proxies.
	User, Document, Address Rate
	// SlowDownAfter is for how long a connection may stay above one of these rates before it is closed. Default 10 s.
	SlowDownAfter time.Duration
	// OutboxBytes and OutboxMessages bound what waits to be sent to one connection. Past them the updates that wait are
	// dropped and later read from the log. Default 4 MiB and 4,096.
	OutboxBytes    int
	OutboxMessages int
	// WriteStall is for how long a write may make no progress before the connection is cut. Progress is 16 KiB.
	// Default 10 s.
	WriteStall time.Duration
	// Silence is for how long nothing may be received before the connection is closed. Default 60 s.
	Silence time.Duration
	// KeepAlive is the longest time without a message to a connection; the real one is up to a second longer.
	// Default 15 s.
	KeepAlive time.Duration
	// ConnectionsPerDocument bounds the WebSockets, and separately the viewers, of one document. Default 5,000.
	ConnectionsPerDocument int
	// AuthorizeWithin bounds how long the Authorizer may take, and before that how long a question waits for its turn.
	// Default 10 s each.
	AuthorizeWithin time.Duration
	// Authorizations bounds the calls of the Authorizer that run at once; the others wait. Default 256.
	Authorizations int
	// Openings bounds the documents of WebSockets in the Hocuspocus dialect that are between their token and their
	// answer, of all connections together. Past it the socket is told to try later. Default 10,000.
	Openings int
	// OpenWithin bounds how long a connection waits for its document to be loaded. Default 30 s.
	OpenWithin time.Duration
	// DocumentsPerConnection bounds the documents that take part over one WebSocket, refused ones included. Default 100.
	DocumentsPerConnection int
	// WaitingBytes bounds what one connection may send before it is authorised, a single message or several that are
	// held; AllWaitingBytes what is held of all connections together. Default 1 MiB and 64 MiB.
	WaitingBytes    int64
	AllWaitingBytes int64
	// SyncWithin and CollabWithin are how long a connection on /sync and on /collab may take to say who it is. Default
	// 10 s and 60 s: providers of the Hocuspocus dialect connect before they have a document.
	SyncWithin   time.Duration
	CollabWithin time.Duration
	// RenewBefore is how long before a token expires its client is asked for a new one, in the Hocuspocus dialect.
	// Default 10 s.
	RenewBefore time.Duration
	// ParkFor is how long a client of the y-websocket dialect that was refused the same a while ago is kept on the line
	// before it is closed, because it would come back at once. Negative: not at all. Default 2 min.
	ParkFor time.Duration
	// StatelessBytes bounds one stateless message. Default 64 KiB.
	StatelessBytes int
	// AwarenessIDs is how many client ids a connection may speak for. Entries for more are dropped. Default 8.
	AwarenessIDs int
	// Awareness bounds what the awareness of one document may hold.
	Awareness awareness.Options
	// AwarenessEvery is the least time between two broadcasts of awareness in one document. The first change is sent
	// at once. Default 50 ms.
	AwarenessEvery time.Duration
	// ViewBacklogBytes bounds the past events kept for each rendering of a document. A viewer that falls behind it is
	// sent the whole again. Default 1 MiB.
	ViewBacklogBytes int
	// ViewEvery is the least time between two renderings of a document that is watched as JSON or XML; splices of text
	// are not held back. Default 50 ms.
	ViewEvery time.Duration
	// Heartbeat is the time between comments on a quiet event stream. Default 15 s.
	Heartbeat time.Duration
	// UnloadAfter is for how long a document without connections stays in memory. Default 30 s.
	UnloadAfter time.Duration
	// CoolAfter is for how long nobody may have edited or watched a document before its engine leaves memory though editors
	// are connected. The next edit builds it again. Negative: never. Default 10 min.
	CoolAfter time.Duration
	// KeptBytes bounds what is kept, for a second, of the logs of documents without an engine, so that many who come back
	// to one share the reading of its log. Default 16 MiB.
	KeptBytes int64
	// MemoryBytes is how much of the heap may be alive before documents that nobody uses leave memory at once and loads
	// wait. 0: three quarters of GOMEMLIMIT, no limit without it. Negative: no limit.
	MemoryBytes int64
	// DiskStall is for how long a write or an fsync may be under way before the server says that it is not ready.
	// Default 5 s.
	DiskStall time.Duration
	// Loads bounds how many documents are loaded, merged or replayed at the same time. Default 4.
	Loads int
}

// withDefaults returns l with every zero field set to its default.
func (l Limits) withDefaults() Limits {
	def(&l.DocumentBytes, 32<<20)
	def(&l.MessageBytes, l.DocumentBytes+64<<10)
	def(&l.InFlightBytes, 256<<20)
	def(&l.MessagesPerSecond, 1000)
	def(&l.BytesPerSecond, 4<<20)
	def(&l.WorkPerSecond, 500*time.Millisecond)
	def(&l.RepliesPerSecond, 8<<20)
	def(&l.User.Messages, 4000)
	def(&l.User.Bytes, 16<<20)
	def(&l.Document.Messages, 20000)
	def(&l.Document.Bytes, 64<<20)
	def(&l.Address.Messages, -1)
	def(&l.Address.Bytes, -1)
	def(&l.SlowDownAfter, 10*time.Second)
	def(&l.OutboxBytes, 4<<20)
	def(&l.OutboxMessages, 4096)
	def(&l.WriteStall, 10*time.Second)
	def(&l.Silence, 60*time.Second)
	def(&l.KeepAlive, 15*time.Second)
	def(&l.ConnectionsPerDocument, 5000)
	def(&l.AuthorizeWithin, 10*time.Second)
	def(&l.Authorizations, 256)
	def(&l.Openings, 10000)
	def(&l.OpenWithin, 30*time.Second)
	def(&l.DocumentsPerConnection, 100)
	def(&l.WaitingBytes, 1<<20)
	def(&l.AllWaitingBytes, 64<<20)
	def(&l.SyncWithin, 10*time.Second)
	def(&l.CollabWithin, 60*time.Second)
	def(&l.RenewBefore, 10*time.Second)
	def(&l.ParkFor, 2*time.Minute)
	def(&l.StatelessBytes, 64<<10)
	def(&l.AwarenessIDs, 8)
	def(&l.AwarenessEvery, 50*time.Millisecond)
	def(&l.ViewBacklogBytes, 1<<20)
	def(&l.ViewEvery, 50*time.Millisecond)
	def(&l.Heartbeat, 15*time.Second)
	def(&l.UnloadAfter, 30*time.Second)
	def(&l.CoolAfter, 10*time.Minute)
	def(&l.KeptBytes, 16<<20)
	def(&l.DiskStall, 5*time.Second)
	def(&l.Loads, 4)
	return l
}

// def sets *field to value if it is zero.
func def[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}
