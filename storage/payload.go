package storage

import (
	"fmt"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// The encodings of a snapshot's payload. The number stands in its record.
const (
	encodingRaw  = 0
	encodingZstd = 1 // one zstd frame that says how long its content is
)

// compressFrom is the size from which a snapshot is compressed. Below it, the
// blocks of Pebble's tables do as well, and a decoder need not be woken.
const compressFrom = 4 << 10

// coders are made when the first snapshot needs them: a process without large
// ones does not pay for their memory.
var coders = sync.OnceValues(func() (c struct {
	enc *zstd.Encoder
	dec *zstd.Decoder
}, err error) {
	if c.enc, err = zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithSingleSegment(true)); err != nil {
		return c, fmt.Errorf("make a zstd encoder: %w", err)
	}
	c.dec, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(MaxUpdateBytes))
	if err != nil {
		return c, fmt.Errorf("make a zstd decoder: %w", err)
	}
	return c, nil
})

// packState returns the payload for state, and its encoding. What does not get
// smaller by an eighth stays raw: then the payload is state itself.
func packState(state []byte) (payload []byte, encoding uint64, err error) {
	if len(state) < compressFrom {
		return state, encodingRaw, nil
	}
	c, err := coders()
	if err != nil {
		return nil, 0, err
	}
	if packed := c.enc.EncodeAll(state, nil); len(packed) <= len(state)-len(state)/8 {
		return packed, encodingZstd, nil
	}
	return state, encodingRaw, nil
}

// unpackState returns the state in a payload. A raw one aliases it.
func unpackState(payload []byte, encoding uint64) ([]byte, error) {
	if encoding == encodingRaw {
		return payload, nil
	}
	size, err := stateSize(payload, encoding)
	if err != nil {
		return nil, err
	}
	c, err := coders()
	if err != nil {
		return nil, err
	}
	state, err := c.dec.DecodeAll(payload, make([]byte, 0, size))
	if err != nil {
		return nil, badRecord("decompress: %w", err)
	}
	if int64(len(state)) != size {
		return nil, badRecord("decompress: %d bytes instead of %d", len(state), size)
	}
	return state, nil
}

// stateSize returns the size of the state in a payload, without decompressing it.
func stateSize(payload []byte, encoding uint64) (int64, error) {
	if encoding == encodingRaw {
		return int64(len(payload)), nil
	}
	var h zstd.Header
	if err := h.Decode(payload); err != nil {
		return 0, badRecord("decompress: %w", err)
	}
	if !h.HasFCS || h.FrameContentSize > MaxUpdateBytes {
		return 0, badRecord("decompress: a frame of unknown size, or over %d bytes", MaxUpdateBytes)
	}
	return int64(h.FrameContentSize), nil
}
