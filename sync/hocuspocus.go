package sync

import (
	"bytes"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/weftsync/weft/crdt/lib0"
)

// The first number behind the address in the Hocuspocus dialect. The first four are those of y-websocket.
const (
	frameSyncReply          = 4
	frameStateless          = 5
	frameBroadcastStateless = 6
	frameClose              = 7
	frameSyncStatus         = 8
	framePing               = 9  // without an address
	framePong               = 10 // without an address
)

// The second number of a message that begins with frameAuth, beside authDenied, in the Hocuspocus dialect.
const (
	authToken         = 0
	authRefused       = 1
	authAuthenticated = 2
)

// PingsFrom is the first major version of the Hocuspocus provider that understands a ping. Earlier ones would read an
// address where there is none.
const PingsFrom = 4

// Hocuspocus is the dialect of the Hocuspocus provider 2 to 4: many documents on one socket. A frame is an address,
// which CutAddress takes off and AppendAddress puts before, and one message, which is what the methods are about. Step
// 1, step 2, update, awareness and query awareness are the messages of YWebsocket.
type Hocuspocus struct{}

var _ Dialect = Hocuspocus{}

// IsHocuspocus tells the dialect of a connection by the first frame that the peer sent: y-websocket begins with a step
// 1, whose first two bytes are 0, and Hocuspocus with the name of a document, which is never empty.
func IsHocuspocus(first []byte) bool { return len(first) < 2 || first[0] != 0 || first[1] != 0 }

// IsReadable reports whether a frame is a name and a message of the Hocuspocus dialect. It is a stricter question than
// IsHocuspocus, for where y-websocket is what is expected.
func IsReadable(frame []byte) bool {
	address, message, err := CutAddress(frame)
	if err != nil || len(address) == 0 {
		return false
	}
	var scratch [1]Step
	_, err = Hocuspocus{}.Parse(message, scratch[:0])
	return err == nil
}

// IsPong reports whether a frame is the answer to a ping, which has no address.
func IsPong(frame []byte) bool { return len(frame) == 1 && frame[0] == framePong }

// AppendPing appends the frame that asks a provider from version PingsFrom whether it is there.
func AppendPing(b []byte) []byte { return append(b, framePing) }

// CutAddress takes the address off a frame of a dialect that has them. Both results alias frame. The address may be
// any bytes: ParseAddress judges it.
func CutAddress(frame []byte) (address, message []byte, err error) {
	d := lib0.NewDecoder(frame)
	if address, err = d.Bytes(); err != nil {
		return nil, nil, malformed("address", 0, err)
	}
	return address, d.Rest(), nil
}

// AppendAddress appends an address; the message comes behind it.
func AppendAddress(b []byte, address string) []byte { return lib0.AppendString(b, address) }

// maxSessionBytes is the length of the longest session behind a document's name. Providers draw about a dozen letters.
const maxSessionBytes = 64

// MaxAddressBytes is the length of the longest address: a name, a NUL and a session.
const MaxAddressBytes = MaxNameBytes + 1 + maxSessionBytes

// ParseAddress splits an address into the name of a document and the session of a provider that is aware of sessions:
// name, NUL, session. Several such providers take part in one document over one socket, which is why a caller has to
// tell sessions apart by the whole address.
func ParseAddress(address []byte) (document, session string, refusal *Refusal) {
	name, rest, aware := bytes.Cut(address, []byte{0})
	if refusal := CheckName(string(name)); refusal != nil {
		return "", "", refusal
	}
	session = string(rest)
	if !aware {
		return string(name), "", nil
	}
	if session == "" || len(session) > maxSessionBytes || !utf8.ValidString(session) || strings.ContainsFunc(session, unicode.IsControl) {
		return "", "", Refuse(CodeMalformed, "what follows the document name is no session")
	}
	return string(name), session, nil
}

// Addressed returns true.
func (Hocuspocus) Addressed() bool { return true }

// Parse appends the message of one frame to dst; its payload aliases message. An empty message, an unknown type, a
// length that lies, and trailing bytes are refused. A token may be followed by what later providers add to it.
func (Hocuspocus) Parse(message []byte, dst []Step) ([]Step, error) {
	if len(message) == 0 {
		return dst, Refuse(CodeMalformed, "the frame holds no message")
	}
	d := lib0.NewDecoder(message)
	m, err := readAddressed(&d)
	if err != nil {
		return dst, err
	}
	if d.Len() > 0 && m.Kind != Token {
		return dst, Refuse(CodeMalformed, "%d bytes follow the %s message", d.Len(), m.Kind)
	}
	return append(dst, m), nil
}

// readAddressed reads the message behind an address.
func readAddressed(d *lib0.Decoder) (m Step, err error) {
	first, err := d.Uint()
	if err != nil {
		return Step{}, malformed("message type", 0, err)
	}
	switch first {
	case frameSync, frameSyncReply:
		return readSync(d, first)
	case frameAuth:
		return readAuth(d)
	case frameQueryAwareness:
		return Step{Kind: QueryAwareness}, nil
	case frameAwareness:
		m.Kind = Awareness
		m.Payload, err = d.Bytes()
	case frameStateless, frameBroadcastStateless:
		m.Kind = Stateless
		if first == frameBroadcastStateless {
			m.Kind = BroadcastStateless
		}
		m.Payload, err = d.StringBytes()
	case frameClose:
		m.Kind = Close
		if d.Len() > 0 { // a server says why
			m.Payload, err = d.StringBytes()
		}
	case frameSyncStatus:
		m.Kind = SyncStatus
		_, err = d.Uint()
	default:
		return Step{}, Refuse(CodeMalformed, "unknown message type %d", first)
	}
	if err != nil {
		return Step{}, malformed(m.Kind.String(), 0, err)
	}
	return m, nil
}

// readSync reads what follows frameSync or frameSyncReply.
func readSync(d *lib0.Decoder, first uint64) (Step, error) {
	second, err := d.Uint()
	if err != nil {
		return Step{}, malformed("message type", 0, err)
	}
	m := Step{Kind: syncKind(second)}
	if m.Kind == 0 {
		return Step{}, Refuse(CodeMalformed, "unknown message type %d %d", first, second)
	}
	if m.Payload, err = d.Bytes(); err != nil {
		return Step{}, malformed(m.Kind.String(), 0, err)
	}
	if first == frameSyncReply {
		m.Kind = SyncReply
	}
	return m, nil
}

// readAuth reads what follows frameAuth.
func readAuth(d *lib0.Decoder) (Step, error) {
	second, err := d.Uint()
	if err != nil {
		return Step{}, malformed("message type", 0, err)
	}
	m := Step{Kind: Token}
	switch second {
	case authToken:
	case authRefused, authAuthenticated:
		m.Kind = Auth
	default:
		return Step{}, Refuse(CodeMalformed, "unknown message type %d %d", uint64(frameAuth), second)
	}
	if m.Payload, err = d.StringBytes(); err != nil {
		return Step{}, malformed(m.Kind.String(), 0, err)
	}
	if m.Kind == Token && d.Len() > 0 {
		version, err := d.StringBytes()
		if err != nil {
			return Step{}, malformed("version", 0, err)
		}
		m.Provider = majorVersion(version)
	}
	return m, nil
}

// majorVersion returns the first number of a version such as 4.8.0, 0 if it has none.
func majorVersion(version []byte) int {
	n := 0
	for _, c := range version {
		if c < '0' || c > '9' || n > 1000 {
			break
		}
		n = 10*n + int(c-'0')
	}
	return n
}

// AppendAuthenticated appends the message that says what a peer of level l may do.
func (Hocuspocus) AppendAuthenticated(b []byte, l Level) []byte {
	scope := "readonly"
	if l >= Write {
		scope = "read-write"
	}
	return lib0.AppendString(append(b, frameAuth, authAuthenticated), scope)
}

// AppendDenied appends the message that refuses the document and says why. The socket stays open.
func (Hocuspocus) AppendDenied(b []byte, reason string) []byte {
	return lib0.AppendString(append(b, frameAuth, authRefused), reason)
}

// AppendTokenRequest appends the message that asks the provider for its token again. Versions before 3 ignore it.
func (Hocuspocus) AppendTokenRequest(b []byte) []byte { return append(b, frameAuth, authToken) }

// AppendStateless appends a message that carries a string of the application.
func (Hocuspocus) AppendStateless(b, payload []byte) []byte {
	return appendFrame(b, payload, frameStateless)
}

// AppendSyncStatus appends the message that says whether an update was applied, and is safe.
func (Hocuspocus) AppendSyncStatus(b []byte, applied bool) []byte {
	if applied {
		return append(b, frameSyncStatus, 1)
	}
	return append(b, frameSyncStatus, 0)
}
