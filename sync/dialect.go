package sync

// Dialect is how one family of providers writes messages. Implementations hold no state and are safe for concurrent
// use; what has state is the Session.
//
// Parse appends the messages of one frame to dst, with their Kind and Payload set; what is to be done with them is the
// Session's to say. It reads all of it before it returns, so that a frame is taken whole or refused whole; the error is
// a *Refusal. Where frames begin with an address, the address has been taken off.
//
// Addressed reports whether frames begin with the address of a document, so that many share one socket. Such a dialect
// also has sync statuses, tokens in its frames, and a word for a document that is refused while the socket stays.
//
// Step 1, step 2, update and awareness are the same bytes in every dialect, those of YWebsocket: what differs is the
// address before them. So one message serves everybody who takes part in a document.
type Dialect interface {
	Parse(message []byte, dst []Step) ([]Step, error)
	Addressed() bool
}

// MaxMessagesPerFrame bounds how many messages a frame may hold, and so what reading a frame can allocate. y-websocket
// up to 3 sends one message in each frame; later versions read, and so may send, several.
const MaxMessagesPerFrame = 1024
