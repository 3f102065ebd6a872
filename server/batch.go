package server

import "encoding/binary"

// batch is what a writer is about to send: messages of one connection in WebSocket frames, one behind the other, which go
// out in one call of the system. It is that call that a delivered message costs; copying a few small frames together is
// nothing beside it. A large message is not copied.
//
// The frames are a server's: binary, in one piece, not masked and not compressed (RFC 6455, section 5.2). The handshake,
// closing, and reading what does not come whole are the library's.
type batch struct {
	socket *socket
	buffer *[]byte // pooled; has the frames that wait
	frames int     // that wait
	begun  int     // so many bytes of them are written already, and nobody else can write before the rest is
}

const (
	binaryFrame = 0x82 // the first byte of a frame that is the whole of a binary message
	opcodeBits  = 0x0f // of the first byte
	opcodeClose = 0x08
	mostHeader  = 10  // bytes of one
	length16    = 126 // the length of a frame that has its length in the two bytes that follow
	length64    = 127 // and in the eight

	// batchBytes is how much goes out together. A message as large as that is not copied into the buffer.
	batchBytes = progressBytes
)

// newBatch returns an empty batch. The caller, or who gets it from there, has to give its buffer back with done.
func newBatch(s *socket) batch {
	b := batch{socket: s, buffer: pooled.Get().(*[]byte)}
	*b.buffer = (*b.buffer)[:0]
	return b
}

// done gives the buffer back.
func (b *batch) done() { pooled.Put(b.buffer) }

// fits reports whether an errand can be added without waiting for anything.
func (b *batch) fits(e errand) bool {
	if e.repair || len(e.ids) > 0 {
		return false
	}
	most := mostHeader + len(e.parcel.frame)
	if to := e.parcel.to; to != nil {
		most += len(to.prefix) + len(to.acked)
	}
	return len(*b.buffer)+most <= batchBytes
}

// add appends a message that is made of an address, which may be empty, and the rest. What is full is written: it returns
// how many frames and bytes that were.
func (b *batch) add(address, message []byte) (frames, bytes int, err error) {
	buffer := *b.buffer
	if len(buffer)+len(address)+len(message) > batchBytes {
		if frames, bytes, err = b.flush(); err != nil {
			return frames, bytes, err
		}
		buffer = *b.buffer
	}
	buffer = append(appendFrameHeader(buffer, len(address)+len(message)), address...)
	b.frames++
	if len(message) < batchBytes {
		*b.buffer = append(buffer, message...)
		return frames, bytes, nil
	}
	*b.buffer = buffer
	n, m, err := b.flushWith(message)
	return frames + n, bytes + m, err
}

// flush writes what waits, and returns how many frames and bytes that was.
func (b *batch) flush() (frames, bytes int, err error) { return b.flushWith(nil) }

// flushWith is flush with the rest of the last frame.
func (b *batch) flushWith(rest []byte) (frames, bytes int, err error) {
	frames, bytes = b.frames, len(*b.buffer)+len(rest)
	if frames == 0 {
		return 0, 0, nil
	}
	if b.begun > 0 {
		err = b.socket.finish((*b.buffer)[b.begun:], rest)
	} else {
		err = b.socket.writeFrames(*b.buffer, rest)
	}
	b.clear()
	return frames, bytes, err
}

// try is flush without waiting. If it reports false, flush has to be called, which may wait.
func (b *batch) try() (done bool, err error) {
	if b.frames == 0 {
		return true, nil
	}
	n, err := b.socket.tryFrames(*b.buffer)
	if err == nil && n < len(*b.buffer) {
		b.begun = n
		return false, nil
	}
	b.clear()
	return true, err
}

// clear makes the batch empty.
func (b *batch) clear() { *b.buffer, b.frames, b.begun = (*b.buffer)[:0], 0, 0 }

// appendFrameHeader appends the header of a frame that carries a message of n bytes.
func appendFrameHeader(b []byte, n int) []byte {
	switch {
	case n < length16:
		return append(b, binaryFrame, byte(n))
	case n < 1<<16:
		return binary.BigEndian.AppendUint16(append(b, binaryFrame, length16), uint16(n))
	}
	return binary.BigEndian.AppendUint64(append(b, binaryFrame, length64), uint64(n))
}
