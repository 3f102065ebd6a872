package load

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// The opcodes of WebSocket frames.
const (
	opContinue = 0
	opText     = 1
	opBinary   = 2
	opClose    = 8
	opPing     = 9
	opPong     = 10
)

const (
	finBit  = 0x80
	maskBit = 0x80
)

// maxFrameBytes bounds one frame that a client accepts.
const maxFrameBytes = 256 << 20

// appendFrame appends a frame as a client sends it. The masking key is zero, which the protocol allows: the server
// unmasks as always, and the generator saves the pass over the bytes.
func appendFrame(b []byte, op byte, payload []byte) []byte {
	return append(appendFrameHead(b, op, len(payload)), payload...)
}

// appendFrameHead appends what stands before a payload of n bytes.
func appendFrameHead(b []byte, op byte, n int) []byte {
	b = append(b, finBit|op)
	switch {
	case n < 126:
		b = append(b, maskBit|byte(n))
	case n <= 0xffff:
		b = binary.BigEndian.AppendUint16(append(b, maskBit|126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, maskBit|127), uint64(n))
	}
	return append(b, 0, 0, 0, 0)
}

// A frame is one frame from a server. Its payload aliases what it was read from.
type frame struct {
	op      byte
	fin     bool
	payload []byte
}

// nextFrame reads the frame that b begins with and returns how long it is, 0 when it is not whole yet.
func nextFrame(b []byte) (f frame, size int, err error) {
	if len(b) < 2 {
		return f, 0, nil
	}
	if b[0]&0x70 != 0 || b[1]&maskBit != 0 {
		return f, 0, fmt.Errorf("a frame that begins %#x %#x: reserved bits, or masked by a server", b[0], b[1])
	}
	f.op, f.fin = b[0]&0x0f, b[0]&finBit != 0
	head, n := 2, uint64(b[1]&0x7f)
	switch n {
	case 126:
		if head = 4; len(b) < head {
			return f, 0, nil
		}
		n = uint64(binary.BigEndian.Uint16(b[2:]))
	case 127:
		if head = 10; len(b) < head {
			return f, 0, nil
		}
		n = binary.BigEndian.Uint64(b[2:])
	}
	if n > maxFrameBytes {
		return f, 0, fmt.Errorf("a frame of %d bytes", n)
	}
	if size = head + int(n); len(b) < size {
		return f, 0, nil
	}
	f.payload = b[head:size]
	return f, size, nil
}

// closeError returns why a close frame says that it was sent.
func closeError(payload []byte) error {
	if len(payload) < 2 {
		return errors.New("the server closed the connection without a code")
	}
	return fmt.Errorf("the server closed the connection: %d %s", binary.BigEndian.Uint16(payload), payload[2:])
}
