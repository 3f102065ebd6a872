package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/weftsync/weft/server"
)

// limitFlags are the limits of server.Limits. Zero is the default, which the help names.
type limitFlags struct {
	DocumentBytes          size          `name:"document-bytes" env:"WEFT_DOCUMENT_BYTES" placeholder:"BYTES" help:"Largest document, encoded (32 MiB)."`
	MessageBytes           size          `name:"message-bytes" env:"WEFT_MESSAGE_BYTES" placeholder:"BYTES" help:"Largest message of a peer (document and 64 KiB)."`
	InFlightBytes          size          `name:"in-flight-bytes" env:"WEFT_IN_FLIGHT_BYTES" placeholder:"BYTES" help:"Large messages that are being read or applied, of all connections together (256 MiB)."`
	MessagesPerSecond      int           `name:"messages-per-second" env:"WEFT_MESSAGES_PER_SECOND" placeholder:"N" help:"Messages a second from one connection; negative for no limit (1000)."`
	BytesPerSecond         size          `name:"bytes-per-second" env:"WEFT_BYTES_PER_SECOND" placeholder:"BYTES" help:"Bytes a second from one connection; negative for no limit (4 MiB)."`
	WorkPerSecond          time.Duration `name:"work-per-second" env:"WEFT_WORK_PER_SECOND" placeholder:"TIME" help:"For how long one connection may keep documents busy in a second; negative for no limit (500ms)."`
	RepliesPerSecond       size          `name:"replies-per-second" env:"WEFT_REPLIES_PER_SECOND" placeholder:"BYTES" help:"Bytes a second that one connection may ask for; negative for no limit (8 MiB)."`
	SharedUserMessages     int           `name:"user-messages-per-second" env:"WEFT_USER_MESSAGES_PER_SECOND" placeholder:"N" help:"Messages a second of all connections of one user; negative for no limit (4000)."`
	SharedUserBytes        size          `name:"user-bytes-per-second" env:"WEFT_USER_BYTES_PER_SECOND" placeholder:"BYTES" help:"Bytes a second of all connections of one user; negative for no limit (16 MiB)."`
	SharedDocumentMessages int           `name:"document-messages-per-second" env:"WEFT_DOCUMENT_MESSAGES_PER_SECOND" placeholder:"N" help:"Messages a second of all connections in one document; negative for no limit (20000)."`
	SharedDocumentBytes    size          `name:"document-bytes-per-second" env:"WEFT_DOCUMENT_BYTES_PER_SECOND" placeholder:"BYTES" help:"Bytes a second of all connections in one document; negative for no limit (64 MiB)."`
	SharedAddressMessages  int           `name:"address-messages-per-second" env:"WEFT_ADDRESS_MESSAGES_PER_SECOND" placeholder:"N" help:"Messages a second of all connections from one address; see --proxy (no limit)."`
	SharedAddressBytes     size          `name:"address-bytes-per-second" env:"WEFT_ADDRESS_BYTES_PER_SECOND" placeholder:"BYTES" help:"Bytes a second of all connections from one address; see --proxy (no limit)."`
	SlowDownAfter          time.Duration `name:"slow-down-after" env:"WEFT_SLOW_DOWN_AFTER" placeholder:"TIME" help:"How long a connection may stay above its own rates before it is closed (10s)."`
	OutboxBytes            size          `name:"outbox-bytes" env:"WEFT_OUTBOX_BYTES" placeholder:"BYTES" help:"Bytes that may wait for one connection (4 MiB)."`
	OutboxMessages         int           `name:"outbox-messages" env:"WEFT_OUTBOX_MESSAGES" placeholder:"N" help:"Frames that may wait for one connection (4096)."`
	WriteStall             time.Duration `name:"write-stall" env:"WEFT_WRITE_STALL" placeholder:"TIME" help:"How long a write may make no progress before the connection is cut (10s)."`
	Silence                time.Duration `name:"silence" env:"WEFT_SILENCE" placeholder:"TIME" help:"How long nothing may be received before the connection is closed (60s)."`
	KeepAlive              time.Duration `name:"keep-alive" env:"WEFT_KEEP_ALIVE" placeholder:"TIME" help:"Longest time without a message to a connection (15s)."`
	ConnectionsPerDocument int           `name:"connections-per-document" env:"WEFT_CONNECTIONS_PER_DOCUMENT" placeholder:"N" help:"Connections, and viewers, of one document (5000)."`
	AuthorizeWithin        time.Duration `name:"authorize-within" env:"WEFT_AUTHORIZE_WITHIN" placeholder:"TIME" help:"How long the authorizer may take (10s)."`
	Authorizations         int           `name:"authorizations" env:"WEFT_AUTHORIZATIONS" placeholder:"N" help:"Questions to the authorizer that run at once (256)."`
	Openings               int           `name:"openings" env:"WEFT_OPENINGS" placeholder:"N" help:"Documents of the Hocuspocus dialect that wait for the answer to their token (10000)."`
	OpenWithin             time.Duration `name:"open-within" env:"WEFT_OPEN_WITHIN" placeholder:"TIME" help:"How long a connection waits for its document to be loaded (30s)."`
	DocumentsPerConnection int           `name:"documents-per-connection" env:"WEFT_DOCUMENTS_PER_CONNECTION" placeholder:"N" help:"Documents on one WebSocket (100)."`
	WaitingBytes           size          `name:"waiting-bytes" env:"WEFT_WAITING_BYTES" placeholder:"BYTES" help:"What one connection may send before it is authorised (1 MiB)."`
	AllWaitingBytes        size          `name:"all-waiting-bytes" env:"WEFT_ALL_WAITING_BYTES" placeholder:"BYTES" help:"The same, of all connections together (64 MiB)."`
	SyncWithin             time.Duration `name:"sync-within" env:"WEFT_SYNC_WITHIN" placeholder:"TIME" help:"How long a connection on /sync may take to say who it is (10s)."`
	CollabWithin           time.Duration `name:"collab-within" env:"WEFT_COLLAB_WITHIN" placeholder:"TIME" help:"How long a connection on /collab may take to say who it is (60s)."`
	RenewBefore            time.Duration `name:"renew-before" env:"WEFT_RENEW_BEFORE" placeholder:"TIME" help:"How long before its token expires a client is asked for a new one (10s)."`
	ParkFor                time.Duration `name:"park-for" env:"WEFT_PARK_FOR" placeholder:"TIME" help:"How long a y-websocket that is refused again is kept on the line; negative: not at all (2m)."`
	StatelessBytes         size          `name:"stateless-bytes" env:"WEFT_STATELESS_BYTES" placeholder:"BYTES" help:"Largest stateless message (64 KiB)."`
	AwarenessIDs           int           `name:"awareness-ids" env:"WEFT_AWARENESS_IDS" placeholder:"N" help:"Client ids that one connection may speak for (8)."`
	AwarenessMaxStateBytes size          `name:"awareness-state-bytes" env:"WEFT_AWARENESS_STATE_BYTES" placeholder:"BYTES" help:"Largest awareness state of one client (16 KiB)."`
	AwarenessMaxEntries    int           `name:"awareness-entries" env:"WEFT_AWARENESS_ENTRIES" placeholder:"N" help:"Clients in one awareness message (20000)."`
	AwarenessMaxClients    int           `name:"awareness-clients" env:"WEFT_AWARENESS_CLIENTS" placeholder:"N" help:"Clients of one document that awareness remembers (20000)."`
	AwarenessMaxTotalBytes size          `name:"awareness-bytes" env:"WEFT_AWARENESS_BYTES" placeholder:"BYTES" help:"All awareness states of one document together (16 MiB)."`
	AwarenessEvery         time.Duration `name:"awareness-every" env:"WEFT_AWARENESS_EVERY" placeholder:"TIME" help:"Least time between two broadcasts of awareness in a document (50ms)."`
	ViewBacklogBytes       size          `name:"view-backlog-bytes" env:"WEFT_VIEW_BACKLOG_BYTES" placeholder:"BYTES" help:"Past events kept for viewers, of each rendering of a document (1 MiB)."`
	ViewEvery              time.Duration `name:"view-every" env:"WEFT_VIEW_EVERY" placeholder:"TIME" help:"Least time between two renderings of a document as JSON or XML (50ms)."`
	Heartbeat              time.Duration `name:"heartbeat" env:"WEFT_HEARTBEAT" placeholder:"TIME" help:"Time between comments on a quiet event stream (15s)."`
	UnloadAfter            time.Duration `name:"unload-after" env:"WEFT_UNLOAD_AFTER" placeholder:"TIME" help:"How long a document without connections stays in memory (30s)."`
	CoolAfter              time.Duration `name:"cool-after" env:"WEFT_COOL_AFTER" placeholder:"TIME" help:"How long a document with editors is neither edited nor watched before its engine leaves memory; negative: never (10m)."`
	KeptBytes              size          `name:"kept-bytes" env:"WEFT_KEPT_BYTES" placeholder:"BYTES" help:"Merged logs kept for a moment for clients that come back together (16 MiB)."`
	MemoryBytes            size          `name:"memory-bytes" env:"WEFT_MEMORY_BYTES" placeholder:"BYTES" help:"Heap from which on idle documents leave memory at once and loads wait for room; negative: never (three quarters of GOMEMLIMIT)."`
	DiskStall              time.Duration `name:"disk-stall" env:"WEFT_DISK_STALL" placeholder:"TIME" help:"How long a write to the disk may take before the server says that it is not ready (5s)."`
	Loads                  int           `name:"loads" env:"WEFT_LOADS" placeholder:"N" help:"Documents that are loaded or replayed at the same time (4)."`
}

// limits returns the server's limits for what the flags say.
func (f *limitFlags) limits() (l server.Limits) {
	l.DocumentBytes = int64(f.DocumentBytes)
	l.MessageBytes = int64(f.MessageBytes)
	l.InFlightBytes = int64(f.InFlightBytes)
	l.MessagesPerSecond = f.MessagesPerSecond
	l.BytesPerSecond = int(f.BytesPerSecond)
	l.WorkPerSecond = f.WorkPerSecond
	l.RepliesPerSecond = int(f.RepliesPerSecond)
	l.User.Messages = f.SharedUserMessages
	l.User.Bytes = int(f.SharedUserBytes)
	l.Document.Messages = f.SharedDocumentMessages
	l.Document.Bytes = int(f.SharedDocumentBytes)
	l.Address.Messages = f.SharedAddressMessages
	l.Address.Bytes = int(f.SharedAddressBytes)
	l.SlowDownAfter = f.SlowDownAfter
	l.OutboxBytes = int(f.OutboxBytes)
	l.OutboxMessages = f.OutboxMessages
	l.WriteStall = f.WriteStall
	l.Silence = f.Silence
	l.KeepAlive = f.KeepAlive
	l.ConnectionsPerDocument = f.ConnectionsPerDocument
	l.AuthorizeWithin = f.AuthorizeWithin
	l.Authorizations = f.Authorizations
	l.Openings = f.Openings
	l.OpenWithin = f.OpenWithin
	l.DocumentsPerConnection = f.DocumentsPerConnection
	l.WaitingBytes = int64(f.WaitingBytes)
	l.AllWaitingBytes = int64(f.AllWaitingBytes)
	l.SyncWithin = f.SyncWithin
	l.CollabWithin = f.CollabWithin
	l.RenewBefore = f.RenewBefore
	l.ParkFor = f.ParkFor
	l.StatelessBytes = int(f.StatelessBytes)
	l.AwarenessIDs = f.AwarenessIDs
	l.Awareness.MaxStateBytes = int(f.AwarenessMaxStateBytes)
	l.Awareness.MaxEntries = f.AwarenessMaxEntries
	l.Awareness.MaxClients = f.AwarenessMaxClients
	l.Awareness.MaxTotalBytes = int(f.AwarenessMaxTotalBytes)
	l.AwarenessEvery = f.AwarenessEvery
	l.ViewBacklogBytes = int(f.ViewBacklogBytes)
	l.ViewEvery = f.ViewEvery
	l.Heartbeat = f.Heartbeat
	l.UnloadAfter = f.UnloadAfter
	l.CoolAfter = f.CoolAfter
	l.KeptBytes = int64(f.KeptBytes)
	l.MemoryBytes = int64(f.MemoryBytes)
	l.DiskStall = f.DiskStall
	l.Loads = f.Loads
	return l
}

// size is a number of bytes on the command line: 4096, 64KiB, 4MiB, 1GiB.
type size int64

// sizeUnits are what may stand behind the number.
var sizeUnits = map[string]int64{"": 1, "KIB": 1 << 10, "MIB": 1 << 20, "GIB": 1 << 30, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}

// UnmarshalText reads a number with or without a unit.
func (s *size) UnmarshalText(text []byte) error {
	written := strings.TrimSpace(string(text))
	digits := strings.TrimRight(written, "KMGBibkmg ")
	n, err := strconv.ParseInt(digits, 10, 64)
	unit, ok := sizeUnits[strings.ToUpper(strings.TrimSpace(written[len(digits):]))]
	if err != nil || !ok || n > 0 && n > (1<<62)/unit {
		return fmt.Errorf("%q is no size; write 65536, 64KiB, 4MiB or 1GiB", written)
	}
	*s = size(n * unit)
	return nil
}
