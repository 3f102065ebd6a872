package load

import (
	"errors"
	"fmt"

	"github.com/weftsync/weft/crdt/lib0"
)

// A Dialect is how a provider and its server talk.
type Dialect int

// The dialects.
const (
	// YWebsocket is that of y-websocket: a connection is one document, and an update that comes back to its author is
	// the nearest thing to an acknowledgement.
	YWebsocket Dialect = iota
	// Hocuspocus is that of @hocuspocus/provider: every message names its document, and updates are acknowledged one by
	// one, in order.
	Hocuspocus
)

// String returns the name of the provider.
func (d Dialect) String() string {
	return [...]string{"y-websocket", "hocuspocus"}[d]
}

// The numbers of messages on the wire.
const (
	wireSync      = 0
	wireAwareness = 1
	wireAuth      = 2
	wireQuery     = 3
	wireReply     = 4 // Hocuspocus: a sync message that asks for no reply
	wireStateless = 5
	wireClose     = 7
	wireStatus    = 8
	wirePing      = 9
	wirePong      = 10

	wireStep1  = 0
	wireStep2  = 1
	wireUpdate = 2
)

// providerVersion is what the Hocuspocus dialect says it is.
const providerVersion = "4.7.0"

// A speech builds the messages of one document in one dialect. Its methods append the payload of a frame.
type speech struct {
	dialect Dialect
	address []byte // what every message begins with; empty for y-websocket
}

func speechOf(d Dialect, document string) speech {
	s := speech{dialect: d}
	if d == Hocuspocus {
		s.address = lib0.AppendString(nil, document)
	}
	return s
}

func (s speech) sync(b []byte, kind byte, payload []byte) []byte {
	return lib0.AppendBytes(append(append(b, s.address...), wireSync, kind), payload)
}

// update appends everything of an update's message but the update itself, which has n bytes.
func (s speech) update(b []byte, n int) []byte {
	return lib0.AppendUint(append(append(b, s.address...), wireSync, wireUpdate), uint64(n))
}

func (s speech) awareness(b []byte, client, clock uint64, state string) []byte {
	n := 1 + lib0.UintLen(client) + lib0.UintLen(clock) + lib0.UintLen(uint64(len(state))) + len(state)
	b = lib0.AppendUint(append(append(b, s.address...), wireAwareness), uint64(n))
	b = lib0.AppendUint(lib0.AppendUint(append(b, 1), client), clock)
	return lib0.AppendString(b, state)
}

// auth appends what a Hocuspocus provider says first.
func (s speech) auth(b []byte) []byte {
	b = append(append(b, s.address...), wireAuth, 0)
	return lib0.AppendString(lib0.AppendString(b, ""), providerVersion)
}

// A kind is what a message from a server is.
type kind uint8

const (
	kindOther kind = iota // of no concern to an editor
	kindStep1
	kindStep2
	kindUpdate
	kindAwareness
	kindAuthorised
	kindSaved    // an update is acknowledged
	kindNotSaved // an update is refused
	kindQuery
	kindPing
)

// A message is one message of a frame. Its payload aliases the frame.
type message struct {
	kind    kind
	payload []byte
}

// next reads one message; in the dialect of y-websocket a frame may hold several.
func (s speech) next(d *lib0.Decoder) (message, error) {
	if s.dialect == Hocuspocus {
		if d.Len() == 1 {
			return s.bare(d)
		}
		address, err := d.Bytes()
		if err != nil {
			return message{}, fmt.Errorf("read the document's name: %w", err)
		}
		if string(address) != string(s.address[len(s.address)-len(address):]) {
			return message{}, fmt.Errorf("a message for %q", address)
		}
	}
	number, err := d.Uint()
	if err != nil {
		return message{}, fmt.Errorf("read the number of a message: %w", err)
	}
	switch number {
	case wireSync, wireReply:
		return syncMessage(d)
	case wireAwareness:
		payload, err := d.Bytes()
		return message{kindAwareness, payload}, err
	case wireAuth:
		return authMessage(d)
	case wireQuery:
		return message{kind: kindQuery}, nil
	}
	if s.dialect == Hocuspocus {
		return hocuspocusMessage(d, number)
	}
	return message{}, fmt.Errorf("message of number %d", number)
}

// bare reads the one message of Hocuspocus that names no document.
func (s speech) bare(d *lib0.Decoder) (message, error) {
	b, err := d.Byte()
	switch {
	case err != nil:
		return message{}, err
	case b == wirePing:
		return message{kind: kindPing}, nil
	case b == wirePong:
		return message{}, nil
	}
	return message{}, fmt.Errorf("a frame of one byte, %#x", b)
}

func syncMessage(d *lib0.Decoder) (message, error) {
	number, err := d.Uint()
	if err != nil {
		return message{}, fmt.Errorf("read the number of a sync message: %w", err)
	}
	payload, err := d.Bytes()
	if err != nil {
		return message{}, fmt.Errorf("read a sync message: %w", err)
	}
	switch number {
	case wireStep1:
		return message{kindStep1, payload}, nil
	case wireStep2:
		return message{kindStep2, payload}, nil
	case wireUpdate:
		return message{kindUpdate, payload}, nil
	}
	return message{}, fmt.Errorf("sync message of number %d", number)
}

// errRefused says that the server does not let an editor in.
var errRefused = errors.New("the server refuses")

func authMessage(d *lib0.Decoder) (message, error) {
	number, err := d.Uint()
	if err != nil {
		return message{}, fmt.Errorf("read an auth message: %w", err)
	}
	if number == 0 && d.Len() == 0 {
		return message{}, nil // Hocuspocus asks for a token
	}
	text, err := d.Bytes()
	if err != nil {
		return message{}, fmt.Errorf("read an auth message: %w", err)
	}
	if number == 2 {
		if string(text) != "read-write" {
			return message{}, fmt.Errorf("%w: it grants %q", errRefused, text)
		}
		return message{kind: kindAuthorised}, nil
	}
	return message{}, fmt.Errorf("%w: %s", errRefused, text)
}

func hocuspocusMessage(d *lib0.Decoder, number uint64) (message, error) {
	switch number {
	case wireStatus:
		saved, err := d.Uint()
		if err != nil {
			return message{}, fmt.Errorf("read an acknowledgement: %w", err)
		}
		if saved == 1 {
			return message{kind: kindSaved}, nil
		}
		return message{kind: kindNotSaved}, nil
	case wireStateless:
		_, err := d.Bytes()
		return message{}, err
	case wireClose:
		reason, err := d.Bytes()
		if err != nil {
			return message{}, fmt.Errorf("read a close: %w", err)
		}
		return message{}, fmt.Errorf("the server closes the document: %s", reason)
	}
	return message{}, fmt.Errorf("message of number %d", number)
}
