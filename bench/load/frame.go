package load

import (
	"errors"
	"fmt"

	"github.com/weftsync/weft/crdt/lib0"
)

// The numbers of y-websocket's messages and of y-protocols' sync messages.
const (
	messageSync      = 0
	messageAwareness = 1
	messageAuth      = 2
	messageQuery     = 3

	syncStep1  = 0
	syncStep2  = 1
	syncUpdate = 2
)

// appendSync appends a frame that holds one sync message.
func appendSync(frame []byte, kind uint64, payload []byte) []byte {
	frame = lib0.AppendUint(frame, messageSync)
	frame = lib0.AppendUint(frame, kind)
	return lib0.AppendBytes(frame, payload)
}

// A message is one message of a frame. Its payload aliases the frame.
type message struct {
	kind    uint64 // messageSync …
	sync    uint64 // syncStep1 …, when kind is messageSync
	payload []byte
}

// nextMessage reads one message; a frame may hold several.
func nextMessage(d *lib0.Decoder) (message, error) {
	var m message
	var err error
	if m.kind, err = d.Uint(); err != nil {
		return m, fmt.Errorf("read the kind of a message: %w", err)
	}
	switch m.kind {
	case messageSync:
		if m.sync, err = d.Uint(); err != nil {
			return m, fmt.Errorf("read the kind of a sync message: %w", err)
		}
		if m.sync > syncUpdate {
			return m, fmt.Errorf("sync message of kind %d", m.sync)
		}
	case messageAwareness:
	case messageQuery:
		return m, nil
	case messageAuth:
		if _, err := d.Uint(); err != nil {
			return m, fmt.Errorf("read a refusal: %w", err)
		}
		reason, err := d.Bytes()
		if err != nil {
			return m, fmt.Errorf("read a refusal: %w", err)
		}
		return m, errors.New("the server refused: " + string(reason))
	default:
		return m, fmt.Errorf("message of kind %d", m.kind)
	}
	if m.payload, err = d.Bytes(); err != nil {
		return m, fmt.Errorf("read a message of kind %d: %w", m.kind, err)
	}
	return m, nil
}
