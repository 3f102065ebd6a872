package sync

import "fmt"

// Kind is what a message from a peer is, whatever dialect it came in. The zero Kind is no message.
type Kind uint8

// The kinds of messages that a peer can send.
const (
	Step1              Kind = iota + 1 // payload: the peer's state vector. Asks for what the peer lacks
	Step2                              // payload: an update, the answer to a Step1 of the server
	Update                             // payload: an update
	Awareness                          // payload: an awareness update
	QueryAwareness                     // no payload. Asks for everybody's awareness
	Auth                               // payload: the reason or the scope. Only a server may deny permission or grant it
	Token                              // payload: the token that authorises what follows; in the Hocuspocus dialect
	Stateless                          // payload: a string that is passed on and kept nowhere
	Close                              // no payload. The peer leaves the document, and the socket stays
	SyncReply                          // payload: a state vector or an update. Servers send it to each other
	BroadcastStateless                 // payload: a string. Servers send it to each other
	SyncStatus                         // no payload. Only a server says whether an update was applied
	kindEnd
)

// Kinds is the number of kinds: they are the numbers from 1 to Kinds.
const Kinds = int(kindEnd) - 1

var kindNames = [...]string{
	Step1: "step 1", Step2: "step 2", Update: "update",
	Awareness: "awareness", QueryAwareness: "query awareness", Auth: "auth",
	Token: "token", Stateless: "stateless", Close: "close",
	SyncReply: "sync reply", BroadcastStateless: "broadcast stateless", SyncStatus: "sync status",
}

// String returns the kind's name in the words of the protocol.
func (k Kind) String() string {
	if int(k) < len(kindNames) && kindNames[k] != "" {
		return kindNames[k]
	}
	return fmt.Sprintf("kind %d", uint8(k))
}

// Level is what a connection may do with a document. Each level includes those below it.
type Level uint8

// The levels, from nothing to everything. The zero Level is None: who was given no level may do nothing.
const (
	None     Level = iota // nothing
	Read                  // see the document, and who is there
	Presence              // and be seen: send awareness
	Write                 // and change the document
	Admin                 // and administer it
	levelEnd
)

// Levels is the number of levels: they are the numbers from 0 to Levels-1.
const Levels = int(levelEnd)

var levelNames = [...]string{None: "none", Read: "read", Presence: "presence", Write: "write", Admin: "admin"}

// String returns the level's name.
func (l Level) String() string {
	if int(l) < len(levelNames) {
		return levelNames[l]
	}
	return fmt.Sprintf("level %d", uint8(l))
}
