package server

import (
	"bufio"
	"encoding/binary"
	"net"
	"sync"
	"syscall"
	"time"
)

// incoming is what has come in on a socket while nobody read from it.
//
// A goroutine that waits for bytes inside the WebSocket library is a dozen calls deep, so that its stack stays at 8 KiB,
// and has a buffer ready. An idle connection does nothing else; so it waits before it calls the library, without a buffer
// and few calls deep, where the garbage collector halves its stack. What comes is read into a pooled buffer, larger than
// any that an idle connection could keep; whole messages are taken from there, and the rest is given out when the library asks.
type incoming struct {
	mu     sync.Mutex // held while the socket is read, also while that waits
	raw    syscall.RawConn
	ready  func(fd uintptr) bool // reads; kept, because making it anew would allocate
	buffer *[]byte               // pooled; nil unless it holds ahead
	ahead  []byte

	gave time.Time     // when a connection that is told to stop last gave something to the library
	busy time.Duration // that the library has worked on it since the last rest

	looking sync.Mutex
	library *bufio.Reader // what the library has read and not given out; nil when it may read on another goroutine
}

// open begins with what was read with the request. It waits for a connection that lets us, which one in TLS does not.
func (in *incoming) open(s *socket, library *bufio.Reader, ahead []byte) {
	in.ahead = ahead
	conn, ok := s.Conn.(*net.TCPConn)
	if !ok || !canRaw {
		return
	}
	raw, err := conn.SyscallConn()
	if err != nil {
		return // it has been closed, which reading it will tell
	}
	in.raw, in.ready, in.library = raw, s.ready, library
}

// close lets the library read on another goroutine than the one that reads messages, as it does to close a connection.
// What came before is still given out first.
func (in *incoming) close() {
	in.looking.Lock()
	defer in.looking.Unlock()
	in.library = nil
}

// isEmpty reports whether the library has nothing left that it could give out without reading.
func (in *incoming) isEmpty() bool {
	in.looking.Lock()
	defer in.looking.Unlock()
	return in.library != nil && in.library.Buffered() == 0
}

// take gives out what came before.
func (in *incoming) take(p []byte) int {
	n := copy(p, in.ahead)
	in.discard(n)
	return n
}

// discard removes the first n bytes of what came before, and keeps no buffer for nothing.
func (in *incoming) discard(n int) {
	if in.ahead = in.ahead[n:]; len(in.ahead) > 0 {
		return
	}
	if in.ahead = nil; in.buffer != nil {
		pooled.Put(in.buffer)
		in.buffer = nil
	}
}

// What a peer has on its way after it was told to stop has a tenth of the time: of a flood of the smallest frames, each of
// which the library looks at, it would else take a core until all is through, while large ones cost it next to nothing.
const (
	stopBusy = time.Millisecond
	stopRest = 9 * stopBusy
)

// rest is called when the library comes for more, and rests when it has worked long enough on what it got.
func (in *incoming) rest() {
	if in.gave.IsZero() {
		return
	}
	if in.busy += time.Since(in.gave); in.busy >= stopBusy {
		in.busy = 0
		time.Sleep(stopRest)
	}
}

// await returns when there is something of a message to read, or when the connection has ended, which the read that
// follows tells. Only the goroutine that reads messages may call it, between two of them.
//
// Pings and pongs are dealt with here: the library does so while it waits for the message behind them, and a connection
// that is idle but for them would wait there.
func (s *socket) await() {
	s.in.mu.Lock()
	defer s.in.mu.Unlock()
	for len(s.in.ahead) == 0 && s.in.isEmpty() {
		if err := s.in.raw.Read(s.in.ready); err != nil || len(s.in.ahead) == 0 {
			return // it is met again by the read that follows
		}
		for s.takeControl() {
		}
	}
}

// The control frames of a client, when they are as they have to be (RFC 6455, section 5.5). Others are left to the library,
// which knows what to say.
const (
	pingFrame       = 0x89
	pongFrame       = 0x8a
	maskedBit       = 0x80 // of the second byte, the others of which are the length
	maskBytes       = 4    // behind it
	mostControl     = 125  // bytes that a control frame carries
	controlOverhead = 2 + maskBytes
)

// takeControl takes one whole ping or pong off the beginning of what came, and answers it as the library would. It reports
// false when there is none.
func (s *socket) takeControl() bool {
	in := s.in.ahead
	if len(in) < controlOverhead || in[0] != pingFrame && in[0] != pongFrame || in[1]&maskedBit == 0 {
		return false
	}
	n := int(in[1] &^ maskedBit)
	if n > mostControl || len(in) < controlOverhead+n {
		return false
	}
	if s.isWelcome() && in[0] == pingFrame {
		pong := append(make([]byte, 0, 2+mostControl), pongFrame, byte(n))
		pong = appendUnmasked(pong, in[controlOverhead:][:n], in[2:controlOverhead])
		_, _ = s.Write(pong) // an error is met again by the read that follows
	}
	s.in.discard(controlOverhead + n)
	return true
}

// takeMessage takes a whole binary message that is one frame of at most so many bytes off the beginning of what came, and
// appends it to b. It reports false when there is none; then the library reads what there is. Only the goroutine that reads
// messages may call it, between two of them.
//
// The library looks at two locks and a context for each message, copies it in pieces, and needs as long as our engine. What
// comes in fragments, in pieces, or not as it has to be, is its business all the same.
func (s *socket) takeMessage(b []byte, most int64) ([]byte, bool) {
	s.in.mu.Lock()
	defer s.in.mu.Unlock()
	in := s.in.ahead
	if len(in) < 2+maskBytes || in[0] != binaryFrame || in[1]&maskedBit == 0 || !s.in.isEmpty() {
		return b, false
	}
	n, header := int(in[1]&^maskedBit), 2
	switch {
	case n == length16:
		n, header = int(binary.BigEndian.Uint16(in[2:])), 4
	case n > length16: // there is none as large in a buffer
		return b, false
	}
	header += maskBytes
	if len(in) < header+n || int64(n) > most {
		return b, false
	}
	b = appendUnmasked(b, in[header:][:n], in[header-maskBytes:header])
	s.in.discard(header + n)
	return b, true
}

// appendUnmasked appends what was masked to b (RFC 6455, section 5.3).
func appendUnmasked(b, masked, mask []byte) []byte {
	key := uint64(binary.LittleEndian.Uint32(mask))
	key |= key << 32
	for ; len(masked) >= 8; masked = masked[8:] {
		b = binary.LittleEndian.AppendUint64(b, binary.LittleEndian.Uint64(masked)^key)
	}
	for i, c := range masked {
		b = append(b, c^mask[i%maskBytes])
	}
	return b
}

// ready reads what there is and reports false when there is nothing.
func (s *socket) ready(fd uintptr) bool {
	buffer := pooled.Get().(*[]byte) // for no longer than there is something in it
	n, again := readRaw(fd, (*buffer)[:cap(*buffer)])
	if n <= 0 {
		pooled.Put(buffer)
		return !again
	}
	s.received.Store(time.Now().UnixNano())
	s.in.buffer, s.in.ahead = buffer, (*buffer)[:n]
	return true
}
