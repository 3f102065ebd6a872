// Package sync is the protocol between an editor and the server, without I/O.
//
// It knows how frames look, in which order messages may come, what each of them asks for, and who may ask for it. It
// opens no socket, holds no document and starts no goroutine: a caller feeds the frames of one connection to a Session
// and does what the Steps that come back say. Everything that needs a document, the disk or a clock is the caller's.
//
//	frame ──▶ Session.Receive ──▶ Dialect.Parse ──▶ Authorize(level, kind) ──▶ []Step, or a *Refusal
//	                                                                             │
//	frame ◀── YWebsocket.AppendStep2, AppendUpdate, … ◀─ the caller's answer ◀───┘
//
// A Dialect is one family of providers on the wire. YWebsocket is what y-websocket 1 to 3 speak. Hocuspocus is what the
// Hocuspocus provider 2 to 4 speaks: the same messages behind the address of a document, so that many share a socket,
// and tokens, sync statuses and farewells beside them.
//
// Peer input never panics: a frame that cannot be read is a *Refusal with CodeMalformed that names the offset and the
// reason. Document names, close codes and the length of reasons are decided here too, because every dialect shares
// them. PROTOCOL.md, beside this file, describes the bytes and the rules.
//
// Sources: y-protocols 1.0 sync.js, awareness.js and auth.js; y-websocket 3.1 src/y-websocket.js; the Hocuspocus
// provider 2.15, 3.4 and 4.8.
package sync
