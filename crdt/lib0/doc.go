// Package lib0 reads and writes the binary primitives that the Yjs family of
// protocols is made of: variable-length integers, length-prefixed strings and
// byte arrays, and Any, lib0's tagged encoding of JavaScript values.
//
// Encoders are functions that append to a slice and return it. The decoder is
// a cursor over a slice that it never modifies. Every decoding error is an
// *Error that names the offset and the reason; no input makes the package
// panic, and nothing is allocated in proportion to a count that the input
// merely claims.
//
// Any is kept as bytes wherever possible. CanonicalAny rewrites what a peer
// sent into the one form that lib0 itself would write after decoding it into
// JavaScript values, so that values can be stored, compared and sent on
// without ever becoming Go values. Inside that stored form strings are WTF-8:
// a lone surrogate, which JSON can spell as an escape, survives; AppendWireAny
// replaces it by U+FFFD as lib0 does when it writes UTF-8.
//
// Sources: lib0 0.2 encoding.js, decoding.js.
package lib0
