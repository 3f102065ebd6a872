package sync

import (
	"errors"
	"slices"

	"github.com/weftsync/weft/crdt/lib0"
)

// The first number of a frame in the y-websocket dialect.
const (
	frameSync           = 0
	frameAwareness      = 1
	frameAuth           = 2
	frameQueryAwareness = 3
)

// The second number of a frame that begins with frameSync.
const (
	syncStep1  = 0
	syncStep2  = 1
	syncUpdate = 2
)

// authDenied is the second number of a frame that begins with frameAuth.
const authDenied = 0

// emptyAwareness is an awareness update about nobody. It is what keeps a quiet connection alive: providers reconnect
// when no message of the application has come for 30 s, and a ping of the WebSocket is none.
var emptyAwareness = []byte{0}

// YWebsocket is the dialect of y-websocket 1 to 3: a number for the type, then what that type holds. Updates are in
// format V1, always.
type YWebsocket struct{}

var _ Dialect = YWebsocket{}

// Addressed returns false: one WebSocket is one document.
func (YWebsocket) Addressed() bool { return false }

// Parse appends the messages of one frame to dst; their payloads alias frame. An empty frame, an unknown type, a
// length that lies, trailing bytes that are no message, and more than MaxMessagesPerFrame messages are refused.
func (YWebsocket) Parse(frame []byte, dst []Step) ([]Step, error) {
	if len(frame) == 0 {
		return dst, Refuse(CodeMalformed, "the frame is empty")
	}
	d := lib0.NewDecoder(frame)
	for n := 0; d.Len() > 0; n++ {
		if n == MaxMessagesPerFrame {
			return dst, Refuse(CodeTooLarge, "the frame holds more than %d messages", MaxMessagesPerFrame)
		}
		m, err := readMessage(&d)
		if err != nil {
			return dst, err
		}
		dst = append(dst, m)
	}
	return dst, nil
}

// readMessage reads one message.
func readMessage(d *lib0.Decoder) (Step, error) {
	start := d.Offset()
	kind, err := readKind(d)
	if err != nil {
		return Step{}, err
	}
	m := Step{Kind: kind}
	switch kind {
	case QueryAwareness:
	case Auth:
		m.Payload, err = d.StringBytes()
	default:
		m.Payload, err = d.Bytes()
	}
	if err != nil {
		return Step{}, malformed(kind.String(), start, err)
	}
	return m, nil
}

// readKind reads the one or two numbers that say what a message is.
func readKind(d *lib0.Decoder) (Kind, error) {
	start := d.Offset()
	first, err := d.Uint()
	if err != nil {
		return 0, malformed("message type", start, err)
	}
	switch first {
	case frameAwareness:
		return Awareness, nil
	case frameQueryAwareness:
		return QueryAwareness, nil
	case frameSync, frameAuth:
	default:
		return 0, Refuse(CodeMalformed, "unknown message type %d at byte %d", first, start)
	}
	second, err := d.Uint()
	if err != nil {
		return 0, malformed("message type", start, err)
	}
	if first == frameAuth && second == authDenied {
		return Auth, nil
	}
	if kind := syncKind(second); first == frameSync && kind != 0 {
		return kind, nil
	}
	return 0, Refuse(CodeMalformed, "unknown message type %d %d at byte %d", first, second, start)
}

// syncKind returns the kind of a message that begins with frameSync by its second number, 0 for one that there is not.
func syncKind(second uint64) Kind {
	switch second {
	case syncStep1:
		return Step1
	case syncStep2:
		return Step2
	case syncUpdate:
		return Update
	}
	return 0
}

// malformed turns a decoding error in the message that starts at byte start into a refusal.
func malformed(what string, start int, err error) *Refusal {
	var e *lib0.Error
	if errors.As(err, &e) {
		return Refuse(CodeMalformed, "%s at byte %d: byte %d: %s", what, start, e.Offset, e.Reason)
	}
	return Refuse(CodeMalformed, "%s at byte %d cannot be read", what, start)
}

// appendFrame appends a frame that begins with these numbers and carries payload. It makes room at once.
func appendFrame(b, payload []byte, numbers ...byte) []byte {
	b = slices.Grow(b, len(numbers)+lib0.UintLen(uint64(len(payload)))+len(payload))
	return lib0.AppendBytes(append(b, numbers...), payload)
}

// AppendStep1 appends a frame that claims stateVector and asks for what is not in it.
func (YWebsocket) AppendStep1(b, stateVector []byte) []byte {
	return appendFrame(b, stateVector, frameSync, syncStep1)
}

// AppendStep2 appends a frame that answers a Step1.
func (YWebsocket) AppendStep2(b, update []byte) []byte {
	return appendFrame(b, update, frameSync, syncStep2)
}

// AppendUpdate appends a frame that carries an update.
func (YWebsocket) AppendUpdate(b, update []byte) []byte {
	return appendFrame(b, update, frameSync, syncUpdate)
}

// AppendAwareness appends a frame that carries an awareness update.
func (YWebsocket) AppendAwareness(b, update []byte) []byte {
	return appendFrame(b, update, frameAwareness)
}

// AppendDenied appends a frame that says that permission is denied. y-websocket prints the reason and does nothing
// else with it, so the close frame that follows has to say the same.
func (YWebsocket) AppendDenied(b []byte, reason string) []byte {
	return lib0.AppendString(append(b, frameAuth, authDenied), reason)
}

// AppendKeepAlive appends the smallest frame that counts as a message for a provider's watchdog: 01 01 00.
func (d YWebsocket) AppendKeepAlive(b []byte) []byte {
	return d.AppendAwareness(b, emptyAwareness)
}
