package sync

// Dialect is how one family of providers puts messages into frames. Implementations hold no state and are safe for
// concurrent use; what has state is the Session.
//
// Parse appends the messages of one frame to dst, with their Kind and Payload set; what is to be done with them is the
// Session's to say. It reads the whole frame before it returns, so that a frame is taken whole or refused whole; the
// error is a *Refusal. The Append methods append one complete frame to b and return it.
type Dialect interface {
	Parse(frame []byte, dst []Step) ([]Step, error)
	AppendStep1(b, stateVector []byte) []byte
	AppendStep2(b, update []byte) []byte
	AppendUpdate(b, update []byte) []byte
	AppendAwareness(b, update []byte) []byte
	AppendDenied(b []byte, reason string) []byte
	AppendKeepAlive(b []byte) []byte
}

// MaxMessagesPerFrame bounds how many messages a frame may hold, and so what reading a frame can allocate. y-websocket
// up to 3 sends one message in each frame; later versions read, and so may send, several.
const MaxMessagesPerFrame = 1024
